package command

import "strowger/pkg/starcode"

// featureCommands are for what phones do besides calling.
type featureCommands struct {
	Star      starCommands      `cmd:"" help:"Star codes: what a phone dials to have something done."`
	Voicemail voicemailCommands `cmd:"" help:"Messages for users who were not reached."`
}

type starCommands struct {
	List starList `cmd:"" help:"List the codes."`
}

type starList struct{}

// Help teaches by example.
func (*starList) Help() string {
	return `A desk phone dials a code, hears what was done, and hangs up. A number follows its code at once, as the phone would dial it; a # at the end
means nothing. Emergency numbers, and numbers of the organization that begin with *, come before the codes.

    *72301002     every call goes to 301002
    *7405301002   keeps 301002 at the place 05; *005 calls it
    *69           says who called last; 1 calls back

    strowger star list
    strowger star list --json`
}

// Run lists them.
func (c *starList) Run(e *env) error {
	s, err := e.client.StarCodes(e.ctx)
	if err != nil {
		return err
	}
	return e.show(s.Items, func() {
		table(e.out, []column[starcode.Code]{
			{head: "code", cell: func(v starcode.Code) string { return v.Digits }},
			{head: "then", cell: func(v starcode.Code) string { return string(v.Argument) }},
			{head: "what it does", cell: func(v starcode.Code) string { return v.Does }},
			{head: "example", cell: func(v starcode.Code) string { return v.Example }},
		}, s.Items, "")
	})
}
