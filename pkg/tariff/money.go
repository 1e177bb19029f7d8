package tariff

import (
	"fmt"
	"strconv"
	"strings"
)

// Unit is one of a currency in what amounts are counted in.
const Unit = 1_000_000

// maxAmount bounds what a table may say of a minute or an answer: ten thousand of a currency.
const maxAmount = 10_000 * Unit

// Amount writes an amount in whole ones of its currency, with two decimals at least: "0.0125", "12.50".
func Amount(millionths int64) string {
	sign := ""
	if millionths < 0 {
		sign = "-"
	}
	whole, part := millionths/Unit, millionths%Unit
	text := fmt.Sprintf("%06d", max(part, -part))
	text = text[:2] + strings.TrimRight(text[2:], "0")
	return sign + strconv.FormatUint(uint64(max(whole, -whole)), 10) + "." + text
}

// ParseAmount reads a decimal number from 0 to 10000 with at most six decimals.
func ParseAmount(text string) (int64, error) {
	whole, part, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 32)
	if err == nil && len(part) <= 6 && strings.Trim(part, "0123456789") == "" && !strings.HasSuffix(text, ".") {
		fraction, _ := strconv.ParseInt((part + "000000")[:6], 10, 64) // six digits
		if v := int64(n)*Unit + fraction; v <= maxAmount {
			return v, nil
		}
	}
	if strings.Contains(text, ",") {
		return 0, fmt.Errorf("%q has a comma; write a point: 0.0125", text)
	}
	return 0, fmt.Errorf("%q is no amount from 0 to 10000 with at most six decimals, as 0.0125 is", text)
}
