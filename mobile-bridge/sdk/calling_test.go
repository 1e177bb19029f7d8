package sdk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
)

// Who answers directly must be one of the apps that the cloud named, and who offers directly the one whose media it named; else
// only the node may.
func TestWhoIsTalkedToDirectly(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(node string) string {
		s, err := proof.Sign(proof.TypeCall, key, proof.Call{Node: node, DTLS: "sha-256 AB:CD", ID: "1"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c := &Call{wake: pushseal.Wake{Node: designation.Node{ID: "sw_a", DTLS: "sha-256 00:00"}}}
	c.claims = sessionkey.Claims{Peers: []string{"another", proof.JWKOf(&key.PublicKey).Thumbprint()}, Print: proof.HashPrint("sha-256 ab:cd")}
	if far, err := c.answerer(shown("sw_a")); err != nil || far != "sha-256 AB:CD" {
		t.Errorf("an app of the callee's: %s, %v", far, err)
	}
	if far, err := c.answerer(""); err != nil || far != "sha-256 00:00" {
		t.Errorf("the node: %s, %v", far, err)
	}
	if _, err := c.answerer(shown("sw_b")); errs.CodeOf(err) != errs.WrongPresenter {
		t.Errorf("a proof for another node: %v", err)
	}
	if far := c.offerer(offer{fingerprints: []string{"SHA-256 AB:CD"}}); far != "SHA-256 AB:CD" {
		t.Errorf("the caller's app: %s", far)
	}
	if far := c.offerer(offer{fingerprints: []string{"sha-256 AB:CE"}}); far != "sha-256 00:00" {
		t.Errorf("another's offer must be of %s", far)
	}
	c.claims.Peers = nil
	if _, err := c.answerer(shown("sw_a")); errs.CodeOf(err) != errs.WrongPresenter {
		t.Errorf("an app that the cloud did not name: %v", err)
	}
}

func TestDialWithoutSense(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]*DialOptions{"": {Audio: NewEcho()}, "1": nil, "2": {}, "3": {Audio: NewEcho(), Frames: NewEcho()}} {
		if _, err := w.phone.Dial(name, o); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%q with %+v: %v", name, o, err)
		}
	}
}

// The callee's own call to us may be over without that the cloud has heard so: the node says it, and the cloud is asked once more.
func TestCallsThatCrossedAreOver(t *testing.T) {
	h := newHub(t)
	defer h.Close()
	w := wideAwake(t, designation.BridgeFace{ID: "br_1", URL: h.sockets(t)})
	w.refuses(errs.New(errs.Gone, "the caller hung up"))
	h.setAdmits(func(q channel.Admit) channel.Admitted {
		var p proof.Admit
		if _, err := proof.Open(q.Admit, proof.TypeAdmit, &p); err != nil {
			t.Error(err)
		}
		leg, crossing := "leg_theirs", "call_leg_theirs"
		if p.Over == crossing {
			leg, crossing = "leg_ours", ""
			w.refuses(nil)
		}
		return channel.Admitted{Crossing: crossing, Designation: &designation.Designation{Node: w.node, Key: w.sign(w.claims(leg))}}
	})
	c, err := w.phone.Dial("201001", &DialOptions{Audio: NewEcho()})
	if err != nil || c.ID() != "call_leg_ours" {
		t.Fatalf("dialled %+v: %v", c, err)
	}
	<-w.arrivals
	c.Hangup()
	<-c.done
	w.refuses(errs.New(errs.Gone, "the caller hung up"))
	h.setAdmits(func(channel.Admit) channel.Admitted {
		return channel.Admitted{Crossing: "call_leg_other", Designation: &designation.Designation{Node: w.node, Key: w.sign(w.claims("leg_other"))}}
	})
	if c, err := w.phone.Dial("201001", &DialOptions{Audio: NewEcho()}); errs.CodeOf(err) != errs.Crossing {
		t.Errorf("a cloud that does not hear of it: %+v, %v", c, err)
	}
}

func TestRefusalsInWords(t *testing.T) {
	for code, e := range map[errs.Code]sip.Refused{
		errs.Busy: {Code: 486}, errs.Declined: {Code: 603}, errs.Offline: {Code: 480, Refusal: "offline"}, errs.Unreachable: {Code: 599},
	} {
		if got := refusedFor(e); got.code != code {
			t.Errorf("%+v is told as %s, want %s", e, got.code, code)
		}
	}
}
