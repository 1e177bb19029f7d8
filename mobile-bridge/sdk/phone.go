package sdk

import (
	"log/slog"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// Phone is one device: an app on one phone.
type Phone struct {
	store    Store
	listener Listener
	keys     keys
	life     life
	work     sync.WaitGroup // calls
	updating sync.Mutex     // one exchange with the cloud at a time
	line     line

	mu     sync.Mutex // guards what follows
	log    *slog.Logger
	sound  sound
	id     *identity        // nil until enrolled; never changed, only replaced
	calls  map[string]*Call // by leg, for as long as its wake may come again
	asked  time.Time        // when the keys of the organization were last asked for because of a push
	awake  bool             // Connect
	closed bool
	udp    listenUDP // nil: net.ListenUDP

	channels ChannelListener // may be nil
}

// NewPhone returns the phone that a store keeps, or a new one.
func NewPhone(store Store, listener Listener) (*Phone, error) {
	keys, err := loadKeys(store)
	if err != nil {
		return nil, err
	}
	id, err := loadIdentity(store)
	if err != nil {
		return nil, err
	}
	p := &Phone{
		store: store, listener: listener, keys: keys, life: newLife(), log: slog.New(slog.DiscardHandler), sound: sound{rate: narrow}, id: id, calls: map[string]*Call{},
	}
	p.line = line{phone: p, dial: p.reach, asks: map[uint64]chan<- answer{}, changed: make(chan struct{}, 1), again: make(chan struct{}), there: make(chan struct{})}
	return p, nil
}

// SetLogger has the phone log. It is called before anything else.
func (p *Phone) SetLogger(log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = log
}

// sound is how an app takes and gives the audio and the video of calls.
type sound struct {
	rate   int          // of samples, in Hz
	frames bool         // it takes what is encoded
	video  []sdp.Format // that the app has
}

// SetWideband has the samples of Audio be 16,000 a second, or 8,000 again, in calls from now on.
func (p *Phone) SetWideband(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound.rate = map[bool]int{true: wide, false: narrow}[on]
}

// SetFrames says that calls from now on are answered by AnswerFrames. Only then is Opus among the codecs of the phone: the SDK
// decodes it (see Decoder), but does not encode it.
func (p *Phone) SetFrames(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound.frames = on
}

func (p *Phone) soundNow() sound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sound
}

// frameSize is that of 20 ms of samples, in bytes.
func (c *Call) frameSize() int { return 2 * c.sound.rate / 50 }

// Enrolled says whether the phone is a device of an organization.
func (p *Phone) Enrolled() bool {
	_, err := p.enrolled()
	return err == nil
}

// Name is what the cloud calls the device, and its user: "Anna's phone (Anna)"; empty before it is enrolled.
func (p *Phone) Name() string {
	id, err := p.enrolled()
	if err != nil {
		return ""
	}
	return id.Info.DeviceName + " (" + id.Info.UserName + ")"
}

func (p *Phone) enrolled() (*identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == nil {
		return nil, errs.New(errs.Unauthenticated, "this phone is not enrolled")
	}
	return p.id, nil
}

// Close hangs up every call, and returns when nothing of the phone runs any more.
func (p *Phone) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.life.end()
	p.work.Wait()
}

func (p *Phone) logger() *slog.Logger {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log
}
