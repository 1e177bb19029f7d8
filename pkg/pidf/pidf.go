// Package pidf writes where a caller is, for who takes an emergency call: a PIDF-LO document (RFC 4119) with a civic address (RFC
// 5139) that is text for people, as an administrator wrote it.
//
//	<presence entity="sip:+4930100@office">
//	  <dm:device id="phone">
//	    <gp:geopriv>
//	      <gp:location-info><ca:civicAddress><ca:LOC>Hauptstrasse 1, 10115 Berlin, 3rd floor</ca:LOC></ca:civicAddress></gp:location-info>
//	      <gp:usage-rules/>
//	      <gp:method>Manual</gp:method>
//	    </gp:geopriv>
//	    <dm:timestamp>2026-11-22T20:00:00Z</dm:timestamp>
//	  </dm:device>
//	</presence>
package pidf

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"
)

// Type is the media type of a document (RFC 3863).
const Type = "application/pidf+xml"

// Document says that an entity, a URI, is at a place at some time. LOC is additional location information, in words.
func Document(entity, place string, at time.Time) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"`+
		` xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="%s">`+
		`<dm:device id="phone"><gp:geopriv><gp:location-info><ca:civicAddress><ca:LOC>%s</ca:LOC></ca:civicAddress></gp:location-info>`+
		`<gp:usage-rules/><gp:method>Manual</gp:method></gp:geopriv><dm:timestamp>%s</dm:timestamp></dm:device></presence>
`, escaped(entity), escaped(place), at.UTC().Format(time.RFC3339))
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
