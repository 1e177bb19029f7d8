package integration

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// rule looks at the whole module and says what breaks it.
type rule struct {
	name  string
	check func([]source) []string
}

// rules of the system's layout and of the house style.
var rules = []rule{
	{"imports", each(imports)},
	{"confined", each(confinedImports)},
	{"package doc", packageDocs},
	{"size", each(sizes)},
	{"sleep", each(sleeps)},
	{"background", each(backgrounds)},
	{"global", globals},
	{"skip", each(skips)},
	{"comment", each(comments)},
}

// roles are the folders that hold a role each.
var roles = []string{"cloud", "switchnode", "mobile-bridge", "deskphone-agent"}

// confined lists who may import a library that the rest knows only through our own package.
var confined = map[string][]string{
	"github.com/emiago/sipgo":  {"pkg/sip"},
	"github.com/pion/rtp":      {"pkg/rtp"},
	"github.com/pion/rtcp":     {"pkg/rtp"},
	"github.com/pion/sdp":      {"pkg/sdp"},
	"github.com/pion/srtp":     {"pkg/srtp"},
	"github.com/pion/dtls":     {"pkg/srtp"},
	"database/sql":             {"cloud/internal/store"},
	"modernc.org/sqlite":       {"cloud/internal/store"},
	"github.com/jackc/pgx":     {"cloud/internal/store"},
	"github.com/pressly/goose": {"cloud/internal/store"},

	"github.com/nyaruka/phonenumbers": {"pkg/e164"},

	"github.com/sideshow/apns2":             {"mobile-bridge/internal/push/apns", "integration/bench/bare"},
	"firebase.google.com/go":                {"mobile-bridge/internal/push/fcm"},
	"google.golang.org/api":                 {"mobile-bridge/internal/push/fcm"},
	"golang.org/x/oauth2":                   {"mobile-bridge/internal/push/fcm"},
	"github.com/SherClockHolmes/webpush-go": {"mobile-bridge/internal/push/webpush"},

	// HTTP/3 and WebRTC of apps: both ends, and who tries the doors.
	"github.com/quic-go/quic-go":         {"pkg/link", "switchnode/internal/webside", "mobile-bridge/internal/channel", "mobile-bridge/sdk", "integration/knock"},
	"github.com/quic-go/webtransport-go": {"switchnode/internal/webside", "mobile-bridge/internal/channel", "mobile-bridge/sdk", "integration/knock"},
	"github.com/pion/webrtc":             {"switchnode/internal/webside", "mobile-bridge/sdk", "integration/bench"},
	"github.com/pion/ice":                {"switchnode/internal/webside", "mobile-bridge/sdk"},
	"github.com/pion/interceptor":        {"switchnode/internal/webside", "mobile-bridge/sdk"},
	"github.com/pion/logging":            {"switchnode/internal/webside", "mobile-bridge/sdk", "mobile-bridge/internal/relay", "pkg/srtp"},
	"github.com/pion/turn":               {"mobile-bridge/internal/relay"},
	"github.com/pion/opus":               {"pkg/rtp/opus"},
}

func each(check func(source) []string) func([]source) []string {
	return func(all []source) []string {
		var found []string
		for _, s := range all {
			found = append(found, check(s)...)
		}
		return found
	}
}

// within says whether a path is folder or below it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func roleOf(dir string) string {
	for _, r := range roles {
		if within(dir, r) {
			return r
		}
	}
	return ""
}

func imports(s source) (found []string) {
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser checked it
		own, ok := strings.CutPrefix(p, "strowger/")
		if !ok {
			continue
		}
		if why := forbidden(s.dir(), own); why != "" {
			found = append(found, s.at(spec, "imports %s: %s", p, why))
		}
	}
	return found
}

// forbidden says why a package may not import another one of the module; "" when it may.
func forbidden(dir, imported string) string {
	role, theirs := roleOf(dir), roleOf(imported)
	switch {
	case within(dir, "pkg") && !within(imported, "pkg"):
		return "pkg imports only pkg"
	case role != "" && !within(imported, "pkg") && theirs != role:
		return "a role imports itself and pkg"
	case role == "" && theirs != "" && !within(dir, "integration"):
		return "only integration imports roles"
	case role == "" && theirs != "" && imported != theirs && imported != "mobile-bridge/sdk" && imported != "cloud/cloudtest":
		return "integration imports only the root package of a role"
	}
	const inside = "switchnode/internal/"
	if !strings.HasPrefix(dir, inside) || !strings.HasPrefix(imported, inside) {
		return ""
	}
	from, _, _ := strings.Cut(dir[len(inside):], "/")
	to, _, _ := strings.Cut(imported[len(inside):], "/")
	switch {
	case from == "call" && strings.HasSuffix(to, "side"):
		return "call knows no side"
	case from != to && strings.HasSuffix(from, "side") && strings.HasSuffix(to, "side"):
		return "no side knows another"
	}
	return ""
}

func confinedImports(s source) (found []string) {
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		for lib, at := range confined {
			if within(p, lib) && !slices.ContainsFunc(at, func(f string) bool { return within(s.dir(), f) }) {
				found = append(found, s.at(spec, "imports %s, which only %s may", p, strings.Join(at, " and ")))
			}
		}
	}
	return found
}

func packageDocs(all []source) (found []string) {
	docs, seen := map[string][]string{}, map[string]bool{}
	for _, s := range all {
		if s.test() {
			continue
		}
		seen[s.dir()] = true
		if s.file.Doc != nil {
			docs[s.dir()] = append(docs[s.dir()], s.path)
		}
	}
	for dir := range seen {
		if n := len(docs[dir]); n != 1 {
			found = append(found, fmt.Sprintf("%s: has %d package docs %v, want one", dir, n, docs[dir]))
		}
	}
	slices.Sort(found)
	return found
}

// Size budgets. Tables (slice, array and map literals) do not count.
const (
	maxFileLines     = 800
	maxFunctionLines = 100
	maxFields        = 20
	maxMethods       = 3
)

func sizes(s source) (found []string) {
	if n := s.lines - s.tableLines(s.file); n > maxFileLines {
		found = append(found, s.at(s.file, "has %d lines without tables, at most %d", n, maxFileLines))
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if l := s.span(n) - s.tableLines(n); l > maxFunctionLines {
				found = append(found, s.at(n, "func %s has %d lines without tables, at most %d", n.Name.Name, l, maxFunctionLines))
			}
		case *ast.StructType:
			if f := n.Fields.NumFields(); f > maxFields {
				found = append(found, s.at(n, "struct has %d fields, at most %d", f, maxFields))
			}
		case *ast.InterfaceType:
			if m := n.Methods.NumFields(); m > maxMethods {
				found = append(found, s.at(n, "interface has %d methods, at most %d", m, maxMethods))
			}
		}
		return true
	})
	return found
}

func (s source) span(n ast.Node) int { return s.line(n.End()) - s.line(n.Pos()) + 1 }

// tableLines counts the lines inside the outermost slice, array and map literals of n.
func (s source) tableLines(n ast.Node) int {
	lines := 0
	ast.Inspect(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch lit.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			lines += s.span(lit) - 1
			return false
		}
		return true
	})
	return lines
}

// qualified is the "pkg.Name" that n selects, or "".
func qualified(n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

func sleeps(s source) (found []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && s.test() && qualified(call.Fun) == "synctest.Test" {
			return false // time is simulated in the bubble
		}
		if qualified(n) == "time.Sleep" {
			found = append(found, s.at(n.(ast.Expr), "time.Sleep outside a synctest bubble"))
		}
		return true
	})
	return found
}

func backgrounds(s source) (found []string) {
	if s.test() || s.main() {
		return nil
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch q := qualified(n); q {
		case "context.Background", "context.TODO":
			found = append(found, s.at(n, "%s outside main and tests", q))
		}
		return true
	})
	return found
}

func skips(s source) (found []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !s.test() {
			return true
		}
		switch q := qualified(call.Fun); {
		case strings.HasSuffix(q, ".SkipNow"), strings.HasSuffix(q, ".Skip") && len(call.Args) == 0:
			found = append(found, s.at(n, "%s without a reason", q))
		}
		return true
	})
	return found
}

func comments(s source) (found []string) {
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME", "//no" + "lint", "/work" + "/"} {
				if strings.Contains(c.Text, word) {
					found = append(found, s.at(c, "comment says %s", word))
				}
			}
		}
	}
	return found
}

// globals refuses init functions, loggers that are not injected, and package variables that could change.
func globals(all []source) (found []string) {
	variables := map[string]map[string]bool{} // by folder, then name
	for _, s := range all {
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			found = append(found, s.declared(d, variables)...)
		}
		found = append(found, s.globalLogs()...)
	}
	for _, s := range all {
		if names := variables[s.dir()]; len(names) > 0 && !s.test() {
			found = append(found, s.writes(names)...)
		}
	}
	return found
}

// declared checks one top-level declaration and notes the package variables in it.
func (s source) declared(d ast.Decl, variables map[string]map[string]bool) (found []string) {
	if f, ok := d.(*ast.FuncDecl); ok {
		if f.Name.Name == "init" && f.Recv == nil {
			found = append(found, s.at(f, "init function"))
		}
		return found
	}
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return nil
	}
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec) // the only kind after var
		for i, name := range v.Names {
			if !constant(g, v, i) {
				found = append(found, s.at(name, "package variable %s could change: give it to who needs it", name.Name))
			}
			if variables[s.dir()] == nil {
				variables[s.dir()] = map[string]bool{}
			}
			variables[s.dir()][name.Name] = name.Name != "_"
		}
	}
	return found
}

// constant says whether a package variable is one that only Go's grammar keeps from being a constant: an assertion, an
// error, a compiled expression, an embedded file, an unexported table, or a sync.Once that guards a library's globals.
func constant(g *ast.GenDecl, v *ast.ValueSpec, i int) bool {
	name := v.Names[i]
	if name.Name == "_" || qualified(v.Type) == "sync.Once" {
		return true
	}
	if len(v.Values) == 0 {
		doc := g.Doc
		if v.Doc != nil {
			doc = v.Doc
		}
		return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
	}
	if i >= len(v.Values) {
		return false
	}
	switch x := v.Values[i].(type) {
	case *ast.CompositeLit:
		return !name.IsExported()
	case *ast.UnaryExpr: // &T{...}
		_, lit := x.X.(*ast.CompositeLit)
		return lit && !name.IsExported()
	case *ast.CallExpr:
		return made(x)
	}
	return false
}

// made says whether a call makes a value that has no way to change.
func made(call *ast.CallExpr) bool {
	switch qualified(call.Fun) {
	case "errors.New", "fmt.Errorf", "errs.New", "regexp.MustCompile", "strings.NewReplacer", "netip.MustParseAddr",
		"netip.MustParsePrefix", "netip.MustParseAddrPort", "base32.NewEncoding", "base64.NewEncoding", "template.Must",
		"crc32.MakeTable", "crc64.MakeTable", "big.NewInt", "netip.AddrFrom4", "netip.AddrFrom16":
		return true
	}
	if lit, ok := call.Fun.(*ast.FuncLit); ok { // a table computed in place
		return lit.Type.Results.NumFields() == 1
	}
	sel, ok := call.Fun.(*ast.SelectorExpr) // base32.NewEncoding(...).WithPadding(...)
	if !ok {
		return false
	}
	inner, ok := sel.X.(*ast.CallExpr)
	return ok && made(inner)
}

func (s source) writes(names map[string]bool) (found []string) {
	write := func(n ast.Node, x ast.Expr) {
		if id := root(x); id != nil && names[id.Name] {
			found = append(found, s.at(n, "writes package variable %s", id.Name))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, x := range n.Lhs {
					write(n, x)
				}
			}
		case *ast.IncDecStmt:
			write(n, n.X)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") {
				write(n, n.Args[0])
			}
		}
		return true
	})
	return found
}

// root is the variable that an expression such as a[i].b reaches into.
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return nil
		}
	}
}

func (s source) globalLogs() (found []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch q := qualified(n); q {
		case "slog.Default", "slog.SetDefault", "slog.Debug", "slog.Info", "slog.Warn", "slog.Error", "log.Print", "log.Printf",
			"log.Println", "log.Fatal", "log.Fatalf":
			if !s.main() {
				found = append(found, s.at(n, "%s: the logger is injected", q))
			}
		}
		return true
	})
	return found
}
