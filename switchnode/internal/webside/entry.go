package webside

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
)

// maxLine is the most bytes of an entry line, without its line feed.
const maxLine = 16 << 10

// entry is the line with which an app opens its stream.
type entry struct {
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// answer is the line that it gets.
type answer struct {
	OK    bool        `json:"ok,omitempty"`
	Error *errs.Error `json:"error,omitempty"`
}

// decodeEntry reads an entry line.
func decodeEntry(line []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return entry{}, errs.New(errs.KeyMalformed, "the first line of the stream is not a JSON object: %w", err)
	}
	if e.Key == "" {
		return entry{}, errs.New(errs.KeyMissing, "the first line of the stream has no session key")
	}
	return e, nil
}

// readLine reads one line without its line feed. It reads byte by byte: what follows is SIP's.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, 4<<10)
	var b [1]byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, err
		}
		if b[0] == '\n' {
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		line = append(line, b[0])
	}
	return nil, errs.New(errs.KeyMalformed, "the first line of the stream has more than %d bytes", maxLine)
}

// enter takes an app that comes to a call.
func (w *Web) enter(rw http.ResponseWriter, r *http.Request) {
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
	c, _ := r.Context().Value(connKey{}).(*quic.Conn)
	w.serve(c, session, newStream(s, w.number.Add(1)))
	_ = c.CloseWithError(codeNoError, "") // a connection is for one call; the app has closed it already
}

// serve reads who comes on a stream, and gives it to SIP.
func (w *Web) serve(c *quic.Conn, session *webtransport.Session, s *stream) {
	guest, err := w.admit(s)
	if err != nil {
		w.count(err)
		w.cfg.Logger.Warn("refused an app", "remote", session.RemoteAddr(), "code", errs.CodeOf(err), "error", err)
		w.refuse(session, s, err)
		return
	}
	w.admitted(c)
	if err := guest.serve(w, session, s); err != nil {
		w.cfg.Logger.Warn("cannot serve an app", "leg", guest.leg, "error", err)
	}
}

// connKey finds the connection in the context of its requests.
type connKey struct{}

// guest is an app that was let in.
type guest struct {
	leg  string
	dtls string // the certificate of its media
	post func(any) bool
}

// admit reads and judges the entry line.
func (w *Web) admit(s *stream) (guest, error) {
	if err := s.SetReadDeadline(time.Now().Add(w.cfg.Times.Line)); err != nil {
		return guest{}, errs.New(errs.KeyMissing, "no session key was shown: %w", err)
	}
	line, err := readLine(s)
	if errs.CodeOf(err) == errs.Internal {
		err = errs.New(errs.KeyMissing, "no session key was shown within %v: %w", w.cfg.Times.Line, err)
	}
	if err != nil {
		return guest{}, err
	}
	e, err := decodeEntry(line)
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
func (w *Web) judge(e entry) (guest, error) {
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
	if err := w.legs.why(claims.ID); err != nil && meant {
		return guest{}, err
	}
	// The device is who holds its key: the proof names nobody. Until the leg is answered it may come back (Resume).
	claims, err = w.cfg.Verifier.Verify(e.Key, sessionkey.Presenter{
		ID: claims.Subject, Confirm: sessionkey.Confirmation{Thumbprint: thumbprint}, Resume: claims.ID,
	})
	if err != nil {
		return guest{}, err
	}
	post, err := w.legs.take(claims.ID, p)
	return guest{claims.ID, p.DTLS, post}, err
}

// refuse answers why, gives the app time to read it, and closes the connection.
func (w *Web) refuse(session *webtransport.Session, s *stream, why error) {
	e := errs.From(why)
	line, err := json.Marshal(answer{Error: e})
	if err == nil {
		_ = s.SetWriteDeadline(time.Now().Add(w.cfg.Times.Last)) // a Write that fails says all
		_, _ = s.Write(append(line, '\n'))
		_ = s.Stream.Close()
		if s.SetReadDeadline(time.Now().Add(w.cfg.Times.Last)) == nil {
			_, _ = io.Copy(io.Discard, s) // until the app has closed its side
		}
	}
	_ = session.CloseWithError(0, string(e.Code)) // it is closed either way
}

// joined tells a leg that its device is there.
type joined struct {
	at    sip.Peer
	dtls  string
	close func() // ends the connection
}

// dropped tells a leg that the stream of its device has ended.
type dropped struct{ at sip.Peer }

// serve answers the app and gives its stream to SIP and to its leg, until the stream ends.
func (g guest) serve(w *Web, session *webtransport.Session, s *stream) error {
	if _, err := s.Write([]byte("{\"ok\":true}\n")); err != nil {
		return err
	}
	served, err := w.sip.ServeStream(w.ctx, s)
	if err != nil {
		return err
	}
	hangUp := func() {
		_ = served.Close() // what was written still arrives
	}
	if !g.post(joined{served.Peer(), g.dtls, hangUp}) {
		hangUp() // the call ended in the meantime, and its session with it
	}
	<-served.Done()
	g.post(dropped{served.Peer()})
	select { // the app closes the session when it has read the last words
	case <-session.Context().Done():
	case <-time.After(w.cfg.Times.Last):
		_ = session.CloseWithError(0, "") // it is closed either way
	}
	return nil
}
