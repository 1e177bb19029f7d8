package lampline

import (
	"encoding/json"
	"testing"

	"strowger/pkg/fabric"
)

// FuzzDecode reads what another switch says: nothing that only the cloud may say is taken from it.
func FuzzDecode(f *testing.F) {
	for _, m := range []fabric.Lamps{
		{Boot: "bt_1", Turn: 7, Asks: []fabric.LampAsk{{Number: "301001", By: []string{"us_1"}, User: "us_2", Private: true}}},
		{From: "sw_1", Boot: "bt_1", Tells: []fabric.LampTell{{Number: "301001", Version: 3, LampState: fabric.LampState{Dialogs: []fabric.LampDialog{{ID: "lg_1", State: "early"}}}}}},
		{Boot: "bt_1", Sights: []fabric.LampSight{{User: "us_1", Version: 1}}},
	} {
		line, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"asks":[{"number":7}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := Decode(line)
		if err != nil {
			return
		}
		if m.From != "" || len(m.Sights) > 0 {
			t.Errorf("%s is taken as %+v", line, m)
		}
		for _, q := range m.Asks {
			if q.User != "" || q.Private {
				t.Errorf("%s says of a user %+v", line, q)
			}
		}
	})
}
