package authority

import "context"

// FabricSeed returns the seed of the account that signs who may use the fabric; fresh makes it the first time.
func (a *Authority) FabricSeed(ctx context.Context, fresh func() ([]byte, error)) ([]byte, error) {
	return a.custody.once(ctx, "fabric", fresh)
}
