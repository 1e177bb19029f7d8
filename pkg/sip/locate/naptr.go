package locate

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// typeNAPTR is the record type of RFC 3403.
const typeNAPTR dnsmessage.Type = 35

// patience is how long one DNS server may take.
const patience = 2 * time.Second

// maxAnswer bounds a DNS message over TCP, whose length has 16 bits.
const maxAnswer = 1 << 16

// naptr is one NAPTR record (RFC 3403, 4.1).
type naptr struct {
	order, preference      uint16
	flags, service, regexp string
	replacement            string
}

var errRecord = errors.New("malformed NAPTR record")

// parseNAPTR reads the data of a record: two numbers, three strings and a name, which is never compressed (RFC 3403, 4.1).
func parseNAPTR(data []byte) (n naptr, err error) {
	if len(data) < 4 {
		return n, errRecord
	}
	n.order, n.preference = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	data, ok := data[4:], true
	next := func() (s string) {
		if ok = len(data) > 0 && len(data) > int(data[0]); ok {
			length := int(data[0])
			s, data = string(data[1:1+length]), data[1+length:]
		}
		return s
	}
	for _, s := range []*string{&n.flags, &n.service, &n.regexp} {
		if *s = next(); !ok {
			return n, errRecord
		}
	}
	for label := next(); ok; label = next() {
		switch {
		case label == "" && len(data) == 0:
			n.replacement += "."
			return n, nil
		case label == "" || len(label) > 63:
			return n, errRecord
		case n.replacement != "":
			n.replacement += "."
		}
		n.replacement += label
	}
	return n, errRecord
}

// naptr returns the records of a domain in their order, none if there are none or no server answers.
func (r *Resolver) naptr(ctx context.Context, domain string) []naptr {
	name, err := dnsmessage.NewName(domain + ".")
	if err != nil {
		return nil
	}
	servers, err := r.cfg.Servers()
	if err != nil {
		return nil
	}
	for _, server := range servers {
		if records, err := ask(ctx, server, name); err == nil {
			slices.SortStableFunc(records, func(a, b naptr) int {
				return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
			})
			return records
		}
	}
	return nil
}

// ask asks one server, over TCP if the answer does not fit a datagram.
func ask(ctx context.Context, server string, name dnsmessage.Name) ([]naptr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: typeNAPTR, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		return nil, err
	}
	for _, network := range []string{"udp", "tcp"} {
		answer, err := exchange(ctx, network, server, packed)
		if err != nil {
			return nil, err
		}
		records, truncated, err := read(answer, query)
		if err != nil || !truncated {
			return records, err
		}
	}
	return nil, fmt.Errorf("%s truncates even over TCP", server)
}

// exchange sends a query and returns the message that comes back.
func exchange(ctx context.Context, network, server string, query []byte) ([]byte, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends the read
	defer stop()
	answer := make([]byte, maxAnswer)
	if network == "udp" {
		if _, err := c.Write(query); err != nil {
			return nil, err
		}
		n, err := c.Read(answer)
		return answer[:n], err
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c, answer[:2]); err != nil {
		return nil, err
	}
	answer = answer[:binary.BigEndian.Uint16(answer)]
	_, err = io.ReadFull(c, answer)
	return answer, err
}

// read takes the records of an answer to a query. Malformed records are left out.
func read(answer []byte, query dnsmessage.Message) (records []naptr, truncated bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(answer)
	if err != nil {
		return nil, false, err
	}
	q, err := p.Question()
	switch {
	case err != nil:
		return nil, false, err
	case h.ID != query.ID || !h.Response || q.Type != typeNAPTR || !strings.EqualFold(q.Name.String(), query.Questions[0].Name.String()):
		return nil, false, errors.New("the answer is to another question")
	case h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError:
		return nil, false, fmt.Errorf("the server says %v", h.RCode)
	case h.Truncated:
		return nil, true, nil
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, false, err
	}
	for {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return records, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		body, ok := r.Body.(*dnsmessage.UnknownResource)
		if !ok || body.Type != typeNAPTR {
			continue
		}
		if n, err := parseNAPTR(body.Data); err == nil {
			records = append(records, n)
		}
	}
}

// systemServers are the DNS servers of /etc/resolv.conf.
func systemServers() ([]string, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	var servers []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "nameserver" {
			servers = append(servers, net.JoinHostPort(f[1], "53"))
		}
	}
	return servers, nil
}
