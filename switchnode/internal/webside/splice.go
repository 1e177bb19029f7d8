package webside

import (
	"net"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
)

// spliced is the stream of an app that comes by way of a bridge, with addresses among those of all apps.
type spliced struct {
	net.Conn
	local, remote *net.TCPAddr
}

func (s spliced) LocalAddr() net.Addr  { return s.local }
func (s spliced) RemoteAddr() net.Addr { return s.remote }

// TakeSpliced serves an app that comes by way of a bridge, which sees it at from, until its stream ends. The bridge is believed
// nothing: the app shows its session key and its proof as it would on a connection of its own.
func (w *Web) TakeSpliced(s net.Conn, from string) {
	<-w.ready
	n := w.number.Add(1)
	lane := spliced{s, streamAddr(2 * n), streamAddr(2*n + 1)}
	w.spliced.Add(1)
	defer w.spliced.Add(-1)
	w.serve(arrival{
		stream: lane, from: from, spliced: true, known: func() {}, leave: func() {},
		refuse: func(why error) {
			_ = s.SetWriteDeadline(time.Now().Add(w.cfg.Times.Last))
			_ = proof.WriteLine(s, proof.Verdict{Error: errs.From(why)}) // where it cannot be told, the end says all
		},
	})
	_ = s.Close() // it is closed either way; what was written still arrives
}
