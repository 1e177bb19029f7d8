package sdk

import (
	"cmp"
	"crypto/rand"
	"net/url"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
)

// Transfer has the other side call a number, as the user of this phone dials it: they hear music and then the ringing, and this call ends
// when it is answered. TransferRinging follows, and TransferFailed if it does not come to that: then the call is as it was. Who hangs up
// before is called back if nobody answers. *85 parks the call.
//
// A call in which two apps talk straight to each other cannot be transferred.
func (c *Call) Transfer(number string) error {
	number = strings.TrimSpace(number)
	if number == "" {
		return errs.New(errs.Invalid, "the number is empty")
	}
	id, err := c.phone.enrolled()
	if err != nil {
		return err
	}
	signed, err := proof.Sign(proof.TypeAdmit, c.phone.keys.signing, proof.Admit{
		Org: id.Info.Org, Device: id.Info.Device, Dialled: number, Media: []string{"audio"}, Call: c.ID(), ID: rand.Text(), IssuedAt: time.Now().Unix(),
	})
	if err != nil {
		return err
	}
	c.do(func() {
		c.refer("<sip:"+url.PathEscape(number)+"@"+c.claims.Org+">", sip.NewHeader(sip.HeaderProof, signed))
	})
	return nil
}

// Join has the other side of this call talk to the one of another call of this phone, which may still ring there: both calls end here
// (RFC 5589, 7). It can be done where one switch has both. TransferFailed of this call says if it was not.
func (c *Call) Join(other *Call) error {
	if other == nil || other == c {
		return errs.New(errs.Invalid, "want another call to join this one with")
	}
	other.do(func() {
		if other.dialog == nil {
			c.do(func() { c.tell(TransferFailed, end{errs.Gone, "the other call has not begun to ring"}) })
			return
		}
		named := other.dialog.Names().String()
		c.do(func() {
			c.refer("<sip:" + url.PathEscape(cmp.Or(other.claims.To.Number, "call")) + "@" + c.claims.Org + "?Replaces=" + url.QueryEscape(named) + ">")
		})
	})
	return nil
}

// refer asks the node for a transfer, if the call is one that can be transferred.
func (c *Call) refer(to string, headers ...sip.Header) {
	switch {
	case c.cutOff():
		c.tell(TransferFailed, end{errs.LinkLost, "there is no connection to the switch at the moment"})
	case !c.connected:
		c.tell(TransferFailed, end{errs.Forbidden, "only a call that is answered can be transferred"})
	default:
		c.dialog.Refer(to, headers...)
	}
}

// transferAnswered takes the answer of the node to what was asked for.
func (c *Call) transferAnswered(e sip.ReferAnswered) {
	if e.Code >= 300 {
		c.tell(TransferFailed, end{cmp.Or(codeOf(e.Code), errs.Unreachable), e.Reason})
	}
}

// transferTold takes what the node says of how it goes.
func (c *Call) transferTold(e sip.Notified) {
	switch {
	case e.Code == 180:
		c.tell(TransferRinging, end{})
	case e.Code >= 300:
		c.tell(TransferFailed, end{cmp.Or(codeOf(e.Code), errs.Unreachable), e.Reason})
	}
}
