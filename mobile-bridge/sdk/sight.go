package sdk

import (
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp/video"
	"strowger/pkg/sdp"
)

// Video is a section of the descriptions that two apps give each other. To pion it always goes both ways, once both have it: which
// way it really goes is said by its direction, which is ours to write and to read (see redescribe), and heeded where pictures are sent
// and shown. So a camera that goes on and off is a re-INVITE, and nothing is made or lost.

// scene is the video of a call for run.
type scene struct {
	wanted  bool      // the user's screen is there
	filming bool      // and the camera
	said    string    // the direction that we wanted in our last description
	far     sdp.Video // the other side's last description, in the formats that we have
	told    view
	asks    bool // the app waits for what comes of it
}

// view is what VideoChanged was last told of.
type view struct {
	codec  string // that is sent, or none
	shown  bool
	offers bool // the other side's camera is on
}

// picture has the camera and the screen go on and off.
func (c *Call) picture(wanted, filming bool) {
	c.scene.wanted, c.scene.filming, c.scene.asks = wanted, filming, true
	c.renew()
}

// renew tells the other side, if what it was told last is over.
func (c *Call) renew() {
	m := c.media
	switch {
	case !c.connected || c.restarting: // begin, or reoffered, comes here again
	case m.camera == nil, !m.direct(), c.scene.said == c.directions().video && (m.films() || !c.scene.wanted):
		c.look()
	case m.films():
		c.dialog.Reoffer(c.reoffer())
	default:
		c.renegotiate(false)
	}
}

// direct says whether the media go to another app.
func (m *media) direct() bool { return m.far != m.call.wake.Node.DTLS }

// directions are those of an offer of ours.
func (c *Call) directions() directions {
	return directions{audio: direction(true, !c.held), video: direction(c.scene.filming, c.scene.wanted && !c.held)}
}

// answers are those of our answer to an offer (RFC 3264, 6.1).
func (c *Call) answers(o offer) directions {
	return directions{
		audio: direction(o.receives, o.sends && !c.held),
		video: direction(c.scene.filming && o.video.Receives(), c.scene.wanted && o.video.Sends() && !c.held),
	}
}

// regard takes what the other side says of its video, in its offer or in its answer to ours.
func (c *Call) regard(v sdp.Video) {
	c.scene.far = c.known(v)
	c.sight.mu.Lock()
	c.sight.offers = c.scene.far.Sends()
	c.sight.mu.Unlock()
	c.look()
}

// known leaves of a description of video the formats that this phone has, under the payload types of the description.
func (c *Call) known(v sdp.Video) sdp.Video {
	v.Formats = slices.DeleteFunc(slices.Clone(v.Formats), func(f sdp.Format) bool {
		return !slices.ContainsFunc(c.sound.video, func(o sdp.Format) bool { return strings.EqualFold(o.Name, f.Name) })
	})
	return v
}

// look has the camera and the screen do what was agreed on, and tells the app when that changes, or has been waited for.
func (c *Call) look() {
	if !c.connected {
		return
	}
	m, s := c.media, &c.scene
	var f sdp.Format
	var now view
	words := ""
	switch {
	case m.camera == nil:
		words = "this phone has no codec of video"
	case !m.direct():
		words = "there is video between apps only"
	default:
		if s.filming && s.far.Receives() && !c.held {
			f = s.far.Formats[0]
			f.Name, _ = video.Codec(f.Name)
		}
		offers := s.far.Sends() && !c.held
		now = view{f.Name, s.wanted && offers, offers}
		words = now.words()
		m.camera.film(f)
	}
	c.sight.mu.Lock()
	c.sight.camera, c.sight.shown, c.sight.stats.Codec = m.camera, now.shown, now.codec
	c.sight.mu.Unlock()
	if asked := s.asks; now != s.told || asked {
		s.told, s.asks = now, false
		c.tell(VideoChanged, end{words: words})
	}
}

func (v view) words() string {
	switch {
	case v.codec != "" && v.shown:
		return "both see each other"
	case v.codec != "":
		return "the other side sees this one"
	case v.shown:
		return "this side sees the other"
	case v.offers:
		return "the other side's camera is on, and is not shown"
	}
	return "nobody sees the other"
}

// films says whether our descriptions have video.
func (m *media) films() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.filmed
}

// film adds the camera to the connection, unless it is there.
func (m *media) film() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.filmed || m.camera == nil {
		return nil
	}
	sender, err := m.pc.AddTrack(m.camera)
	if err != nil {
		return err
	}
	m.filmed = true
	if !m.closed {
		m.loops.Go(func() { m.camera.heed(sender.Read) })
	}
	return nil
}

// feedback is what a receiver of video may say of what it gets: RFC 4585, 4.2.
var feedback = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
