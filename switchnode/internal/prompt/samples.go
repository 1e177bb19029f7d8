package prompt

import (
	"slices"
	"strconv"

	"strowger/pkg/rtp/resample"
)

// Samples are clips by their names, of a language or, as music, of none, at 16,000 samples a second: what a voice.Conversation says. They
// are made when they are first needed, and must not be changed. What there is no clip for is left out.
func (l *Library) Samples(language string, names ...string) (samples [][]int16) {
	if !slices.Contains(Languages(), language) { // none is set, or one of a later release
		language = l.language
	}
	for _, name := range names {
		c := l.clips[language+"/"+name]
		if c == nil {
			c = l.clips[name]
		}
		if c != nil {
			samples = append(samples, c.doubled())
		}
	}
	return samples
}

// Has says whether there is a clip of a name in a language.
func (l *Library) Has(language, name string) bool { return l.clips[language+"/"+name] != nil }

// Language is that of callers for whom none is set.
func (l *Library) Language() string { return l.language }

// doubled is the clip at 16,000 samples a second.
func (c *clip) doubled() []int16 {
	c.wide.once.Do(func() {
		var up resample.Up
		c.wide.samples = up.Append(nil, c.samples)
	})
	return c.wide.samples
}

// Number is the names of the clips that say a number: up to 999 as a number, else digit by digit.
func Number(language string, n int) []string {
	switch {
	case n < 1 || n > maxNumber:
		return Digits(strconv.Itoa(max(n, 0)))
	case language == "zh":
		return chinese(n)
	}
	return english(n)
}

// Digits is the names of the clips that say digits one by one, as of a phone number. What is no digit is left out.
func Digits(number string) (names []string) {
	for _, d := range number {
		if d >= '0' && d <= '9' {
			names = append(names, string(d))
		}
	}
	return names
}
