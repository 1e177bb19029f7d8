package fabric

import (
	"encoding/json"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/wish"
)

func FuzzParseSubject(f *testing.F) {
	f.Add(SubjectAdmit("org_a", "sw_1"))
	f.Add(SubjectRevoke("org_a"))
	f.Add("o.*.lease.>")
	f.Add("$SYS.REQ.SERVER.PING")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSubject(in)
		if err == nil && s.String() != in {
			t.Errorf("%q was read as %+v, which is %q", in, s, s.String())
		}
	})
}

// FuzzDecode reads the requests that come from nodes. What was read must survive being written.
func FuzzDecode(f *testing.F) {
	h := Header{Capability: 1, ID: "rq_1", Deadline: time.Date(2026, 11, 1, 8, 0, 2, 0, time.UTC)}
	for subject, m := range map[string]any{
		SubjectAdmit("org_a", "sw_1"): Admit{Header: h, Call: "ca_1", Device: "dv_1", Dialled: "301001", Media: []string{"audio"}},
		SubjectPlan("org_a", "sw_1"):  PlanRequest{Header: h, Key: "eyJhbGciOiJFZERTQSJ9.e30.c2ln"},
		SubjectLease("org_a", "sw_1"): Lease{Header: h, Node: designation.Node{ID: "sw_1", Addresses: []string{"192.0.2.1:7443"}},
			Registered: []string{"dv_1"}, Changed: true, Version: "0.1.0", Peers: map[string]uint64{"st_2": 7}},
		SubjectLedger("org_a", "sw_1"): Ledger{Header: h, Spool: "sp_1", First: 3, Events: []ledger.Event{
			{Seq: 3, At: 1, Call: "ca_1", Kind: ledger.Attempt, From: &designation.Party{Number: "201001"}}}},
		SubjectCopy("org_a", "st_1"):        CopyRequest{Header: h, Have: 4},
		SubjectRenew("org_a", "sw_1"):       Renew{Header: h, CSR: []byte{0x30, 0x82}},
		SubjectRevocations("org_a", "sw_1"): RevokeRequest{Header: h, After: 2},
		SubjectOffer("org_a", "sw_1"):       Offer{Header: h, Plan: designation.Plan{Call: "ca_1", Ring: time.Minute}},
		SubjectControl("org_a", "sw_1"):     Control{Header: h, Dial: &designation.Node{ID: "sw_2", Addresses: []string{"192.0.2.1:7443"}, KeyHash: "k"}},
		SubjectWish("org_a", "sw_1"):        Wish{Header: h, Device: "dv_1", Set: wish.Change{DND: new(true), Block: []string{"withheld"}}},
		SubjectLamp("org_a", "sw_1"): Lamps{Header: h, Boot: "bt_1", Turn: 7, Asks: []LampAsk{{Number: "301001", By: []string{"us_1"}}},
			Tells:  []LampTell{{Number: "301001", Version: 2, LampState: LampState{Dialogs: []LampDialog{{ID: "lg_1", State: "early"}}}}},
			Sights: []LampSight{{User: "us_1", Version: 3}}},
		SubjectReach("org_a", "sw_1"):   Reach{Header: h, Node: "sw_2"},
		SubjectMailbox("org_a", "sw_1"): MailboxOrder{Header: h, User: "us_1", PIN: "4711", Audio: "vm_1"},
		SubjectPIN("org_a", "sw_1"):     PINChange{Header: h, User: "us_1", Hash: "pbkdf2-sha256$1$a$b"},
		SubjectWake("org_a", "sw_1"):    Wake{Header: h, Ticket: "eyJhbGciOiJFZERTQSJ9.e30.c2ln", Sealed: []byte{1}, Epoch: 1, Until: h.Deadline},
		SubjectTargets("org_a", "br_1"): Targets{Header: h, Anchor: "sw_1", Ticket: "eyJhbGciOiJFZERTQSJ9.e30.c2ln"},
		SubjectPruned("org_a", "br_1"):  Pruned{Header: h, Device: "dv_1", Target: Target{Provider: APNs, App: "a", Token: "00"}, Reason: "BadDeviceToken"},
		SubjectKeys("org_a", "br_1"):    KeysRequest{Header: h},
		SubjectBind("org_a", "br_1"):    Bind{Header: h, Boot: "bt_1", Come: []Bound{{Device: "dv_1", Order: 1, Proof: "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}}},
		SubjectBye("org_a", "br_1"):     Bye{Header: h, Device: "dv_1", Order: 1, Why: errs.New(errs.Revoked, "words")},
	} {
		data, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(subject, data)
	}
	f.Add(SubjectAdmit("org_a", "sw_1"), []byte(`{"deadline":"yesterday"}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		for _, q := range []question{&Admit{}, &PlanRequest{}, &Lease{}, &Ledger{}, &CopyRequest{}, &Renew{}, &RevokeRequest{},
			&Offer{}, &Control{}, &Reach{}, &Wake{}, &Targets{}, &Pruned{}, &KeysRequest{}, &Bind{}, &Bye{}, &Wish{}, &MailboxOrder{}, &PINChange{}} {
			if _, err := decode(subject, data, MaxRequest, q); err != nil {
				if errs.CodeOf(err) != errs.Invalid {
					t.Errorf("%T: %v has the code %s", q, err, errs.CodeOf(err))
				}
				continue
			}
			if _, err := encode(subject, q, 8*MaxRequest); err != nil {
				t.Errorf("%T was read but cannot be written: %v", q, err)
			}
		}
	})
}

// FuzzDecodeReply reads the answers that come from the cloud and what it announces. A server of the fabric may forge them.
func FuzzDecodeReply(f *testing.F) {
	r := Reply{Now: time.Date(2026, 11, 1, 8, 0, 2, 0, time.UTC)}
	for subject, m := range map[string]any{
		SubjectAdmit("org_a", "sw_1"): Admitted{Reply: r, From: designation.Party{Number: "201001"}, To: designation.Party{Number: "301001"},
			Plan: &designation.Plan{Call: "ca_1", Ring: time.Minute}},
		SubjectPlan("org_a", "sw_1"):        PlanReply{Reply: Reply{Error: errs.New(errs.Unknown, "nobody has the number")}},
		SubjectLedger("org_a", "sw_1"):      LedgerReply{Reply: r, StoredThrough: 7, RetryAfter: time.Second},
		SubjectCopy("org_a", "st_1"):        CopyReply{Reply: r, Document: "eyJhbGciOiJFZERTQSJ9.e30.c2ln"},
		SubjectRenew("org_a", "sw_1"):       RenewReply{Reply: r, Chain: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
		SubjectRevocations("org_a", "sw_1"): Revocations{Reply: r, Statements: []string{"eyJhbGciOiJFZERTQSJ9.e30.c2ln"}},
		SubjectChanged("org_a", "sw_1"):     Changed{Copy: true, Sites: []string{"st_2"}},
		SubjectWake("org_a", "sw_1"):        WakeReply{Reply: r, Bridge: "br_1", Pushes: []PushResult{{Provider: FCM, Reason: "UNREGISTERED", Dead: true, Tries: 1}}},
		SubjectTargets("org_a", "br_1"):     TargetsReply{Reply: r, Targets: []Target{{Provider: APNs, App: "a", Token: "00"}}},
		SubjectKeys("org_a", "br_1"):        KeysReply{Reply: r, SessionKeys: map[string]string{"s-1": "k"}},
	} {
		data, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(subject, data)
	}
	f.Add(SubjectAdmit("org_a", "sw_1"), []byte(`{"error":{"code":"","words":"\u0000"},"now":"yesterday"}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		for _, a := range []any{&Admitted{}, &PlanReply{}, &LedgerReply{}, &CopyReply{}, &RenewReply{}, &Revocations{}, &Changed{}, &WakeReply{},
			&TargetsReply{}, &KeysReply{}} {
			if _, err := decode(subject, data, MaxReply, a); err != nil {
				if errs.CodeOf(err) != errs.Invalid {
					t.Errorf("%T: %v has the code %s", a, err, errs.CodeOf(err))
				}
				continue
			}
			if _, err := json.Marshal(a); err != nil {
				t.Errorf("%T was read but cannot be written: %v", a, err)
			}
		}
	})
}
