package promql

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

func at(job, name string, series int) found { return found{pair{job, name}, series} }

func TestChoose(t *testing.T) {
	all := []found{
		at("a", "up", 2), at("a", "http_requests_total", 10), at("a", "http_errors_total", 10), at("a", "queue_depth", 2), at("a", "go_goroutines", 2), at("a", "latency_seconds_bucket", 200),
		at("b", "up", 1), at("b", "jobs_done_total", 5),
		at("c", "up", 1), at("c", "huge_requests_total", 100),
	}
	for _, tt := range []struct {
		name    string
		most    int
		reading []string
		take    string
		left    string
	}{
		{name: "all there is room for", most: 1000, take: "b/up c/up a/up b/jobs_done_total a/http_requests_total c/huge_requests_total a/http_errors_total a/queue_depth a/go_goroutines", left: "a/latency_seconds_bucket: buckets"},
		{name: "one of each job before two of one", most: 4, take: "b/up c/up a/up", left: "a/go_goroutines: budget, a/http_errors_total: too_large, a/http_requests_total: too_large, a/latency_seconds_bucket: buckets, a/queue_depth: budget, b/jobs_done_total: too_large, c/huge_requests_total: too_large"},
		{name: "what is worth more first", most: 21, take: "b/up c/up a/up b/jobs_done_total a/http_requests_total a/queue_depth", left: "a/go_goroutines: budget, a/http_errors_total: budget, a/latency_seconds_bucket: buckets, c/huge_requests_total: too_large"},
		{name: "what is read before what is as good", most: 2, reading: []string{"a/up"}, take: "b/up c/up", left: "a/go_goroutines: too_large, a/http_errors_total: too_large, a/http_requests_total: too_large, a/latency_seconds_bucket: buckets, a/queue_depth: too_large, a/up: too_large, b/jobs_done_total: too_large, c/huge_requests_total: too_large"},
		{name: "the one that is read stays", most: 3, reading: []string{"c/up"}, take: "c/up b/up", left: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			take, left := choose(all, nil, func(p pair) bool { return slices.Contains(tt.reading, p.Job+"/"+p.Name) }, tt.most)
			var a, b []string
			for _, f := range take {
				a = append(a, f.Job+"/"+f.Name)
			}
			for p, why := range left {
				b = append(b, p.Job+"/"+p.Name+": "+why)
			}
			slices.Sort(b)
			if strings.Join(a, " ") != tt.take || tt.left != "" && strings.Join(b, ", ") != tt.left {
				t.Errorf("takes %s\nwant  %s\nleaves %s\nwant   %s", strings.Join(a, " "), tt.take, strings.Join(b, ", "), tt.left)
			}
			if len(take)+len(left) != len(all) {
				t.Errorf("%d taken and %d left of %d", len(take), len(left), len(all))
			}
		})
	}
}

// The queries select what was chosen, all of it once, and nothing that was found
// and not chosen; and they are not too long.
func TestPackAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var all, chosen []found
		of := make(map[string]int)
		for range 1 + rng.IntN(120) {
			f := at(fmt.Sprintf("job.%d", rng.IntN(6)), fmt.Sprintf("metric_%d_with_a_name_of_some_length", rng.IntN(60)), 1+rng.IntN(3000))
			if slices.ContainsFunc(all, func(o found) bool { return o.pair == f.pair }) {
				continue
			}
			all = append(all, f)
			of[f.Name]++
			if rng.IntN(3) > 0 {
				chosen = append(chosen, f)
			}
		}
		times := make(map[pair]int)
		queries := pack(chosen, of)
		for _, q := range queries {
			if q.length() > queryBytes+200 {
				t.Errorf("a query of %d bytes", q.length())
			}
			if q.size > querySeries && len(q.pairs) > 1 {
				t.Errorf("a query of %d series, of %d pairs", q.size, len(q.pairs))
			}
			ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(q.selector())
			if err != nil {
				t.Fatalf("%s: %v", q.selector(), err)
			}
			for _, f := range all {
				if matches(ms, labels.FromStrings("__name__", f.Name, "job", f.Job)) {
					times[f.pair]++
				}
			}
		}
		for _, f := range all {
			want := 0
			if slices.Contains(chosen, f) {
				want = 1
			}
			if times[f.pair] != want {
				t.Fatalf("%v is selected %d times, should be %d", f.pair, times[f.pair], want)
			}
		}
	}
}

// Names and values that need it are quoted.
func TestSelector(t *testing.T) {
	for _, tt := range []struct {
		q    query
		want string
	}{
		{query{names: []string{"up"}}, `{__name__="up"}`},
		{query{names: []string{"a.b", `c"d`}}, `{__name__=~"a\\.b|c\"d"}`},
		{query{names: []string{"up"}, jobs: []string{""}}, `{__name__="up",job=""}`},
		{query{names: []string{"up"}, jobs: []string{"", "x"}}, `{__name__="up",job=~"|x"}`},
		{query{names: []string{"up"}, label: "k8s.pod", value: []string{"a+b"}}, `{__name__="up","k8s.pod"="a+b"}`},
	} {
		if got := tt.q.selector(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

// When too many questions would be needed, metrics are taken of all jobs or not
// at all.
func TestWholes(t *testing.T) {
	all := []found{at("a", "x", 5), at("b", "x", 5), at("a", "y", 4), at("b", "y", 4), at("a", "z", 1)}
	taken := []found{all[0], all[2], all[4]}
	take, left := wholes(taken, map[pair]string{all[1].pair: whyBudget, all[3].pair: whyBudget}, all, 12)
	if !slices.Equal(take, []found{all[0], all[1], all[4]}) || len(left) != 2 || left[all[2].pair] != whyBudget || left[all[3].pair] != whyBudget {
		t.Errorf("takes %v, leaves %v", take, left)
	}
}
