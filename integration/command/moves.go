package command

import (
	"context"
	"fmt"
	"net"
	"time"

	"strowger/mobile-bridge/sdk"
)

// lookEvery is how often a phone looks whether its machine has another network. Phones in apps are told so by their system.
const lookEvery = time.Second

// follow tells a phone that this machine has other addresses than before, until ctx ends.
func follow(ctx context.Context, p *sdk.Phone) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for last := addresses(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := addresses(); now != last {
			last = now
			p.NetworkChanged()
		}
	}
}

// addresses are those of this machine, as far as they can be read.
func addresses() string {
	all, err := net.InterfaceAddrs()
	return fmt.Sprint(all, err)
}
