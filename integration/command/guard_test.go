package command

import "testing"

// TestGuardRules has rules said of everyone, of a user and of a trunk, and taken back.
func TestGuardRules(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, line := range []string{
		"org add Acme", "site add Berlin --code 20", "switch add berlin --site 20", "user add Anna --number 1001 --site 20",
		"trunk add Company --switch berlin --server sip.example.com",
	} {
		s.ok(words(line)...)
	}
	s.golden("guards", s.transcript(
		"guard show",
		"guard set --allow +49180 --countries usual,CU --calls-hour 40",
		"guard set Anna --calls-hour 200 --together 5 --cost-day 12.5 --deny +49180123",
		"guard set Anna --countries= --night= --alarm 0",
		"guard show 201001",
		"guard set Company --cost-day 30 --longest 90m",
		"guard set Anna --default",
		"guard set Company --together 3",
		"guard set --forwards inside",
		"guard set Anna --forwards everyone --forwarded 4",
		"guard set --forwards some",
		"guard set Company --forwards nobody",
		"guard set --countries Narnia",
		"guard set --night 22-6",
		"guard set --deny 0180",
		"guard show Nobody",
		"guard lift Anna",
		"guard list",
		"guard unblock 203.0.113.9",
		"guard unblock Anna",
	))
}
