package command

import "testing"

// TestGroupsAndTheRest has groups, the phone book, parking, lamps and hours of numbers set, shown and taken back.
func TestGroupsAndTheRest(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, line := range []string{"org add Acme", "site add Berlin --code 20", "user add Anna --number 1001 --site 20", "user add Ben --number 1002 --site 20"} {
		s.ok(words(line)...)
	}
	s.ok("schedule", "add", "Office", "--zone", "Europe/Berlin", "--open", "00:00-24:00")
	s.golden("groups", s.transcript(
		"group add Sales --members Anna,1002",
		"group add Floor --kind paging --code 1 --members Anna --others Ben",
		"group add Attic --kind attic",
		"group list",
		"group set Floor --code= --others=",
		"group show Floor",
		"group set Floor --members Cleo",
		"group remove Sales",
		"contact add +4930123456 Weber",
		"contact add 201002 Desk --speed 10",
		"contact add 201001 Bad --speed 1",
		"contact set Weber --speed 11 --name Adviser",
		"contact list",
		"contact remove +4930123456 Desk",
		"contact list",
		"site set Berlin --park-slots 5 --park-timeout 90s",
		"site set Berlin --park-slots none",
		"site set Berlin --park-slots 100",
		"site set Berlin --park-slots few",
		"site set Berlin --park-slots usual",
		"org set Acme --lamps private",
		"org set Acme --lamps public",
		"org set Acme --lamps some",
		"user set Anna --lamp private --no-intercom",
		"user set Anna --lamp= --intercom",
		"number set 201001 --schedule Office --closed-to 201002 --closed-words night",
		"number set 201001 --schedule= --closed-to= --closed-words=",
	))
}
