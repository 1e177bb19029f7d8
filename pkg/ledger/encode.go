package ledger

import (
	"encoding/json"
	"strconv"

	"strowger/pkg/designation"
)

// AppendJSON appends the event as [json.Marshal] writes it, and most events, which are arrows of the ladder, with nothing
// else to allocate. The error is that of a figure that JSON has no number for.
func (e *Event) AppendJSON(b []byte) (_ []byte, err error) {
	b = append(b, '{')
	if e.Seq != 0 {
		b = append(strconv.AppendUint(append(b, `"seq":`...), e.Seq, 10), ',')
	}
	b = strconv.AppendInt(append(b, `"at":`...), e.At, 10)
	b = appendString(append(b, `,"call":`...), e.Call)
	b = appendString(append(b, `,"kind":`...), string(e.Kind))
	b = appendText(b, `,"leg":`, e.Leg)
	b = appendText(b, `,"device":`, e.Device)
	b = appendParty(b, `,"from":`, e.From)
	b = appendParty(b, `,"to":`, e.To)
	b = appendText(b, `,"anchor":`, e.Anchor)
	if e.Offline {
		b = append(b, `,"offline":true`...)
	}
	b = appendText(b, `,"by":`, e.By)
	b = appendCause(b, e.Cause)
	b = appendText(b, `,"codec":`, e.Codec)
	b = appendText(b, `,"local":`, e.Local)
	b = appendText(b, `,"remote":`, e.Remote)
	if e.Quality != nil {
		figures, err := json.Marshal(e.Quality)
		if err != nil {
			return b, err
		}
		b = append(append(b, `,"quality":`...), figures...)
	}
	if e.Line != nil {
		line, err := json.Marshal(e.Line)
		if err != nil {
			return b, err
		}
		b = append(append(b, `,"line":`...), line...)
	}
	b = appendText(b, `,"sender":`, e.Sender)
	b = appendText(b, `,"receiver":`, e.Receiver)
	b = appendText(b, `,"text":`, e.Text)
	return append(b, '}'), nil
}

func appendParty(b []byte, key string, p *designation.Party) []byte {
	if p == nil {
		return b
	}
	b = append(append(b, key...), '{')
	if p.User != "" {
		b = append(appendText(b, `"user":`, p.User), ',')
	}
	if p.Device != "" {
		b = append(appendText(b, `"device":`, p.Device), ',')
	}
	b = appendString(append(b, `"number":`...), p.Number)
	b = appendText(b, `,"name":`, p.Name)
	b = appendText(b, `,"site":`, p.Site)
	b = appendText(b, `,"trunk":`, p.Trunk)
	b = appendText(b, `,"signature":`, p.Signature)
	b = appendText(b, `,"verstat":`, p.Verstat)
	return append(b, '}')
}

func appendCause(b []byte, c *Cause) []byte {
	if c == nil {
		return b
	}
	b = appendString(append(b, `,"cause":{"code":`...), c.Code)
	if c.SIP != 0 {
		b = strconv.AppendInt(append(b, `,"sip":`...), int64(c.SIP), 10)
	}
	b = strconv.AppendInt(append(b, `,"q850":`...), int64(c.Q850), 10)
	return append(appendText(b, `,"words":`, c.Words), '}')
}

// appendText appends a field unless it is empty.
func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, key...), s)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(s) // a string always marshals
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
