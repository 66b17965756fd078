package patchbay_test

import (
	"go/ast"
	"strings"
	"testing"
)

// TestExamples finds constructors, and interfaces that users implement, that no
// Example shows.
func TestExamples(t *testing.T) {
	shown := make(map[string]bool) // "proxy.New"
	for _, f := range sources(t) {
		for _, d := range f.file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && strings.HasPrefix(fn.Name.Name, "Example") {
				name, _, _ := strings.Cut(strings.TrimPrefix(fn.Name.Name, "Example"), "_")
				shown[f.dir+"."+name] = true
			}
		}
	}
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.dir, "internal/") || strings.HasPrefix(f.dir, "examples/") {
			continue
		}
		for _, d := range f.file.Decls {
			for _, name := range wantExample(d) {
				made := strings.TrimPrefix(name, "New") // the Example of Mux shows NewMux
				if !shown[f.dir+"."+name] && (made == "" || !shown[f.dir+"."+made]) {
					t.Errorf("%s: no Example%s", f.at(d), name)
				}
			}
		}
	}
}

// wantExample names what a declaration has that wants an Example: a function New
// and the like that gives a pointer to what it makes, or an interface without
// unexported methods.
func wantExample(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		results := d.Type.Results
		if d.Recv != nil || !d.Name.IsExported() || results == nil {
			return nil
		}
		_, pointer := results.List[0].Type.(*ast.StarExpr)
		for _, verb := range []string{"New", "Listen", "Load", "Create"} {
			if pointer && strings.HasPrefix(d.Name.Name, verb) {
				return []string{d.Name.Name}
			}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			s, ok := spec.(*ast.TypeSpec)
			if !ok || !s.Name.IsExported() {
				continue
			}
			if i, ok := s.Type.(*ast.InterfaceType); ok && !sealed(i) {
				names = append(names, s.Name.Name)
			}
		}
	}
	return names
}

func sealed(i *ast.InterfaceType) bool {
	for _, m := range i.Methods.List {
		for _, name := range m.Names {
			if !name.IsExported() {
				return true
			}
		}
	}
	return false
}
