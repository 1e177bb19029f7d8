package trust

import "testing"

// A name that was read is the one that was written: nothing else can be slipped into it.
func FuzzParseName(f *testing.F) {
	f.Add(Name{"org_2al23qdgmxvv5bo6hdupda5g52", Switch, "sw_2al24nyyz3y4pchrhlzxzgheek"}.String())
	f.Add("strowger://org/bridge/br_1/")
	f.Add("strowger://org%2fa/switch/sw?x=y#z")
	f.Add("https://org/switch/sw")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err == nil && s != "strowger://"+n.Org+"/"+n.Kind+"/"+n.ID {
			t.Errorf("%q was read as %q", s, n)
		}
	})
}
