// Package sdk is the phone in an app: it enrols, takes pushes, rings, and talks.
//
// Its exported names have simple types only, so that gomobile binds them for Android and iOS (what cannot be bound, such as a
// logger, is for Go alone):
//
//	store, err := sdk.NewFolder(path)           // or a Store that keeps the keys as the phone's own key store does
//	phone, err := sdk.NewPhone(store, listener)
//	err = phone.Enrol(link, platform, targets)  // once: the link or QR code that the admin hands over, and the push tokens
//	call, err := phone.Push(payload)            // each push: returns the call to show, or why there is none
//	call.Answer(audio)                          // or Decline
//	phone.Close()
//
// A push is believed only as far as the session key in it goes (pushseal.Wake.Check). While the app shows the call, the phone
// dials the node that the key names, which is known by the hash of its certificate, opens one stream, shows the key with a
// proof of the device's own, and is a SIP user agent on that stream. When that takes long, because UDP is blocked or the node
// cannot be dialled, it goes by way of a bridge (WebSocket), and media go by TCP where UDP does not come through. A connection that
// is lost is dialled again: while it rings, and in a call, which goes on for up to 30 s without (Reconnecting, Reconnected). Tell
// Phone.NetworkChanged what the system knows, and it takes no time-out to notice. Media are WebRTC, whose far end must have the
// certificate that the session key covers.
// Audio is G.722 or G.711, which the app gives and takes as linear samples (see Audio), or as it is encoded, and then Opus too (see
// Frames).
//
// Between apps there is video too, of an app that has said by SetVideo what it encodes and decodes. It is in a call from the
// beginning (DialOptions, StartVideo before Answer), or comes and goes: each StartVideo and StopVideo is told as VideoChanged, whatever
// comes of it. The app gives encoded pictures to Call.SendPicture, and takes those of the other side as a Video; the SDK makes
// packets of them and pictures of packets. KeyframeWanted says that the other side needs a key picture. A desk phone, and an app that
// has none, refuse video, and the call is one of audio:
//
//	phone.SetVideo(true, true)                  // VP8 and H.264
//	call.StartVideo(screen, true)               // and VideoChanged follows
//	call.SendPicture(picture, micros)           // of call.VideoCodec(), a key picture first
//
// What happens to a call is told as Events, in order: Woken, Ringing, Connected, and in the end one of Missed, Cancelled and
// Ended. Nothing rings before the node that anchors the call asked for it on the connection: no payload rings by itself.
package sdk
