package cloud

import (
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// trunkTime is how long a switch may take to begin a test of a trunk, or to say how one gets on.
const trunkTime = 3 * time.Second

// testTrunk asks the switch of a trunk.
func (c *instance) testTrunk(ctx context.Context, org string, t rest.Trunk, q fabric.TrunkTest) (rest.TrunkTest, error) {
	ctx, cancel := context.WithTimeout(ctx, trunkTime)
	defer cancel()
	q.Trunk = t.ID
	r, err := fabric.Request[fabric.TrunkTest, fabric.TrunkTested](ctx, c.exchange.Client(), fabric.SubjectTrunk(org, t.Switch), q)
	if errs.CodeOf(err) == errs.CloudAway {
		err = errs.New(errs.Unreachable, "the switch of trunk %s does not answer: start it, mend its network, or upgrade it; strowger switch list shows it", t.Name)
	}
	if err != nil {
		return rest.TrunkTest{}, err
	}
	test := rest.TrunkTest{Call: r.Call, Number: r.To, Steps: []rest.TestStep{}, Done: r.Done}
	for _, s := range r.Steps {
		test.Steps = append(test.Steps, rest.TestStep(s))
	}
	return test, nil
}
