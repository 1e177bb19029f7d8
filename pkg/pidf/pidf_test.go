package pidf

import (
	"encoding/xml"
	"testing"
	"time"
)

func TestDocument(t *testing.T) {
	const place = `Haupt<straße> 1 & "2", 10115 Berlin`
	var d struct {
		XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
		Entity  string   `xml:"entity,attr"`
		Device  struct {
			Place string    `xml:"geopriv>location-info>civicAddress>LOC"`
			At    time.Time `xml:"urn:ietf:params:xml:ns:pidf:data-model timestamp"`
		} `xml:"urn:ietf:params:xml:ns:pidf:data-model device"`
	}
	at := time.Unix(1_800_000_000, 0)
	if err := xml.Unmarshal(Document("sip:+49301@h", place, at), &d); err != nil {
		t.Fatal(err)
	}
	if d.Entity != "sip:+49301@h" || d.Device.Place != place || !d.Device.At.Equal(at) {
		t.Errorf("%+v", d)
	}
}
