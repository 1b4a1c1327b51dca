package steersman_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/steersman-ops/steersman"

// plan is the order of the house. A folder may import the folders on the lines
// above its own, and its own; folders on one line never import each other.
// When a build fails here, the mend is nearly always an interface in the room
// that needs the other, with cmd passing the concrete thing in.
var plan = [][]string{
	{"fact"},
	{"stat"},
	{"store", "signal"},
	{"learn"},
	{"watch", "release"},
	{"govern"},
	{"act"},
	{"gate"},
	{"value"},
	{"console"},
	{"trial", "demo"},
	{"cmd"},
}

// apart are the rooms that import no other room at all, and why.
var apart = map[string]string{
	"stat": "mathematics knows no papers",
	"demo": "the demo uses the public doors only, as a stranger's services would",
}

type goPackage struct {
	ImportPath   string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

// room returns the first folder of a package of this module, "" for the root
// and for other modules.
func room(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}

func TestPlan(t *testing.T) {
	line := make(map[string]int)
	for i, rooms := range plan {
		for _, r := range rooms {
			line[r] = i
		}
	}
	for _, p := range packages(t) {
		from := room(p.ImportPath)
		if from == "" {
			continue
		}
		if _, ok := line[from]; !ok {
			t.Errorf("%s: room %q is not in the plan", p.ImportPath, from)
		}
		for _, imp := range p.Imports {
			to := room(imp)
			if to == "" || to == from {
				continue
			}
			if why, ok := apart[from]; ok {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			} else if line[to] >= line[from] {
				t.Errorf("%s imports %s: %s may import only what stands before it in the plan", p.ImportPath, imp, from)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Imports) > 0 && !strings.HasPrefix(p.Doc, "Package ") && !strings.HasPrefix(p.Doc, "Command ") && !strings.HasPrefix(p.Doc, "Steersman ") {
			t.Errorf("%s has no doc comment that begins with Package or Command", p.ImportPath)
		}
	}
}
