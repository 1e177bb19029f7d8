package command

import "testing"

// TestWishes has forwards, blocked callers, rules, speed dialling and hours set, shown and taken back.
func TestWishes(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, line := range []string{"org add Acme", "site add Berlin --code 20", "user add Anna --number 1001 --site 20", "user add Ben --number 1002 --site 20"} {
		s.ok(words(line)...)
	}
	s.ok("schedule", "add", "Office", "--zone", "Europe/Berlin", "--open", "mon-fri 09:00-17:30", "--open", "sat 10:00-13:00", "--holiday", "12-25")
	s.golden("wishes", s.transcript(
		"schedule override Office closed",
		"schedule add Again --open mon-fri",
		"user forward Anna --always Ben",
		"user forward Anna --always= --busy 1002 --after 15s --schedule Office --closed 201002",
		"user forward Anna --always 1001",
		"user forward Anna --busy 1009",
		"user block Anna +4930123456 +44870* withheld --words no",
		"user block Anna withheld --off",
		"user block Anna somebody",
		"user rule Anna --caller 201002 --ring",
		"user rule Anna --caller outside --schedule Office --closed --forward Ben",
		"user rule Anna --refuse no",
		"user speed Anna 07 1002",
		"user speed Anna 7 1002",
		"schedule set Office --users Anna,1002",
		"schedule show Office",
		"schedule set Office --users none",
		"user forward Anna --busy 1002 --after 1500h",
		"user forward Anna --off --busy 1002",
		"schedule remove Office",
		"user forward Anna --off",
	))
}
