package sdk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

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

func TestRefusalsInWords(t *testing.T) {
	for code, e := range map[errs.Code]sip.Refused{
		errs.Busy: {Code: 486}, errs.Declined: {Code: 603}, errs.Offline: {Code: 480, Refusal: "offline"}, errs.Unreachable: {Code: 599},
	} {
		if got := refusedFor(e); got.code != code {
			t.Errorf("%+v is told as %s, want %s", e, got.code, code)
		}
	}
}
