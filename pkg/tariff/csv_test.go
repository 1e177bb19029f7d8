package tariff

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const good = `prefix,connect,per_minute,first,step,currency,from,until,days,hours
+49,0,0.009,60,60,EUR,,,,
+4915,0.01,0.0725,30,6,EUR,2026-11-01,,mon-fri,08:00-18:00
4915,,"0.05",,,EUR,,2026-12-31,"sat,sun",
+,0,1.5,60,60,EUR,,,,
`

func TestRead(t *testing.T) {
	for _, text := range []string{good, "\xef\xbb\xbf" + good, strings.ReplaceAll(good, "\n", "\r\n"), strings.Replace(good, "prefix,", " Prefix,", 1)} {
		all, err := Read(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		day, _ := ParseWindow("2026-11-01", "", "mon-fri", "08:00-18:00")
		weekend, _ := ParseWindow("", "2026-12-31", "sat,sun", "")
		want := []Rate{
			{Prefix: "+49", PerMinute: 9_000, First: 60, Step: 60, Currency: "EUR"},
			{Prefix: "+4915", Connect: 10_000, PerMinute: 72_500, First: 30, Step: 6, Currency: "EUR", When: day},
			{Prefix: "+4915", PerMinute: 50_000, First: 1, Step: 1, Currency: "EUR", When: weekend},
			{Prefix: "+", PerMinute: 1_500_000, First: 60, Step: 60, Currency: "EUR"},
		}
		if !reflect.DeepEqual(all, want) {
			t.Errorf("read\n%+v, want\n%+v", all, want)
		}
		var b bytes.Buffer
		if err := Write(&b, all); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&b)
		if err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("written and read again: %v\n%+v", err, again)
		}
	}
}

// TestReadRefuses says where a file is wrong, and with what.
func TestReadRefuses(t *testing.T) {
	const head = "prefix,per_minute,currency,connect,first,from,until,days,hours\n"
	for _, c := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"prefix,per_minute,currency\n", "the file has no rates below the names of its columns"},
		{"prefix;per_minute;currency\n", "line 1, column 1: the fields are separated by semicolons; save the file with commas"},
		{"prefix,price,currency\n", `line 1, column 8: "price" is no column of rates, those are prefix, per_minute, currency, connect, first, step, from, until, days, hours`},
		{"prefix,prefix\n", `line 1, column 8: the column "prefix" is there twice`},
		{"prefix,currency\n", `line 1, column 1: there is no column "per_minute"`},
		{head + "+49,1,EUR\n", "line 2, column 1: the line has 3 fields, the first line 9"},
		{head + "+49,\"1,EUR,,,,,,\n", "line 2, column 18: extraneous or missing \" in quoted-field"},
		{head + "+49,1,EUR,,,,,,\n049,1,EUR,,,,,,\n", `line 3, column 1: prefix: "049" is not the beginning of a number with its country code, as +49 or +4930 are; + is every number`},
		{head + "+49,\"1,2\",EUR,,,,,,\n", `line 2, column 5: per_minute: "1,2" has a comma; write a point: 0.0125`},
		{head + "+49,-1,EUR,,,,,,\n", `line 2, column 5: per_minute: "-1" is no amount from 0 to 10000 with at most six decimals, as 0.0125 is`},
		{head + "+49,1,Euro,,,,,,\n", `line 2, column 7: currency: "Euro" is no currency as EUR is (ISO 4217)`},
		{head + "+49,1,EUR,x,,,,,\n", `line 2, column 11: connect: "x" is no amount from 0 to 10000 with at most six decimals, as 0.0125 is`},
		{head + "+49,1,EUR,,0,,,,\n", `line 2, column 12: first: "0" is not 1 to 3600 seconds`},
		{head + "+49,1,EUR,,,1.12.26,,,\n", `line 2, column 13: from: "1.12.26" is no date as 2026-11-30 is`},
		{head + "+49,1,EUR,,,2026-12-01,2026-11-30,,\n", `line 2, column 24: until: "2026-11-30" is before the first day, 2026-12-01`},
		{head + "+49,1,EUR,,,,,workdays,\n", `line 2, column 15: days: "workdays" is no days as mon-fri or sat,sun are`},
		{head + "+49,1,EUR,,,,,,8-18\n", `line 2, column 16: hours: "8-18" is no hours as 08:00-18:00 are`},
		{head + "+49,1,EUR,,,,,mon-sun,\n+44,1,EUR,,,,,,\n49,2,EUR,,,,,,00:00-24:00\n", `line 4, column 1: line 2 has a rate of +49 for the same time`},
	} {
		_, err := Read(strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
		if _, ok := errors.AsType[*FileError](err); !ok {
			t.Errorf("%q: the error is a %T", c.text, err)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("prefix,per_minute,currency\n")
	for i := range MaxRates + 1 {
		fmt.Fprintf(&b, "%d,1,EUR\n", 100_000+i)
	}
	want := fmt.Sprintf("line %d, column 1: the file has more than %d rates", MaxRates+2, MaxRates)
	if _, err := Read(strings.NewReader(b.String())); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		good, "\xef\xbb\xbf" + good, "prefix;per_minute\n+49;1\n", "prefix,per_minute,currency\n\"+49\n\",1,EUR\n", "prefix,per_minute,currency,hours\r\n49,.1,EUR,22:00-06:00\r\n", `"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Read(bytes.NewReader(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		var b bytes.Buffer
		if err := Write(&b, all); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&b)
		if err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("%q is\n%+v, written and read again\n%+v: %v", text, all, again, err)
		}
	})
}
