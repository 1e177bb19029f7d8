package webside

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/errs"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
)

// readEntry reads the line with which an app opens its stream.
func readEntry(r io.Reader) (e proof.Entry, err error) {
	switch err := proof.ReadLine(r, proof.MaxEntry, &e); {
	case errs.CodeOf(err) == errs.Invalid:
		return proof.Entry{}, errs.New(errs.KeyMalformed, "%w", err)
	case err != nil:
		return proof.Entry{}, errs.New(errs.KeyMissing, "no session key was shown: %w", err)
	case e.Key == "":
		return proof.Entry{}, errs.New(errs.KeyMissing, "the first line of the stream has no session key")
	}
	return e, nil
}

// enter takes an app that comes to a call.
func (w *Web) enter(rw http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*quic.Conn)
	if !w.wasLet(c) {
		return
	}
	session, err := w.server.Upgrade(rw, r)
	if err != nil {
		w.count(errs.New(errs.Invalid, "%w", err))
		http.Error(rw, "WebTransport only, and for apps only", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(session.Context(), w.cfg.Times.Line)
	defer cancel()
	s, err := session.AcceptStream(ctx)
	if err != nil {
		w.count(errs.New(errs.KeyMissing, "no stream was opened"))
		_ = session.CloseWithError(0, "no stream was opened") // and the connection, when its time is up
		return
	}
	lane := newStream(s, w.number.Add(1))
	w.serve(arrival{
		stream: lane, from: session.RemoteAddr().String(), known: func() { w.admitted(c) },
		refuse: func(why error) { w.refuse(session, lane, why) },
		leave: func() { // the app closes the session when it has read the last words
			select {
			case <-session.Context().Done():
			case <-time.After(w.cfg.Times.Last):
				_ = session.CloseWithError(0, "") // it is closed either way
			}
		},
	})
	_ = c.CloseWithError(codeNoError, "") // a connection is for one call; the app has closed it already
}

// arrival is an app that comes in: on a connection of its own, or by way of a bridge.
type arrival struct {
	stream  net.Conn
	from    string      // where it is seen
	spliced bool        // by a bridge, which says so
	known   func()      // it has shown a session key
	refuse  func(error) // tells it why, and ends the connection
	leave   func()      // ends the connection, behind the last words
}

// serve reads who comes on a stream, and gives it to SIP until it ends.
func (w *Web) serve(a arrival) {
	guest, err := w.admit(a.stream)
	if err != nil {
		w.count(err)
		if w.told.Take(limit.Host(a.from)) {
			w.cfg.Logger.Warn("refused an app", "remote", a.from, "spliced", a.spliced, "code", errs.CodeOf(err), "error", err)
		}
		a.refuse(err)
		return
	}
	a.known()
	if guest.calls != nil {
		defer w.meet(a.stream, guest)()
	}
	if err := guest.serve(w, a.stream); err != nil {
		w.cfg.Logger.Warn("cannot serve an app", "leg", guest.leg, "error", err)
	}
	a.leave()
}

// connKey finds the connection in the context of its requests.
type connKey struct{}

// guest is an app that was let in.
type guest struct {
	leg     string
	dtls    string // the certificate of its media
	proof   string // that it showed
	post    func(any) bool
	calls   *visitor // of one that calls
	token   string   // takes the leg up once it is answered
	resumed bool     // it is
}

// admit reads and judges the entry line.
func (w *Web) admit(s net.Conn) (guest, error) {
	if err := s.SetReadDeadline(time.Now().Add(w.cfg.Times.Line)); err != nil {
		return guest{}, errs.New(errs.KeyMissing, "no session key was shown: %w", err)
	}
	e, err := readEntry(s)
	if err != nil {
		return guest{}, err
	}
	g, err := w.judge(e)
	if err != nil {
		return guest{}, err
	}
	return g, s.SetReadDeadline(time.Time{})
}

// judge checks a key and its proof. Why a call is over is told to the one who was meant to join it.
func (w *Web) judge(e proof.Entry) (guest, error) {
	claims, err := sessionkey.Open(e.Key, w.cfg.Verifier.Keys)
	if err != nil {
		return guest{}, err
	}
	var p proof.Call
	thumbprint, err := proof.Open(e.Proof, proof.TypeCall, &p)
	switch {
	case err != nil:
		return guest{}, err
	case p.Node != w.cfg.Node:
		return guest{}, errs.New(errs.WrongAudience, "the proof is for node %s, this is %s", p.Node, w.cfg.Node)
	case p.KeyHash != proof.HashKey(e.Key):
		return guest{}, errs.New(errs.WrongPresenter, "the proof was made for another session key")
	}
	if err := proof.Fresh(p.IssuedAt, w.cfg.Now()); err != nil {
		return guest{}, err
	}
	meant := claims.Confirm.Thumbprint == thumbprint && claims.Audience == w.cfg.Node
	if err := w.legs.why(claims.ID, e.Resume); err != nil && meant {
		return guest{}, err
	}
	// The device is who holds its key: the proof names nobody. Until the leg is answered it may come back with that alone.
	who := sessionkey.Presenter{ID: claims.Subject, Confirm: sessionkey.Confirmation{Thumbprint: thumbprint}, Resume: claims.ID}
	g := guest{leg: claims.ID, dtls: p.DTLS, proof: e.Proof, token: e.Resume}
	if e.Resume != "" && w.legs.resumable(claims.ID) {
		if _, err = w.cfg.Verifier.Return(e.Key, who); err == nil {
			err = w.back(&g, claims, p)
		}
		return g, err
	}
	if _, err = w.cfg.Verifier.Verify(e.Key, who); err != nil {
		return g, err
	}
	if claims.Slot != "" {
		g.calls, g.token, err = w.visit(claims, e.Key, p)
		g.post = g.calls.post
	} else {
		w.legs.await(g.leg, w.cfg.Times.Early)
		g.post, g.token, err = w.legs.take(g.leg, p)
	}
	return g, err
}

// refuse answers why, gives the app time to read it, and closes the connection.
func (w *Web) refuse(session *webtransport.Session, s *stream, why error) {
	e := errs.From(why)
	_ = s.SetWriteDeadline(time.Now().Add(w.cfg.Times.Last))
	_ = proof.WriteLine(s, proof.Verdict{Error: e}) // where it cannot be told, the end says all
	_ = s.Stream.Close()
	if s.SetReadDeadline(time.Now().Add(w.cfg.Times.Last)) == nil {
		_, _ = io.Copy(io.Discard, s) // until the app has closed its side
	}
	_ = session.CloseWithError(0, string(e.Code)) // it is closed either way
}

// joined tells a leg that its device is there.
type joined struct {
	at      sip.Peer
	dtls    string
	proof   string
	resumed bool   // the leg is answered, and goes on here
	close   func() // ends the connection
}

// dropped tells a leg that the stream of its device has ended.
type dropped struct{ at sip.Peer }

// serve answers the app and gives its stream to SIP and to its leg, until the stream ends.
func (g guest) serve(w *Web, s net.Conn) error {
	if err := proof.WriteLine(s, proof.Verdict{OK: true, Resume: g.token, Resumed: g.resumed, Relay: w.legs.lent(g.leg)}); err != nil {
		return err
	}
	served, err := w.sip.ServeStream(w.ctx, s)
	if err != nil {
		return err
	}
	hangUp := func() {
		_ = served.Close() // what was written still arrives
	}
	if !g.post(joined{served.Peer(), g.dtls, g.proof, g.resumed, hangUp}) {
		hangUp() // the call ended in the meantime, and its session with it
	}
	<-served.Done()
	g.post(dropped{served.Peer()})
	return nil
}
