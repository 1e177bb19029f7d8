package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/rest"
)

// description is the head of the OpenAPI description.
func description(version string) huma.Config {
	c := huma.DefaultConfig("Strowger", version)
	c.Info.Description = "The registry and the call records of a Strowger cloud. Lists are paged: follow `next` with `cursor`. " +
		"Errors are problem+json (RFC 9457) with a stable `code`. A POST with an `Idempotency-Key` may be repeated for 24 hours."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key, sk_..."},
	}
	// We serve the description ourselves (huma's handlers race on their first request), without pages that load scripts
	// from elsewhere and without $schema links in replies.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Transformers = []huma.Transformer{refusal}
	return c
}

// describe renders the finished description and serves it.
func (a *API) describe() error {
	doc := a.huma.OpenAPI()
	if err := tidy(doc); err != nil {
		return err
	}
	var err error
	if a.json, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return fmt.Errorf("render OpenAPI: %w", err)
	}
	a.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) {
		a.serve(w, r, "application/openapi+json", a.json, nil)
	})
	yaml := sync.OnceValues(doc.YAML) // slow to make and seldom asked for
	a.mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		b, err := yaml()
		a.serve(w, r, "application/openapi+yaml", b, err)
	})
	return nil
}

// OpenAPI is the description as JSON.
func (a *API) OpenAPI() []byte { return slices.Clone(a.json) }

func (a *API) serve(w http.ResponseWriter, r *http.Request, contentType string, body []byte, err error) {
	if err != nil {
		writeProblem(w, a.problemOf(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // a client that went away misses nothing
}

// withProblem adds the reply that every operation can give.
func withProblem(responses map[string]*huma.Response) map[string]*huma.Response {
	all := map[string]*huma.Response{"default": {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{rest.ProblemType: {Schema: &huma.Schema{Ref: schemaRef + "Problem"}}},
	}}
	maps.Copy(all, responses)
	return all
}

const schemaRef = "#/components/schemas/"

// tidy drops schemas that nothing refers to, among them huma's own errors, which refusal keeps from leaving us, and
// opens those of replies: readers must bear new fields.
func tidy(doc *huma.OpenAPI) error {
	schemas := doc.Components.Schemas.Map()
	for before := -1; before != len(schemas); {
		before = len(schemas)
		b, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("render OpenAPI: %w", err)
		}
		for name := range schemas {
			if !bytes.Contains(b, []byte(`"`+schemaRef+name+`"`)) {
				delete(schemas, name)
			}
		}
	}
	for name, s := range schemas {
		if !strings.HasSuffix(name, "Input") && !strings.HasSuffix(name, "Patch") && s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
	}
	return nil
}

// takes describes what a body is; the operation itself reads it raw, because huma cannot tell what was left out.
func takes(body *huma.RequestBody, required bool, schema string, contentTypes ...string) {
	body.Required = required
	body.Content = map[string]*huma.MediaType{}
	for _, t := range contentTypes {
		body.Content[t] = &huma.MediaType{Schema: &huma.Schema{Ref: schemaRef + schema}}
	}
}

func queryParam(name, schemaType, words string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: words, Schema: &huma.Schema{Type: schemaType}}
}

func organizationParam() *huma.Param {
	return queryParam("organization", huma.TypeString,
		"Id of the organization that a key of the whole installation speaks of; may be left out while there is only one")
}

func pageParams() []*huma.Param {
	limit := queryParam("limit", huma.TypeInteger, "Size of the page, 1 to 500; default 100")
	return []*huma.Param{limit, queryParam("cursor", huma.TypeString, "Where to go on: `next` of the page before")}
}

func idempotencyParam() *huma.Param {
	return &huma.Param{Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "Of the client's choice: a repeated request with the same key and body gets the same reply, for 24 hours"}
}
