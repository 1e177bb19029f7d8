package command

import (
	"context"
	"fmt"

	"strowger/integration/phone"
)

// joins has one who talks to two, one of them on hold, connect them and leave.
func (d *demo) joins(ctx context.Context, middle, held, asked *deskphone) error {
	heldOut, heldIn, err := d.meet(ctx, held, middle)
	if err != nil {
		return err
	}
	d.steps.next(middle.name + " puts " + held.name + " on hold, and asks " + asked.name)
	heldIn.Hold()
	if err := hearsMusic(ctx, held, heldOut); err != nil {
		return err
	}
	out, err := middle.Dial(ctx, asked.number)
	if err != nil {
		return err
	}
	at, err := incoming(ctx, asked.Phone)
	if err != nil {
		return err
	}
	at.Answer()
	if err := d.hear(ctx, middle, out, asked, at); err != nil {
		return err
	}
	d.steps.next(middle.name + " connects the two, and leaves")
	heldIn.Join(out)
	for _, c := range []*phone.Call{heldIn, out} {
		if _, err := c.Wait(ctx, phone.Ended); err != nil {
			return fmt.Errorf("%s is not told that the two were connected: %w; %v", middle.name, err, c.Events())
		}
	}
	if err := d.hear(ctx, held, heldOut, asked, at); err != nil {
		return err
	}
	return d.hangUp(ctx, heldOut, at)
}

// parks has a call parked in one office, and retrieved from the other.
func (d *demo) parks(ctx context.Context, caller, parker, retriever *deskphone) error {
	out, in, err := d.meet(ctx, caller, parker)
	if err != nil {
		return err
	}
	d.steps.next(parker.name + " parks the call: a transfer to *8507")
	in.Transfer("*8507")
	e, err := in.Wait(ctx, phone.Ended)
	if err != nil {
		return fmt.Errorf("the call was not parked: %w; %v", err, in.Events())
	}
	if err := hearsMusic(ctx, caller, out); err != nil {
		return err
	}
	d.steps.done()
	d.say("%s's phone is told: %s; %s hears music\n", parker.name, e.Words, caller.name)
	code := "*86" + d.stack.Offices[0].Site.Code + "07"
	d.steps.next(retriever.name + " retrieves it from office 30: " + code)
	at, err := retriever.Dial(ctx, code)
	if err != nil {
		return err
	}
	if err := d.hear(ctx, caller, out, retriever, at); err != nil {
		return err
	}
	return d.hangUp(ctx, out, at)
}
