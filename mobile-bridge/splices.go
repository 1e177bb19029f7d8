package mobilebridge

import (
	"context"
	"net/url"

	"strowger/mobile-bridge/internal/splice"
)

// openSplice makes what takes apps to switches that they cannot dial. It ends with ctx at the latest.
func (b *bridge) openSplice(ctx context.Context) {
	if b.face == nil {
		return
	}
	var pages []string // behind a proxy, requests may name another host than pages do
	if u, err := url.Parse(b.at.URL); err == nil {
		pages = []string{u.Host}
	}
	b.links.splice = splice.New(ctx, splice.Config{Open: b.links.open, Source: b.face.Source, Hosts: pages, Logger: b.log})
	b.face.Handle("GET /call/{node}", b.links.splice)
}
