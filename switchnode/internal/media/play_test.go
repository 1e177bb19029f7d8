package media

import (
	"testing"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

// A leg hears what is played to it until it has another side, whose first packet says that it is another source.
func TestPlay(t *testing.T) {
	r, _ := newRelay(t)
	pa, pb := open(t, r), open(t, r)
	a, b := newPhone(t, loopback).to(pa), newPhone(t, loopback).to(pb)
	for p, phone := range map[*Port]*phone{pa: a, pb: b} {
		p.SetLocal([]sdp.Format{pcmu, event})
		p.SetRemote(phone.session("", pcmu, event), loopback)
	}
	if f, ok := pa.Hears(sdp.Codec.Speech); !ok || f != pcmu {
		t.Errorf("the leg hears %+v, %v", f, ok)
	}
	if _, ok := pa.Hears(func(c sdp.Codec) bool { return c.Name == "opus" }); ok {
		t.Error("the leg hears a codec that it does not have")
	}
	ours := rtp.Header{PT: pcmu.PT, SSRC: 7, Sequence: 1}
	pa.Play(ours.Append(nil, []byte("music")), 8000)
	a.hears(pcmu.PT, "music")
	pa.Play([]byte("no packet"), 8000)
	Bridge(pa, pb)
	pa.Play(ours.Append(nil, []byte("one packet too many")), 8000)
	b.say(event.PT, string(rtp.Event{Code: 5, Duration: 160}.Append(nil)))
	if h := a.hears(event.PT, string(rtp.Event{Code: 5, Duration: 160}.Append(nil))); h.Marker {
		t.Error("a digit begins anew")
	}
	b.say(pcmu.PT, "hello")
	if h := a.hears(pcmu.PT, "hello"); !h.Marker {
		t.Error("another source without a marker")
	}
	b.say(pcmu.PT, "hello again")
	if h := a.hears(pcmu.PT, "hello again"); h.Marker {
		t.Error("a marker without another source")
	}
	eventually(t, func() bool { return pa.Stats().PacketsSent == 4 }, "not all packets were counted as sent")
	pa.SetRemote(a.session("a=sendonly\r\n", pcmu), loopback)
	pa.Unbridge()
	pa.Play(ours.Append(nil, []byte("to one who does not want to hear")), 8000)
	if s := pa.Stats(); s.PacketsSent != 4 {
		t.Errorf("%d packets were sent", s.PacketsSent)
	}
}
