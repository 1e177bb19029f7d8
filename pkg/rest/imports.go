package rest

import (
	"context"
	"net/http"

	"strowger/pkg/errs"
)

// MaxImport is how many lines one import has at most.
const MaxImport = 500

// Import is people with a desk phone each, to be added at once.
type Import struct {
	Lines []ImportLine `json:"lines" minItems:"1" maxItems:"500"`
}

// ImportLine is a person with a desk phone. What is wrong with a line refuses that line and no other.
type ImportLine struct {
	Name     string `json:"name"`             // of the person
	Number   string `json:"number,omitempty"` // extension in the site of the switch; empty: none
	Switch   string `json:"switch"`           // id
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"` // empty: made by the cloud
	Device   string `json:"device,omitempty"`   // name of the phone; empty: "desk phone"
}

// Imported answers Import, line by line in the same order. What was added stays, whatever was refused.
type Imported struct {
	Added int            `json:"added"`
	Lines []ImportedLine `json:"lines"`
}

// ImportedLine is what became of a line: the error, or the ids and the SIP account, with its password this once.
type ImportedLine struct {
	Error    *errs.Error `json:"error,omitempty"`
	User     string      `json:"user,omitempty"`
	Device   string      `json:"device,omitempty"`
	Username string      `json:"username,omitempty"`
	Password string      `json:"password,omitempty"`
}

// Import adds people with a desk phone each, at most MaxImport.
func (c Client) Import(ctx context.Context, lines []ImportLine) (Imported, error) {
	var done Imported
	err := c.do(ctx, request{method: http.MethodPost, path: "imports", body: Import{Lines: lines}}, &done)
	return done, err
}
