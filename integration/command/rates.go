package command

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"strowger/pkg/errs"
	"strowger/pkg/tariff"
)

type rateCommands struct {
	Import ratesImport `cmd:"" help:"Replace the rates of a trunk by those of a file, all of them."`
	Export ratesExport `cmd:"" help:"Write the rates of a trunk as a file."`
	Show   ratesShow   `cmd:"" help:"Show what a call to a number costs."`
	Remove ratesRemove `cmd:"" help:"Take the rates of a trunk away: what its calls cost is not known then."`
}

type ratesImport struct {
	Trunk string `arg:"" help:"Name or id."`
	File  string `arg:"" help:"CSV with a heading: prefix, per_minute, currency, and any of connect, first, step, from, until, days, hours. \"-\" reads the standard input." placeholder:"FILE"`
}

// Run reads the whole file before anything is sent: what is wrong with it is said at once, with its line.
func (c *ratesImport) Run(e *env) error {
	t, err := trunks().find(e, c.Trunk)
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, tariff.MaxFile+1))
	if err != nil {
		return err
	}
	if len(text) > tariff.MaxFile {
		return errs.New(errs.Invalid, "%s has more than %d MiB", c.File, tariff.MaxFile>>20)
	}
	all, err := tariff.Read(bytes.NewReader(text))
	if err != nil {
		return errs.New(errs.Invalid, "%s: %w; the rates of trunk %s are as they were", c.File, err, t.Name)
	}
	if len(all) > manyRates {
		e.say("Read %d rates; storing them.\n", len(all))
	}
	v, err := e.client.SetRates(e.ctx, t.ID, text)
	if err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Trunk %s has %d rates now.\n", t.Name, v.Rates)
		if v.Condensed {
			e.say("Switches hold the dearest of each country or network, for when the cloud is away.\n")
		}
	})
}

// manyRates take a moment.
const manyRates = 5000

type ratesExport struct {
	Trunk string `arg:"" help:"Name or id."`
}

// Run writes the file to the standard output.
func (c *ratesExport) Run(e *env) error {
	t, err := trunks().find(e, c.Trunk)
	if err != nil {
		return err
	}
	text, err := e.client.Rates(e.ctx, t.ID)
	if err == nil {
		_, err = e.out.Write(text)
	}
	return err
}

type ratesShow struct {
	Trunk  string `arg:"" help:"Name or id."`
	Number string `arg:"" help:"As it is dialled in the office of the trunk, or with + and its country code."`
}

// Run says which rate a number has now, and what that comes to.
func (c *ratesShow) Run(e *env) error {
	t, err := trunks().find(e, c.Trunk)
	if err != nil {
		return err
	}
	v, err := e.client.RateOf(e.ctx, t.ID, c.Number)
	if err != nil {
		return err
	}
	return e.show(v, func() {
		if v.Rate == nil {
			e.say("Trunk %s has no rate for %s.\n", t.Name, v.Number)
			return
		}
		e.say("%s by trunk %s: %s\n", v.Number, t.Name, rateText(*v.Rate))
		e.say("A call of one minute costs %s, one of ten minutes %s.\n", money(v.Minute, v.Rate.Currency), money(v.TenMinutes, v.Rate.Currency))
	})
}

// rateText is a rate as people read it.
func rateText(r tariff.Rate) string {
	text := fmt.Sprintf("%s a minute", money(r.PerMinute, r.Currency))
	if r.Connect > 0 {
		text += " and " + money(r.Connect, r.Currency) + " for the answer"
	}
	switch {
	case r.First == 1 && r.Step == 1:
		text += ", by the second"
	case r.First == r.Step:
		text += fmt.Sprintf(", in steps of %d s", r.Step)
	default:
		text += fmt.Sprintf(", %d s at least, then in steps of %d s", r.First, r.Step)
	}
	text += " (prefix " + r.Prefix
	if when := r.When.String(); when != "" {
		text += ", " + when
	}
	return text + ")"
}

func money(millionths int64, currency string) string {
	return tariff.Amount(millionths) + " " + currency
}

type ratesRemove struct {
	Trunk string `arg:"" help:"Name or id."`
}

// Run takes the rates away.
func (c *ratesRemove) Run(e *env) error {
	t, err := trunks().find(e, c.Trunk)
	if err != nil {
		return err
	}
	if err := e.client.RemoveRates(e.ctx, t.ID); err != nil {
		return err
	}
	e.say("Removed the rates of trunk %s.\n", t.Name)
	return nil
}
