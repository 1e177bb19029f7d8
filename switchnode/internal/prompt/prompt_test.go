package prompt

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/switchnode/internal/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func library(t testing.TB) *Library {
	t.Helper()
	l, err := Open("", "en")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whatever there is to say, the product has every word of it.
func TestEveryWordIsThere(t *testing.T) {
	l := library(t)
	if !slices.Equal(Languages(), designation.Languages()) {
		t.Errorf("users may choose among %q, there are %q", designation.Languages(), Languages())
	}
	for _, language := range Languages() {
		for n := range maxNumber + 1 {
			at := call.Standing{Position: n + 1, Wait: time.Duration(n) * time.Minute, Known: true}
			names := append([]string{busyName, fullName, backName}, announcement(language, at)...)
			if got := l.say(language, names...); len(got) != len(names) {
				t.Fatalf("%s: of %q %d are there", language, names, len(got))
			}
		}
	}
	for name, c := range l.clips {
		if c.in(mu); len(c.samples) < rate/10 || len(c.in(mu))%octets != 0 {
			t.Errorf("%s has %d samples", name, len(c.samples))
		}
	}
}

func TestAnnouncement(t *testing.T) {
	for _, c := range []struct {
		language string
		at       call.Standing
		want     string
	}{
		{"en", call.Standing{Position: 2, Wait: 3 * time.Minute, Known: true}, "position 2 wait 3 minutes"},
		{"en", call.Standing{Position: 20, Wait: 59 * time.Second, Known: true}, "position 20 soon"},
		{"en", call.Standing{Position: 21, Wait: 80 * time.Second, Known: true}, "position 20 1 wait 1 minute"},
		{"en", call.Standing{Position: 100}, "position 1 100"},
		{"en", call.Standing{Position: 914, Wait: 1000 * time.Minute, Known: true}, "position 9 100 14"},
		{"en", call.Standing{Position: 1000}, "many"},
		{"zh", call.Standing{Position: 2, Wait: 2 * time.Minute, Known: true}, "position 2 place wait liang minutes"},
		{"zh", call.Standing{Position: 10, Wait: 12 * time.Minute, Known: true}, "position 10 place wait 10 2 minutes"},
		{"zh", call.Standing{Position: 23, Wait: 30 * time.Second, Known: true}, "position 2 10 3 place soon"},
		{"zh", call.Standing{Position: 105}, "position 1 100 0 5 place"},
		{"zh", call.Standing{Position: 110}, "position 1 100 1 10 place"},
		{"zh", call.Standing{Position: 300}, "position 3 100 place"},
		{"xx", call.Standing{Position: 1}, ""},
	} {
		if got := strings.Join(announcement(c.language, c.at), " "); got != c.want {
			t.Errorf("%s %+v: %q, want %q", c.language, c.at, got, c.want)
		}
	}
}

// wav is a file of these samples.
func wav(coding, channels uint16, hz uint32, bits uint16, data []byte) []byte {
	format := binary.LittleEndian.AppendUint16(nil, coding)
	format = binary.LittleEndian.AppendUint16(format, channels)
	format = binary.LittleEndian.AppendUint32(format, hz)
	format = binary.LittleEndian.AppendUint32(format, hz*uint32(channels)*uint32(bits)/8)
	format = binary.LittleEndian.AppendUint16(format, channels*bits/8)
	format = binary.LittleEndian.AppendUint16(format, bits)
	chunk := func(b []byte, name string, body []byte) []byte {
		b = binary.LittleEndian.AppendUint32(append(b, name...), uint32(len(body)))
		b = append(b, body...)
		return append(b, make([]byte, len(body)%2)...)
	}
	b := chunk([]byte("WAVE"), "LIST", []byte("odd"))
	return chunk(nil, "RIFF", chunk(chunk(b, "fmt ", format), "data", data))
}

func linear(samples ...int16) (b []byte) {
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

func TestReadWAV(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want string // of the error
	}{
		"linear":       {wav(1, 1, 8000, 16, linear(1, -2, 3)), ""},
		"A-law":        {wav(6, 1, 8000, 8, []byte{0xd5}), ""},
		"µ-law":        {wav(7, 1, 8000, 8, []byte{0xff}), ""},
		"rate":         {wav(1, 1, 44100, 16, linear(1)), "has 44100 samples a second, want 8000"},
		"stereo":       {wav(1, 2, 8000, 16, linear(1, 1)), "has 2 channels, want 1"},
		"24 bits":      {wav(1, 1, 8000, 24, make([]byte, 3)), "has samples of 24 bits, want 16"},
		"MP3":          {wav(85, 1, 8000, 0, []byte{1}), "has the coding 85, want 1 (linear), 6 (A-law) or 7 (µ-law)"},
		"empty":        {wav(1, 1, 8000, 16, nil), "has no samples"},
		"too long":     {wav(7, 1, 8000, 8, make([]byte, longest+1)), "is longer than 10 minutes"},
		"cut off":      {wav(1, 1, 8000, 16, linear(1, 2, 3))[:60], `ends within its chunk "data"`},
		"no format":    {append([]byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00"), 0, 0), "has no format chunk before its samples"},
		"short format": {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00"), "has a format chunk of 2 octets, too short"},
		"no data":      {[]byte("RIFF\x00\x00\x00\x00WAVE"), "has no samples"},
		"text":         {[]byte("hello, this is no sound"), "is no WAV file"},
	} {
		got, err := readWAV(c.file)
		if c.want == "" && (err != nil || len(got) == 0) || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: %d samples, %v, want %q", name, len(got), err, c.want)
		}
	}
	if got, _ := readWAV(wav(1, 1, 8000, 16, linear(1, -2, 3))); !slices.Equal(got, []int16{1, -2, 3}) {
		t.Errorf("read %v", got)
	}
}

func FuzzReadWAV(f *testing.F) {
	b, err := product.ReadFile("clips/en/2.wav")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(wav(1, 1, 8000, 16, linear(1, -2, 3)))
	f.Add(wav(6, 1, 8000, 8, []byte{0xd5}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if samples, err := readWAV(b); err == nil && (len(samples) == 0 || len(samples) > len(b)) {
			t.Errorf("%d samples in %d octets", len(samples), len(b))
		}
	})
}

// What an operator has takes the place of what the product has, and every file that cannot is told.
func TestFolder(t *testing.T) {
	folder := t.TempDir()
	put := func(name string, b []byte) {
		t.Helper()
		at := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("music.wav", wav(1, 1, 8000, 16, linear(7, 8, 9)))
	put("en/busy.wav", wav(7, 1, 8000, 8, []byte{0xff, 0xfe}))
	put("en/README.txt", []byte("ours"))
	l, err := Open(folder, "zh")
	if err != nil {
		t.Fatal(err)
	}
	if got := l.clips[musicName].samples; !slices.Equal(got, []int16{7, 8, 9}) || len(l.clips["en/busy"].samples) != 2 {
		t.Errorf("the music is %v, the words %v", got, l.clips["en/busy"].samples)
	}
	put("music.wav", wav(1, 2, 44100, 16, linear(7, 8)))
	put("en/bussy.wav", wav(1, 1, 8000, 16, linear(7)))
	put("de/busy.wav", wav(1, 1, 8000, 16, linear(7)))
	_, err = Open(folder, "en")
	for _, want := range []string{
		"prompts in " + folder, "music.wav has 44100 samples a second, want 8000",
		"en/bussy.wav takes the place of nothing: there are 0, 1, 10, ", "busy, ", "full, ", "many, ",
		"de/busy.wav takes the place of nothing: there are music.wav and the folders en and zh",
	} {
		if errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	if _, err := Open(filepath.Join(folder, "none"), "en"); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("of a folder that is not there: %v", err)
	}
	if _, err := Open("", "de"); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), "want en or zh") {
		t.Errorf("of another language: %v", err)
	}
}

// A clip sounds the same in every codec.
func TestCodings(t *testing.T) {
	tone := ringingTone()
	if n := len(tone.in(mu)); n != tonePeriod || len(tone.in(a)) != n || len(tone.in(wideband)) != n {
		t.Errorf("%d octets of µ-law, %d of A-law, %d of G.722", n, len(tone.in(a)), len(tone.in(wideband)))
	}
	wide := g722.NewDecoder().Decode(nil, tone.in(wideband))
	var halved []int16
	for i := 0; i < len(wide); i += 2 {
		halved = append(halved, wide[i])
	}
	for name, got := range map[string][]int16{
		"µ-law": g711.Mu.Decode(nil, tone.in(mu)), "A-law": g711.A.Decode(nil, tone.in(a)), "G.722": halved,
	} {
		if hz := crossings(got[:rate]); hz < toneHz-3 || hz > toneHz+3 {
			t.Errorf("%s is a tone of %d Hz", name, hz)
		}
		if got := got[rate+rate/10 : 2*rate]; slices.Max(got)-slices.Min(got) > 64 {
			t.Errorf("%s is not silent after its second", name)
		}
	}
	if first, second := tone.in(mu), tone.in(mu); &first[0] != &second[0] {
		t.Error("coded again")
	}
	if !bytes.Equal(tone.in(a), g711.A.Encode(nil, tone.samples)) {
		t.Error("another A-law")
	}
}

// crossings is how often samples rise through zero.
func crossings(s []int16) (n int) {
	for i := 1; i < len(s); i++ {
		if s[i-1] < 0 && s[i] >= 0 {
			n++
		}
	}
	return n
}
