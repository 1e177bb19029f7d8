package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// mend is what to do about servers that are not configured for this installation.
const mend = "write the configuration with cloud --fabric-config DIR, take it to the servers and reload them"

// The oldest server that has all that is used here: the auth callout came with 2.10.
const oldestMajor, oldestMinor = 2, 10

// renewBefore is how long before its end a server's certificate is complained of.
const renewBefore = 30 * 24 * time.Hour

// examineWithin bounds how long all examinations may take.
const examineWithin = 10 * time.Second

// describeWithin is how long the servers of a cluster have to describe themselves. They are asked every askAgain: while a
// cluster forms, what one server sends to another may be lost.
const describeWithin, askAgain = 3 * time.Second, 500 * time.Millisecond

// examine checks external servers: that the users are in their accounts, that the system account answers, that each
// server is new enough and asks for certificates, and that the callout of this installation is asked.
func (x *Exchange) examine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	if err := x.examineAccounts(ctx); err != nil {
		return err
	}
	servers, err := x.describe(ctx)
	if err != nil {
		return err
	}
	var lacks []error
	for _, s := range servers {
		lacks = append(lacks, x.examineServer(s))
	}
	if err := errors.Join(lacks...); err != nil {
		return err
	}
	return x.tryCallout()
}

// examineAccounts checks that a user of the traffic can connect, and is where the callout places nodes.
func (x *Exchange) examineAccounts(ctx context.Context) error {
	traffic, err := x.connect(x.keys.cloud, "strowger cloud")
	if err != nil {
		return err
	}
	defer traffic.Close()
	for account, conn := range map[string]*nats.Conn{trafficAccount: traffic, calloutAccount: x.guard} {
		var info struct{ Data server.UserInfo }
		m, err := conn.RequestWithContext(ctx, "$SYS.REQ.USER.INFO", nil)
		if err == nil {
			err = json.Unmarshal(m.Data, &info)
		}
		if err != nil {
			return fmt.Errorf("ask the NATS server for the account of user %q: %w; it must be %d.%d or newer", conn.Opts.Name, err, oldestMajor, oldestMinor)
		}
		if info.Data.Account != account {
			return errs.New(errs.Invalid, "the NATS server has user %q in account %q, not %q; %s", conn.Opts.Name, info.Data.Account, account, mend)
		}
	}
	return nil
}

// describe collects what every server of the cluster says of itself. One that died is still counted by the others for some
// minutes (NATS learns of a shutdown, not of a crash), which must not keep a cloud from starting.
func (x *Exchange) describe(ctx context.Context) ([]*server.Varz, error) {
	var stats server.ServerStatsMsg
	m, err := x.system.RequestWithContext(ctx, "$SYS.REQ.SERVER.PING.STATSZ", nil)
	if err == nil {
		err = json.Unmarshal(m.Data, &stats)
	}
	if err != nil {
		return nil, errs.New(errs.Invalid, "the system account of the NATS server does not answer: %w; %s", err, mend)
	}
	answers, err := x.system.SubscribeSync(x.system.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("subscribe to descriptions of NATS servers: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }() // fails only when the connection is closed
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	all, want := map[string]*server.Varz{}, max(1, stats.Stats.ActiveServers)
	for len(all) < want && ctx.Err() == nil {
		if err := x.askForDescriptions(ctx, answers, want, all); err != nil {
			return nil, fmt.Errorf("%d of %d NATS servers described themselves: %w", len(all), want, err)
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("none of %d NATS servers described itself: %w", want, ctx.Err())
	case len(all) < want:
		x.log.Warn("NATS servers that may have died did not describe themselves", "answered", len(all), "of", want)
	}
	return slices.Collect(maps.Values(all)), nil
}

// askForDescriptions asks all servers once, and adds what they say of themselves by their ids, until there are as many as
// wanted or it is time to ask again.
func (x *Exchange) askForDescriptions(ctx context.Context, answers *nats.Subscription, want int, all map[string]*server.Varz) error {
	if err := x.system.PublishRequest("$SYS.REQ.SERVER.PING.VARZ", answers.Subject, nil); err != nil {
		return err
	}
	turn, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	for len(all) < want {
		m, err := answers.NextMsgWithContext(turn)
		if turn.Err() != nil && err != nil {
			return nil
		}
		var v server.ServerAPIVarzResponse
		if err == nil {
			err = json.Unmarshal(m.Data, &v)
		}
		switch {
		case err != nil:
			return err
		case v.Data == nil:
			return fmt.Errorf("one answers %+v", v.Error)
		}
		all[v.Data.ID] = v.Data
	}
	return nil
}

// examineServer says what one server lacks.
func (x *Exchange) examineServer(s *server.Varz) error {
	lacks := func(format string, args ...any) error {
		return errs.New(errs.Invalid, "NATS server %s "+format, append([]any{s.Name}, args...)...)
	}
	var all []error
	if !newEnough(s.Version) {
		all = append(all, lacks("has version %s: want %d.%d or newer", s.Version, oldestMajor, oldestMinor))
	}
	if !s.TLSRequired || !s.TLSVerify {
		all = append(all, lacks("does not ask clients for certificates (tls: verify); %s", mend))
	}
	if s.MaxPayload < fabric.MaxReply {
		all = append(all, lacks("has max_payload %d: want %d, the copy of a large site; %s", s.MaxPayload, fabric.MaxReply, mend))
	}
	if end := s.TLSCertNotAfter; !end.IsZero() && x.cfg.Now().After(end.Add(-renewBefore)) {
		x.log.Warn("the certificate of a NATS server ends soon: "+mend, "server", s.Name, "ends", end)
	}
	return errors.Join(all...)
}

func newEnough(version string) bool {
	f := strings.SplitN(version, ".", 3)
	if len(f) < 3 {
		return false
	}
	major, err1 := strconv.Atoi(f[0])
	minor, err2 := strconv.Atoi(f[1])
	return err1 == nil && err2 == nil && (major > oldestMajor || major == oldestMajor && minor >= oldestMinor)
}

// tryCallout connects as nobody that the server knows: only the callout, signed by this installation's issuer, lets that in.
func (x *Exchange) tryCallout() error {
	probe, err := x.dial("strowger probe", nats.Token(x.keys.probe))
	if err != nil {
		return errs.New(errs.Invalid, "the NATS server at %v does not take this installation's word on who may connect (auth_callout): %w; %s", x.cfg.Servers, err, mend)
	}
	probe.Close()
	return nil
}
