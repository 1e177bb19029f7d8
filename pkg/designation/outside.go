package designation

import (
	"strowger/pkg/route"
	"strowger/pkg/tariff"
)

// Outside is the branch that calls a phone number by the trunks of a line; shown is the caller's own phone number.
func Outside(l route.Line, number, shown string) Branch {
	b := Branch{Kind: Trunk, Number: number, Shown: shown}
	for _, c := range l.Trunks {
		b.Trunks, b.Ranks = append(b.Trunks, c.Trunk), append(b.Ranks, c.Rank)
		if c.Rate == nil {
			continue
		}
		if b.Rates == nil {
			b.Rates = make(map[string]tariff.Rate)
		}
		b.Rates[c.Trunk] = *c.Rate
	}
	return b
}
