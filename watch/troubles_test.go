package watch_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/watch"
	"github.com/steersman-ops/steersman/watch/watchtest"
)

// names are the blamed entities in order of opening, "?" where nobody was.
func names(all []fact.Incident) []string {
	var out []string
	for _, i := range all {
		if i.Abstained || len(i.Causes) == 0 {
			out = append(out, "?")
			continue
		}
		out = append(out, i.Causes[0].Entity.Name)
	}
	return out
}

func TestTroubles(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults []watchtest.Fault
		load   bool // the host tells of its load, which rises with the fault
		want   []string
	}{
		{
			name: "another root while the first lasts",
			faults: []watchtest.Fault{
				{From: begins, To: 330, Service: "payment", Fails: 0.3},
				{From: 280, To: 330, Service: "catalog", Slower: 300 * time.Millisecond},
			},
			want: []string{"payment", "catalog"},
		},
		{
			name: "another fault a moment after the first is over",
			faults: []watchtest.Fault{
				{From: begins, To: 210, Service: "payment", Fails: 0.4},
				{From: 240, To: 270, Service: "inventory", Slower: 300 * time.Millisecond},
			},
			want: []string{"payment", "inventory"},
		},
		{
			name: "the same fault again at once is the same incident",
			faults: []watchtest.Fault{
				{From: begins, To: 210, Service: "payment", Fails: 0.4},
				{From: 232, To: 260, Service: "payment", Fails: 0.4},
			},
			want: []string{"payment"},
		},
		{
			name: "everything is slow a moment after a fault was over",
			faults: []watchtest.Fault{
				{From: begins, To: 200, Service: "payment", Fails: 0.4},
				{From: 206, To: 240, Factor: 5},
			},
			want: []string{"payment", "?"},
		},
		{
			name: "everything becomes slow while a known fault fades",
			faults: []watchtest.Fault{
				{From: begins, To: begins + 40, Service: "recommendation", Slower: 8 * time.Second},
				{From: begins + 30, To: begins + 60, Factor: 5},
			},
			want: []string{"recommendation"},
		},
		{
			name: "another fails for some seconds while the first fades",
			faults: []watchtest.Fault{
				{From: begins, To: begins + 40, Service: "inventory", Slower: 300 * time.Millisecond},
				{From: begins + 41, To: begins + 50, Service: "cart", Fails: 0.5},
			},
			want: []string{"inventory"},
		},
		{
			name: "callers work off their queues long after the fault",
			faults: []watchtest.Fault{
				{From: begins, To: begins + 26, Service: "inventory", Slower: 300 * time.Millisecond},
				{From: begins + 15, To: begins + 60, Service: "frontend", Slower: 900 * time.Millisecond},
			},
			want: []string{"inventory"},
		},
		{
			name:   "a dependency that hangs until its callers give up",
			faults: []watchtest.Fault{{From: begins, To: 240, Service: "recommendation", Slower: 8 * time.Second}},
			want:   []string{"recommendation"},
		},
		{
			name:   "a busy host",
			faults: []watchtest.Fault{{From: begins, To: 260, Factor: 5}},
			load:   true,
			want:   []string{"node-1"},
		},
		{
			name:   "everything stands still for some seconds",
			faults: []watchtest.Fault{{From: begins, To: begins + 12, Factor: 40}},
		},
		{
			name:   "everything stands still for long, and nobody tells of the host",
			faults: []watchtest.Fault{{From: begins, To: 240, Factor: 20}},
			want:   []string{"?"},
		},
		{
			name:   "everything stands still for long on a busy host",
			faults: []watchtest.Fault{{From: begins, To: 240, Factor: 20}},
			load:   true,
			want:   []string{"node-1"},
		},
		{
			name: "a surge that one service does not bear",
			faults: []watchtest.Fault{
				{From: begins, To: 240, Surge: 4},
				{From: begins + 2, To: 240, Service: "catalog", Slower: 200 * time.Millisecond},
			},
			want: []string{"frontend"},
		},
		{name: "a surge that all bear", faults: []watchtest.Fault{{From: begins, To: 240, Surge: 4}}},
		{name: "one failed request in fifty, always", faults: []watchtest.Fault{{Service: "payment", Fails: 0.02}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			extra := make(map[int]*fact.Batch)
			rnd := rand.New(rand.NewPCG(5, 5))
			for s := 0; tt.load && s < 360; s += 5 {
				v := 0.4 + 0.1*rnd.Float64()
				if s >= begins && s < 260 {
					v = 9
				}
				extra[s] = load("node-1", s, v)
			}
			out, _ := run(t, watch.Config{}, record(watchtest.NewShop(3, 30, tt.faults...), 360, extra))
			all := out.all()
			if got := names(all); !slices.Equal(got, tt.want) {
				t.Errorf("blamed %v, want %v: %s", got, tt.want, show(all))
			}
			for _, i := range all {
				if i.State != fact.Resolved {
					t.Errorf("%q is still open", i.Title)
				}
			}
		})
	}
}

// Small faults, one or two at once, also while everything is a little slower:
// whoever is blamed is at fault, and if that cannot be told nobody is blamed.
func TestNobodyIsBlamedWrongly(t *testing.T) {
	names := []string{"frontend", "catalog", "cart", "recommendation", "checkout", "payment", "shipping", "inventory", "currency", "email"}
	rnd := rand.New(rand.NewPCG(9, 9))
	seeds, right := uint64(9), 0
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		var faults []watchtest.Fault
		guilty := make(map[string]bool)
		for range 1 + rnd.IntN(2) {
			f := watchtest.Fault{From: 120, To: 150, Service: names[rnd.IntN(len(names))]}
			if rnd.IntN(2) == 0 {
				f.Fails = 0.03 + 0.15*rnd.Float64()
			} else {
				f.Slower = time.Duration(12+rnd.IntN(60)) * time.Millisecond
			}
			guilty[f.Service] = true
			faults = append(faults, f)
		}
		if seed%3 == 0 {
			faults = append(faults, watchtest.Fault{From: 120, To: 150, Factor: 1.2 + 2*rnd.Float64()})
		}
		out, _ := run(t, watch.Config{}, record(watchtest.NewShop(seed, 40, faults...), 185, nil))
		for _, i := range out.all() {
			switch {
			case i.Abstained || len(i.Causes) == 0:
			case guilty[i.Causes[0].Entity.Name]:
				right++
			default:
				t.Errorf("seed %d, %+v: %s", seed, faults, show([]fact.Incident{i}))
			}
		}
	}
	if right < int(seeds)/2 {
		t.Errorf("the guilty one was named %d times in %d cases: too shy", right, seeds)
	}
}
