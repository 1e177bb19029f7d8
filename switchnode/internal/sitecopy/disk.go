package sitecopy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strowger/pkg/datafolder"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sitecopy"
)

// Files. Copy and peer documents are as the cloud signed them, and are checked again when they are read. The keys that
// check them come with each copy, so the newest ones are kept beside it: a switch that starts without the cloud after a
// change of keys has no other source. Revocations were checked when they came, and hold after their key has gone.
const (
	copyFile        = "site.jwt"
	keysFile        = "copy-keys.json"
	revocationsFile = "revocations.json"
	peersFolder     = "peers"
	peerSuffix      = ".jwt"
)

func (h *Holder) path(name string) string { return filepath.Join(h.cfg.Dir, name) }

func (h *Holder) peerPath(site string) string {
	return filepath.Join(h.cfg.Dir, peersFolder, site+peerSuffix)
}

// unkept is a file that the disk has not taken yet.
type unkept struct {
	path    string
	content []byte
}

// keep writes files, in this order. What the disk does not take is in force all the same, and is written when the disk
// takes it again.
func (h *Holder) keep(files ...unkept) {
	for _, f := range files {
		h.unkept = append(slices.DeleteFunc(h.unkept, func(u unkept) bool { return u.path == f.path }), f)
	}
	h.keepRest()
}

// keepRest writes what is not on the disk yet, and tells when that begins to fail and when it works again.
func (h *Holder) keepRest() {
	for len(h.unkept) > 0 {
		if err := datafolder.Replace(h.unkept[0].path, h.unkept[0].content, 0o600); err != nil {
			if h.diskError.Swap(&err) == nil {
				h.cfg.Logger.Error("documents cannot be kept on disk; they hold until a restart", "error", err)
			}
			return
		}
		h.unkept = h.unkept[1:]
	}
	h.unkept = nil
	if h.diskError.Swap(nil) != nil {
		h.cfg.Logger.Info("documents are kept on disk again")
	}
}

// takeCopy verifies, holds and writes a copy, and forgets the sites that it lists no more.
func (h *Holder) takeCopy(doc string) error {
	c, credentials, err := h.openCopy(doc)
	if err != nil {
		return err
	}
	if c.Version < h.docs.copy.Version {
		return errs.New(errs.Conflict, "site copy %d is older than the one held, %d", c.Version, h.docs.copy.Version)
	}
	keys, err := json.Marshal(c.CopyKeys)
	if err != nil {
		return err
	}
	// Keys first: they are published long before they sign, so the new ones check the old copy as well.
	h.keep(unkept{h.path(keysFile), keys}, unkept{h.path(copyFile), []byte(doc)})
	h.docs.keys, h.docs.copy, h.docs.credentials = c.CopyKeys, c, credentials
	h.cfg.Logger.Info("site copy taken", "version", c.Version, "devices", len(c.Devices), "numbers", len(c.Numbers))
	h.forgetSites()
	return nil
}

// openCopy checks a copy and opens the credentials in it. One whose credentials cannot be opened is refused: no phone
// could register any more.
func (h *Holder) openCopy(doc string) (sitecopy.Copy, []sitecopy.Credential, error) {
	id := h.cfg.Identity
	c, err := sitecopy.OpenCopy(doc, id.Org, h.docs.keys)
	switch {
	case err != nil:
		return c, nil, err
	case c.ID != id.Site:
		return c, nil, errs.New(errs.Forbidden, "site copy of %s, this switch is of %s", c.ID, id.Site)
	case len(c.CopyKeys) == 0:
		return c, nil, errs.New(errs.Invalid, "site copy %d has no keys to check the next one", c.Version)
	}
	sealed, ok := c.Secrets[id.Node]
	if !ok { // signed before this switch had enrolled
		return c, nil, nil
	}
	credentials, err := sitecopy.Unseal(id.Key, id.Org, id.Site, id.Node, sealed)
	return c, credentials, err
}

func (h *Holder) forgetSites() {
	for site := range h.docs.peers {
		if slices.ContainsFunc(h.docs.copy.Sites, func(s sitecopy.SiteCode) bool { return s.Site == site }) {
			continue
		}
		delete(h.docs.peers, site)
		path := h.peerPath(site)
		h.unkept = slices.DeleteFunc(h.unkept, func(u unkept) bool { return u.path == path })
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.cfg.Logger.Warn("the document of a site that is no more stays on disk", "site", site, "error", err)
		}
	}
}

func (h *Holder) takePeer(site, doc string) error {
	p, err := h.openPeer(site, doc)
	if err != nil {
		return err
	}
	if have := h.docs.peers[site]; p.Version < have.Version {
		return errs.New(errs.Conflict, "peer document %d of site %s is older than the one held, %d", p.Version, site, have.Version)
	}
	h.keep(unkept{h.peerPath(site), []byte(doc)})
	h.docs.peers[site] = p
	return nil
}

func (h *Holder) openPeer(site, doc string) (sitecopy.Peer, error) {
	if err := ident.Check(ident.Site, site); err != nil { // it is a file's name
		return sitecopy.Peer{}, err
	}
	p, err := sitecopy.OpenPeer(doc, h.cfg.Identity.Org, h.docs.keys)
	if err == nil && p.ID != site {
		err = errs.New(errs.Forbidden, "peer document of site %s, asked for %s", p.ID, site)
	}
	return p, err
}

// takeRevocation holds a statement from now on.
func (h *Holder) takeRevocation(doc string) error {
	r, err := sitecopy.OpenRevocation(doc, h.cfg.Identity.Org, h.docs.keys)
	if err != nil {
		return err
	}
	at, known := slices.BinarySearchFunc(h.docs.revoked, r.Version, func(have sitecopy.Revocation, n uint64) int { return cmp.Compare(have.Version, n) })
	if known {
		return nil
	}
	h.docs.revoked = slices.Insert(slices.Clone(h.docs.revoked), at, r) // snapshots have the old slice
	h.cfg.Logger.Warn("trust was taken back", "number", r.Version, "node", r.Node, "device", r.Device, "reason", r.Reason)
	b, err := json.Marshal(h.docs.revoked)
	if err != nil {
		return err
	}
	h.keep(unkept{h.path(revocationsFile), b})
	return nil
}

// load reads the folder. A document that does not open is fetched anew.
func (h *Holder) load() error {
	h.docs = documents{keys: h.cfg.Identity.CopyKeys, peers: map[string]sitecopy.Peer{}}
	if err := h.readJSON(keysFile, &h.docs.keys); err != nil {
		return err
	}
	if err := h.readJSON(revocationsFile, &h.docs.revoked); err != nil {
		return err
	}
	doc, err := read(h.path(copyFile))
	if err != nil {
		return err
	}
	if doc != "" {
		c, credentials, err := h.openCopy(doc)
		if err != nil {
			h.cfg.Logger.Error("the site copy on disk does not open; no phone can register until the cloud sends another", "error", err)
		} else {
			h.docs.copy, h.docs.credentials = c, credentials
		}
	}
	peers, err := os.ReadDir(h.path(peersFolder))
	if err != nil {
		return err
	}
	for _, e := range peers {
		site, ok := strings.CutSuffix(e.Name(), peerSuffix)
		if !ok {
			continue
		}
		doc, err := read(h.peerPath(site))
		if err != nil {
			return err
		}
		p, err := h.openPeer(site, doc)
		if err != nil {
			h.cfg.Logger.Warn("a peer document on disk does not open, it is fetched anew", "site", site, "error", err)
			continue
		}
		h.docs.peers[site] = p
	}
	return nil
}

// read returns "" for a file that is not there.
func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// readJSON leaves v as it is when there is no such file.
func (h *Holder) readJSON(name string, v any) error {
	text, err := read(h.path(name))
	if err != nil || text == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%s: %w; move the file away", h.path(name), err)
	}
	return nil
}
