package switchnode

import "strowger/pkg/life"

const (
	// spareFiles are for what is no audio: listeners, the fabric, the disk, phones over TCP and TLS, who reads the metrics.
	spareFiles = 256
	// usualSockets is those of the usual range of media ports.
	usualSockets = 10_000
)

// mediaSockets is how many sockets of this process may be for audio. Fewer than the media ports need are told once.
func (n *node) mediaSockets() int {
	limit := life.OpenFiles()
	if limit == 0 {
		return 0
	}
	want := usualSockets
	if n.rtpFirst > 0 {
		want = int(n.rtpLast) - int(n.rtpFirst) + 1
	}
	sockets := limit - min(spareFiles, limit/2)
	if sockets < want {
		n.log.Warn("the limit of open files leaves sockets for fewer calls than there are media ports, more calls are refused: "+
			"raise it with LimitNOFILE= in the systemd unit, or ulimit -n in a shell", "limit", limit, "needed", want+spareFiles,
			"calls_inside", sockets/4, "calls_between_offices", sockets/2)
	}
	return sockets
}
