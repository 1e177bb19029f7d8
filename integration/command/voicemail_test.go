package command

import "testing"

// TestUserVoicemail has a mailbox set, shown, refused and taken away, and its switch, which is not there, asked.
func TestUserVoicemail(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, line := range []string{"org add Acme", "site add Berlin --code 20", "user add Anna --number 1001 --site 20"} {
		s.ok(words(line)...)
	}
	s.golden("voicemail", s.transcript(
		"user voicemail Anna",
		"user voicemail Anna --on --after no-answer,busy --keep 336h --trusted",
		"user voicemail Anna --after sometimes",
		"user voicemail Anna --keep 90m",
		"user voicemail Anna --off --keep 24h",
		"user voicemail Anna --pin 1001",
		"voicemail list Anna",
		"user voicemail Anna --off",
	))
}
