package patchbay_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/patchbay-sip/patchbay"

// layers holds, for each package, what its files may import besides the
// standard library: packages on lower floors, its own parent, and the
// third-party modules that it is there for. A name that ends in /... stands
// for everything below it.
var layers = map[string][]string{
	// -1: what several packages need, named for the thing
	"internal/...":   {},
	"internal/udpio": {"golang.org/x/sys/..."}, // recvmmsg, sendmmsg and socket options
	"sip/keyring":    {},

	// 0: messages, and how they travel
	"sip":                  {},
	"sip/digest":           {"sip", "sip/keyring", "internal/..."},
	"sip/resolve":          {"sip", "internal/...", "github.com/miekg/dns"}, // NAPTR
	"sip/transport":        {"sip", "internal/..."},
	"sip/transport/memnet": {"sip", "sip/transport", "internal/..."},
	"sip/transport/pcap":   {"sip", "sip/transport"},
	"sip/transport/ws":     {"sip", "sip/transport", "internal/...", "github.com/coder/websocket"}, // the one that imports net/http

	// 1: transactions and dialogs
	"transaction":        {"sip", "sip/keyring", "sip/digest", "sip/resolve", "sip/transport", "internal/..."},
	"transaction/dialog": {"sip", "sip/keyring", "sip/digest", "sip/resolve", "sip/transport", "transaction", "internal/..."},

	// 2: services, which meet in interfaces and never import each other
	"registrar":           {"sip", "sip/keyring", "sip/digest", "sip/resolve", "sip/transport", "transaction", "transaction/dialog", "internal/..."},
	"registrar/storetest": {"sip", "registrar", "github.com/stretchr/testify/..."},
	"proxy":               {"sip", "sip/keyring", "sip/digest", "sip/resolve", "sip/transport", "transaction", "transaction/dialog", "internal/..."},

	// 4: programs
	"examples/...": {
		"sip", "sip/...", "transaction", "transaction/...", "registrar", "registrar/...", "proxy",
		"github.com/alecthomas/kong",
	},

	// documentation and tests of the whole
	"":        {},
	"interop": {},
}

// forTests is what tests may import besides every package of the module; with
// coder/websocket they do what browsers do.
var forTests = []string{"github.com/stretchr/testify/...", "go.uber.org/goleak", "github.com/coder/websocket"}

// heavy is what nobody gets into a program by importing the SDK's core.
var heavy = []string{
	"database/sql", "expvar", "net/http", "net/rpc", "plugin",
	"github.com/prometheus/...", "github.com/redis/...", "github.com/pion/...", module + "/stun", module + "/turn",
}

// impure is what package sip does without: it does no I/O.
var impure = []string{"net", "os", "os/...", "io/fs", "io/ioutil", "syscall", "testing"}

// core is what is free of everything heavy, through all that it imports.
var core = []string{"sip", "transaction", "registrar", "proxy"}

func TestImports(t *testing.T) {
	for _, f := range sources(t) {
		allowed, ok := layer(f.dir)
		if !ok {
			t.Errorf("%s: package %q has no row in the table of arch_test.go", f.path, f.dir)
			continue
		}
		for _, imported := range f.imports() {
			inner, ours := within(imported)
			switch {
			case f.test && (ours || matches(forTests, imported)):
			case ours && inner == f.dir: // its own external test
			case ours && matches(allowed, inner):
			case ours:
				t.Errorf("%s: package %q may not import %q", f.path, f.dir, inner)
			case isStandard(imported):
				if !f.test && f.dir == "sip" && matches(impure, imported) {
					t.Errorf("%s: package sip does no I/O, so it does not import %s", f.path, imported)
				}
			case !matches(allowed, imported):
				t.Errorf("%s: package %q may not import %s", f.path, f.dir, imported)
			}
		}
	}
}

// TestCoreIsLight follows the imports of the core, and finds nothing heavy.
func TestCoreIsLight(t *testing.T) {
	imports := make(map[string][]string)
	for _, f := range sources(t) {
		if !f.test {
			imports[f.dir] = append(imports[f.dir], f.imports()...)
		}
	}
	for _, start := range core {
		if imports[start] == nil {
			t.Errorf("package %q imports nothing at all: does it still stand there?", start)
		}
		seen := map[string]bool{}
		var walk func(dir, way string)
		walk = func(dir, way string) {
			if seen[dir] {
				return
			}
			seen[dir] = true
			for _, imported := range imports[dir] {
				if matches(heavy, imported) || strings.HasPrefix(imported, "net/http/") {
					t.Errorf("%s -> %s", way, imported)
				}
				if inner, ours := within(imported); ours {
					walk(inner, way+" -> "+inner)
				}
			}
		}
		walk(start, start)
	}
}

// TestNoHiddenState finds init functions and package variables that could
// change: those without a value, those that hold a lock, a pool or a pointer,
// and those that some code of their package assigns to.
func TestNoHiddenState(t *testing.T) {
	variables := make(map[string]map[string]bool) // by package
	var files []source
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		files = append(files, f)
		if variables[f.dir] == nil {
			variables[f.dir] = make(map[string]bool)
		}
		for _, decl := range f.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init", f.at(d))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					f.checkVariables(t, d, variables[f.dir])
				}
			}
		}
	}
	for _, f := range files {
		f.checkAssignments(t, variables[f.dir])
	}
}

// checkVariables looks at a declaration of package variables and adds their
// names to those of the package.
func (f source) checkVariables(t *testing.T, d *ast.GenDecl, names map[string]bool) {
	t.Helper()
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			if name.Name == "_" {
				continue // an assertion that a type has an interface's methods
			}
			names[name.Name] = true
			if len(v.Values) == 0 {
				t.Errorf("%s: package variable %s has no value, so something will give it one", f.at(name), name.Name)
				continue
			}
			value := v.Values[min(i, len(v.Values)-1)]
			if strings.HasPrefix(strings.ToLower(name.Name), "err") {
				continue // a sentinel
			}
			if u, ok := value.(*ast.UnaryExpr); ok && u.Op == token.AND {
				t.Errorf("%s: package variable %s points to something that can change", f.at(name), name.Name)
			}
			ast.Inspect(value, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := s.X.(*ast.Ident); ok && (pkg.Name == "sync" || pkg.Name == "atomic") {
						t.Errorf("%s: package variable %s holds a %s.%s", f.at(name), name.Name, pkg.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// checkAssignments looks for code that changes a package variable.
func (f source) checkAssignments(t *testing.T, variables map[string]bool) {
	t.Helper()
	check := func(target ast.Expr) {
		for {
			switch e := target.(type) {
			case *ast.IndexExpr:
				target = e.X
				continue
			case *ast.SelectorExpr:
				target = e.X
				continue
			case *ast.ParenExpr:
				target = e.X
				continue
			case *ast.Ident:
				// The parser knows what a name means within its file; a name that
				// is not declared there is the package's.
				local := e.Obj != nil && f.file.Scope.Lookup(e.Name) != e.Obj
				if variables[e.Name] && !local {
					t.Errorf("%s: package variable %s is changed", f.at(e), e.Name)
				}
			}
			return
		}
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, target := range s.Lhs {
					check(target)
				}
			}
		case *ast.IncDecStmt:
			check(s.X)
		case *ast.UnaryExpr:
			if s.Op == token.AND {
				check(s.X)
			}
		}
		return true
	})
}

func TestFileLength(t *testing.T) {
	const limit = 700
	for _, f := range sources(t) {
		if n := f.set.File(f.file.FileStart).LineCount(); n > limit {
			t.Errorf("%s has %d lines: more than %d are several files", f.path, n, limit)
		}
	}
}

// TestNamesEverybodyHas finds paths that exist on the machine of whoever wrote
// them and nowhere else.
func TestNamesEverybodyHas(t *testing.T) {
	// Taken apart, so that this file is held to it as well.
	private := []string{"/" + "home/", "/" + "root/", "/" + "work/", "../" + "shared", "C:" + `\Users`}
	walk(t, func(name string) {
		if strings.Contains(name, "testdata/fuzz/") {
			return
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return // a program that somebody built here
		}
		for _, p := range private {
			if strings.Contains(string(text), p) {
				t.Errorf("%s mentions %s", name, p)
			}
		}
	})
}

// layer returns the row of a package.
func layer(dir string) (allowed []string, ok bool) {
	if allowed, ok = layers[dir]; ok {
		return allowed, true
	}
	for name, allowed := range layers {
		if strings.HasSuffix(name, "/...") && matches([]string{name}, dir) {
			return allowed, true
		}
	}
	return nil, false
}

// matches tells whether a list has a package, or a pattern that covers it.
func matches(list []string, name string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		below, isPattern := strings.CutSuffix(p, "...")
		return p == name || isPattern && strings.HasPrefix(name, below)
	})
}

// within tells whether an import is of this module, and which package it is.
func within(imported string) (dir string, ok bool) {
	if imported == module {
		return "", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// A source is one Go file of the module.
type source struct {
	path string // from the root, with slashes
	dir  string // of the package; empty for the root
	test bool
	file *ast.File
	set  *token.FileSet
}

func (f source) imports() []string {
	var list []string
	for _, i := range f.file.Imports {
		list = append(list, strings.Trim(i.Path.Value, "`\""))
	}
	return list
}

func (f source) at(n ast.Node) token.Position { return f.set.Position(n.Pos()) }

// sources parses every Go file of the module, whatever its build tags are. The
// go command is not asked: its answer would depend on the machine.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	set := token.NewFileSet()
	walk(t, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		if dir == "." {
			dir = ""
		}
		list = append(list, source{path: name, dir: dir, test: strings.HasSuffix(name, "_test.go"), file: file, set: set})
	})
	return list
}

// walk visits the files of the module, and of no module within it.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (name == ".git" || name == "bin"):
			return fs.SkipDir
		case d.IsDir() && name != ".":
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
