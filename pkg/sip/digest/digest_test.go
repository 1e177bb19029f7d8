package digest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var here = netip.MustParseAddr("192.0.2.7")

const (
	realm = "org_2exampleexampleexample23"
	uri   = "sip:10.0.0.1"
)

// clock is the time of a test.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func secrets(user, password string) HA1 {
	text := user + ":" + realm + ":" + password
	return HA1{MD5: sum(MD5, text), SHA256: sum(SHA256, text)}
}

// server knows user 1001 with password "right".
func server(c *clock, nonces int) *Server {
	return New(Config{Realm: realm, Now: c.Now, Nonces: nonces, Lookup: func(user string) (HA1, bool) {
		if user != "1001" {
			return HA1{}, false
		}
		return secrets(user, "right"), true
	}})
}

// phone answers a challenge as a phone does.
type phone struct {
	user, password, algorithm, uri string
	nc                             uint32
}

func (p phone) answer(t rapid.TB, challenge, method string) string {
	t.Helper()
	ch, err := parse(challenge)
	if err != nil {
		t.Fatal(err)
	}
	nc := fmt.Sprintf("%08x", p.nc)
	ha1, ha2 := sum(p.algorithm, p.user+":"+ch["realm"]+":"+p.password), sum(p.algorithm, method+":"+p.uri)
	response := sum(p.algorithm, strings.Join([]string{ha1, ch["nonce"], nc, "abc", "auth", ha2}, ":"))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s, cnonce="abc", nc=%s, qop=auth`,
		p.user, ch["realm"], ch["nonce"], p.uri, response, p.algorithm, nc)
}

func good() phone {
	return phone{user: "1001", password: "right", algorithm: SHA256, uri: uri, nc: 1}
}

// TestAlgorithms offers one algorithm: no other is taken.
func TestAlgorithms(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	for _, offered := range []string{MD5, SHA256} {
		s := New(Config{Realm: realm, Now: c.Now, Algorithms: []string{offered}, Lookup: server(c, 0).cfg.Lookup})
		all := s.Challenges(false, here)
		if len(all) != 1 || !strings.Contains(all[0], "algorithm="+offered+",") {
			t.Fatalf("challenges %q, want one for %s", all, offered)
		}
		for i, algorithm := range []string{MD5, SHA256} {
			p := good()
			p.algorithm, p.nc = algorithm, uint32(i+1)
			_, err := s.Verify("REGISTER", uri, []string{p.answer(t, all[0], "REGISTER")}, here)
			if want := algorithm == offered; want != (err == nil) || err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("%s offered, %s used: %v", offered, algorithm, err)
			}
		}
	}
}

func TestChallenges(t *testing.T) {
	s := server(&clock{time.Unix(1e9, 0)}, 0)
	all := s.Challenges(true, here)
	if len(all) != 2 {
		t.Fatalf("%d challenges, want two", len(all))
	}
	for i, algorithm := range []string{"SHA-256", "MD5"} {
		p, err := parse(all[i])
		if err != nil || p["algorithm"] != algorithm || p["realm"] != realm || p["qop"] != "auth" || p["stale"] != "true" || len(p["nonce"]) != 43 {
			t.Errorf("challenge %d: %v, %v", i, p, err)
		}
	}
	if strings.Contains(s.Challenges(false, here)[0], "stale") {
		t.Error("a first challenge is stale")
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*phone)
		method string // of the request, when it is not the signed one
		want   error
	}{
		{"SHA-256", func(*phone) {}, "", nil},
		{"MD5", func(p *phone) { p.algorithm = MD5 }, "", nil},
		{"wrong password", func(p *phone) { p.password = "wrong" }, "", ErrWrongPassword},
		{"wrong password by MD5", func(p *phone) { p.password, p.algorithm = "wrong", MD5 }, "", ErrWrongPassword},
		{"unknown user", func(p *phone) { p.user = "1002" }, "", ErrUnknownUser},
		{"signed another method", func(*phone) {}, "INVITE", ErrWrongPassword},
		{"signed another URI", func(p *phone) { p.uri = "sip:10.0.0.2" }, "", ErrMalformed},
		{"signed URI has parameters", func(p *phone) { p.uri = "sip:10.0.0.1;transport=tcp" }, "", nil},
		{"algorithm not offered", func(p *phone) { p.algorithm = "SHA-512-256" }, "", ErrMalformed},
		{"session algorithm", func(p *phone) { p.algorithm = "MD5-sess" }, "", ErrMalformed},
		{"nc from 0", func(p *phone) { p.nc = 0 }, "", ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := server(&clock{time.Unix(1e9, 0)}, 0)
			p := good()
			c.change(&p)
			h := p.answer(t, s.Challenges(false, here)[0], "REGISTER")
			method := "REGISTER"
			if c.method != "" {
				method = c.method
			}
			user, err := s.Verify(method, uri, []string{h}, here)
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || user != "1001") {
				t.Errorf("%q, %v, want %v", user, err, c.want)
			}
		})
	}
}

// RFC 7616, 3.9.1.
func TestVectors(t *testing.T) {
	for algorithm, want := range map[string]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := credentials{nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri: "/dir/index.html", nc: "00000001",
			cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", algorithm: algorithm}
		if got := c.expected(sum(algorithm, "Mufasa:http-auth@example.org:Circle of Life"), "GET"); got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}

func TestWhichHeader(t *testing.T) {
	s := server(&clock{time.Unix(1e9, 0)}, 0)
	mine := good().answer(t, s.Challenges(false, here)[0], "INVITE")
	other := strings.Replace(mine, realm, "another.example", 1)
	if _, err := s.Verify("INVITE", uri, []string{"Bearer abc", other}, here); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if _, err := s.Verify("INVITE", uri, nil, here); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if _, err := s.Verify("INVITE", uri, []string{"Bearer abc", other, mine}, here); err != nil {
		t.Error(err)
	}
}

func TestStale(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	s := server(c, 0)
	challenge := s.Challenges(false, here)[0]
	p := good()
	verify := func(s *Server, p phone) error {
		_, err := s.Verify("REGISTER", uri, []string{p.answer(t, challenge, "REGISTER")}, here)
		return err
	}
	if err := verify(s, p); err != nil {
		t.Error(err)
	}
	c.now = c.now.Add(DefaultLifetime)
	p.nc = 2
	if err := verify(s, p); err != nil {
		t.Errorf("at the end of its life: %v", err)
	}
	c.now = c.now.Add(time.Second)
	p.nc = 3
	if err := verify(s, p); !errors.Is(err, ErrStale) {
		t.Errorf("after its life: %v", err)
	}
	p.password = "wrong"
	if err := verify(s, p); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("stale is told to who has not the password: %v", err)
	}
	if err := verify(server(c, 0), good()); !errors.Is(err, ErrStale) {
		t.Errorf("nonce of another run: %v", err)
	}
	challenge = strings.Replace(challenge, `nonce="`, `nonce="!`, 1)
	if err := verify(s, good()); !errors.Is(err, ErrStale) {
		t.Errorf("nonce that is none: %v", err)
	}
}

func TestReplayed(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	s := server(c, 0)
	challenge := s.Challenges(false, here)[0]
	for _, step := range []struct {
		nc   uint32
		want error
	}{{1, nil}, {1, ErrReplayed}, {3, nil}, {2, nil}, {2, ErrReplayed}, {3, ErrReplayed}, {100, nil}, {36, ErrReplayed}, {37, nil}, {37, ErrReplayed},
		{163, nil}, {100, ErrReplayed}, {99, ErrReplayed}, {101, nil}} {
		p := good()
		p.nc = step.nc
		_, err := s.Verify("REGISTER", uri, []string{p.answer(t, challenge, "REGISTER")}, here)
		if !errors.Is(err, step.want) {
			t.Errorf("nc %d: %v, want %v", step.nc, err, step.want)
		}
	}
}

// A count is taken at most once, whatever the order, the memory and the time.
func TestNeverTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1e9, 0)}
		s := server(c, rapid.IntRange(1, 4).Draw(t, "memory"))
		type use struct {
			challenge string
			nc        uint32
		}
		var challenges []string
		taken := map[use]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.now = c.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 3 * time.Minute}).Draw(t, "pause"))
			if len(challenges) == 0 || rapid.Bool().Draw(t, "new") {
				challenges = append(challenges, s.Challenges(false, here)[0])
			}
			u := use{rapid.SampledFrom(challenges).Draw(t, "challenge"), rapid.Uint32Range(1, 5).Draw(t, "nc")}
			p := good()
			p.nc = u.nc
			_, err := s.Verify("REGISTER", uri, []string{p.answer(t, u.challenge, "REGISTER")}, here)
			if err == nil && taken[u] {
				t.Fatalf("nc %d taken twice", u.nc)
			}
			if n := len(s.used) + len(s.earlier); n > 2*s.cfg.Nonces {
				t.Fatalf("%d nonces kept", n)
			}
			taken[u] = taken[u] || err == nil
		}
	})
}

func TestOneOfManyAtOnce(t *testing.T) {
	s := server(&clock{time.Unix(1e9, 0)}, 0)
	h := good().answer(t, s.Challenges(false, here)[0], "REGISTER")
	results := make(chan error, 20)
	var all sync.WaitGroup
	for range cap(results) {
		all.Go(func() { _, err := s.Verify("REGISTER", uri, []string{h}, here); results <- err })
	}
	all.Wait()
	close(results)
	taken := 0
	for err := range results {
		if err == nil {
			taken++
		} else if !errors.Is(err, ErrReplayed) {
			t.Error(err)
		}
	}
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
}

func BenchmarkVerify(b *testing.B) {
	c := &clock{time.Unix(1e9, 0)}
	s := server(c, 0)
	h := good().answer(b, s.Challenges(false, here)[0], "REGISTER")
	for b.Loop() {
		if _, err := s.Verify("REGISTER", uri, []string{h}, here); err != nil && !errors.Is(err, ErrReplayed) {
			b.Fatal(err)
		}
	}
}

// TestNonceOfAnotherAddress has somebody use a nonce that another address was given: it is stale there, and the password is not in doubt. One address
// may be written in two ways.
func TestNonceOfAnotherAddress(t *testing.T) {
	s := server(&clock{time.Unix(1e9, 0)}, 0)
	p := good()
	h := p.answer(t, s.Challenges(false, here)[0], "REGISTER")
	if _, err := s.Verify("REGISTER", uri, []string{h}, netip.MustParseAddr("192.0.2.8")); !errors.Is(err, ErrStale) {
		t.Errorf("at another address: %v", err)
	}
	if _, err := s.Verify("REGISTER", uri, []string{h}, netip.MustParseAddr("::ffff:192.0.2.7")); err != nil {
		t.Errorf("at its own: %v", err)
	}
}
