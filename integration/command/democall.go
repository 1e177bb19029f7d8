package command

import (
	"context"
	"fmt"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// appCallsPhone has the app call the desk phone that called it before.
func (d *demo) appCallsPhone(ctx context.Context, app *sleeper, desk *phone.Phone) error {
	d.steps.next("the app dials 20 1002")
	voice, call, err := app.dial("201002")
	if err != nil {
		return err
	}
	if _, err := app.sees(ctx, sdk.Trying); err != nil {
		return err
	}
	var in *phone.Call
	select {
	case in = <-desk.Incoming():
	case <-ctx.Done():
		return fmt.Errorf("phone 1002 did not ring")
	}
	d.steps.next("phone 1002 of office 20 rings")
	if _, err := app.sees(ctx, sdk.Ringing); err != nil { // over UDP its 200 might else come before its 180
		return err
	}
	in.Answer()
	if _, err := app.sees(ctx, sdk.Connected); err != nil {
		return err
	}
	d.steps.next("answered; each side plays its speech to the other")
	// The desk phone says what it said as a caller, and so does the app.
	said, err := speech("caller")
	if err != nil {
		return err
	}
	heard, err := d.compare(ctx, said, end{"the app", voice.Heard}, end{"office 20", in.Heard})
	if err != nil {
		return err
	}
	call.Hangup()
	<-in.Done()
	_, err = app.sees(ctx, sdk.Ended)
	d.steps.done()
	d.say("\nThe app calls a desk phone:\n\n%s\n", heard)
	return err
}

// appCallsApp has the app call another one that sleeps: their media do not pass the switch.
func (d *demo) appCallsApp(ctx context.Context, app *sleeper) error {
	d.steps.next("enrolling a second app")
	other, number, err := d.sleeper(ctx, "Meucci", "7002")
	if err != nil {
		return err
	}
	defer other.Close()
	d.steps.next("the first app dials " + number)
	voice, call, err := app.dial(number)
	if err != nil {
		return err
	}
	select {
	case payload := <-d.pushes.pushed:
		_, err = other.Push(payload)
	case <-ctx.Done():
		err = fmt.Errorf("no push came")
	}
	if err != nil {
		return err
	}
	if _, err := other.sees(ctx, sdk.Woken); err != nil {
		return err
	}
	in, err := other.sees(ctx, sdk.Ringing)
	if err != nil {
		return err
	}
	said, err := speech("caller")
	if err != nil {
		return err
	}
	d.steps.next(fmt.Sprintf("the second app rings: %s, %s", in.FromName(), in.FromNumber()))
	back := phone.NewVoice(said)
	in.Answer(back)
	for _, kind := range []string{sdk.Trying, sdk.Waking, sdk.Ringing, sdk.Connected} {
		if _, err := app.sees(ctx, kind); err != nil {
			return err
		}
	}
	if _, err := other.sees(ctx, sdk.Connected); err != nil {
		return err
	}
	d.steps.next("answered; they talk from device to device")
	heard, err := d.compare(ctx, said, end{"the first app", voice.Heard}, end{"the second app", back.Heard})
	if err != nil {
		return err
	}
	path := call.Statistics().Path
	call.Hangup()
	if _, err := app.sees(ctx, sdk.Ended); err != nil {
		return err
	}
	_, err = other.sees(ctx, sdk.Ended)
	d.steps.done()
	d.say("\nThe app calls another app:\n\n%s\nNothing of it passed a switch: the pair of addresses was %s.\n", heard, path)
	return err
}

// dial calls, and says what callers say.
func (s *sleeper) dial(number string) (*phone.Voice, *sdk.Call, error) {
	says, err := speech("caller")
	if err != nil {
		return nil, nil, err
	}
	voice := phone.NewVoice(says)
	call, err := s.Dial(number, &sdk.DialOptions{Audio: voice})
	return voice, call, err
}
