package call

import "strowger/pkg/sdp"

// agreed is what an offer and its answer come to. The answer of an app to the offer of an app passes through (2-call-flows,
// "C1'"): the two have found what they have in common, and their media do not come here.
func agreed(offer, answer sdp.Description) (sdp.Description, error) {
	if offer.Body != nil && answer.Body != nil {
		return answer, nil
	}
	return sdp.Common(offer, answer)
}
