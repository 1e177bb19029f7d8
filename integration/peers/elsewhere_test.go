//go:build peers

package peers

import (
	"fmt"
	"testing"

	"strowger/pkg/rest"
)

// testPickUpElsewhere has a phone answer what rings at the other office, for a caller of either: by the number there, and by the code of the group that it is of.
func testPickUpElsewhere(t *testing.T, d *deployment) {
	b, c := d.y.account(t), d.x.account(t)
	create(t, d.api.Groups(), rest.Group{Name: t.Name(), Kind: rest.PickUpGroup, Members: []string{b.user.ID}, Others: []string{c.user.ID}})
	d.settle(t, d.x, "1902")
	d.settle(t, d.y, "1902")
	bell, picker := d.y.phone(t, b, handset{codec: pcmu, tone: high}), d.x.phone(t, c, handset{codec: pcmu, tone: other})
	for _, way := range []struct {
		from *office
		code string
	}{{d.x, "**" + b.dial}, {d.y, "*8"}} {
		a := way.from.phone(t, way.from.account(t), handset{codec: pcmu, tone: low})
		a.do(t, "dial", b.dial)
		bell.await(t, "CALL_INCOMING")
		a.await(t, "CALL_RINGING")
		picker.do(t, "dial", way.code)
		picker.await(t, "CALL_ESTABLISHED")
		a.await(t, "CALL_ESTABLISHED")
		bell.await(t, "CALL_CLOSED")
		talk(t, a, picker)
		hangUp(t, a, picker)
	}
}

// testRetrieveElsewhere has a phone park a caller of its own office, whom one of the other office retrieves.
func testRetrieveElsewhere(t *testing.T, d *deployment) {
	a, b := pair(t, d.y, d.y, pcmu)
	c := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: other})
	toA := listen(t, a.host)
	call(t, a, b, b.extension)
	b.do(t, "transfer", fmt.Sprintf("sip:*8508@%s", d.y.started.SIP.Addr()))
	b.await(t, "CALL_CLOSED")
	toA.expectMusic(t, b.tone)
	c.do(t, "dial", "*86"+d.y.site.Code+"08")
	c.await(t, "CALL_ESTABLISHED")
	toA.expectTone(t, c.tone)
	c.hears(t, a.tone)
	hangUp(t, c, a)
}
