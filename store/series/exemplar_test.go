package series_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

func exemplarOf(name string, second, v float64, trace string) fact.Exemplar {
	return fact.Exemplar{Series: one(name, 0).Labels, Attrs: fact.LabelsOf("trace_id", trace), T: base + int64(second*1000), V: v}
}

// told asks as Grafana does: trace and value of each exemplar.
func told(t *testing.T, s *series.Store, query string) (out []string) {
	t.Helper()
	w := httptest.NewRecorder()
	form := url.Values{"query": {query}, "start": {fmt.Sprint(base / 1000)}, "end": {fmt.Sprint(base/1000 + 3600)}}
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/query_exemplars?"+form.Encode(), nil))
	var a struct {
		Data []struct {
			SeriesLabels map[string]string
			Exemplars    []struct {
				Labels    map[string]string
				Value     string
				Timestamp float64
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
		t.Fatal(w.Code, err, w.Body)
	}
	for _, d := range a.Data {
		for _, e := range d.Exemplars {
			out = append(out, fmt.Sprintf("%s %s %s @%v", d.SeriesLabels[fact.NameLabel], e.Labels["trace_id"], e.Value, e.Timestamp-float64(base)/1000))
		}
	}
	return out
}

func TestExemplars(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, series.Options{MaxExemplars: 3})
	put := func(b *fact.Batch) series.Result {
		t.Helper()
		res, err := s.AppendBatch(t.Context(), b, base+hour*1000)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	native := histogram(fact.Counter, "h", hist(1, bucketed(1)))
	b := &fact.Batch{Series: []fact.Series{one("x", 1)}, Histograms: native.Histograms, Exemplars: []fact.Exemplar{
		exemplarOf("x", 1, 0.5, "aa"),
		{Series: native.Histograms[0].Labels, Attrs: fact.LabelsOf("trace_id", "bb"), T: base + 1000, V: 2},
		exemplarOf("nobody", 1, 1, "cc"),
		exemplarOf("x", 2*hour, 1, "dd"),
		{Series: one("x", 0).Labels, Attrs: fact.LabelsOf("trace_id", strings.Repeat("e", 200)), T: base + 2000},
		{Attrs: fact.LabelsOf("trace_id", "ff")},
	}}
	if got, want := put(b), (series.Result{Stored: 4, NoSeries: 1, TooNew: 1, Invalid: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := fmt.Sprint(told(t, s, `x`), told(t, s, `rate(h[1m])`)), "[x aa 0.5 @1] [h bb 2 @1]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}

	// They are there after a restart, and the newest go before the oldest.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, series.Options{MaxExemplars: 3})
	if got, want := fmt.Sprint(told(t, s, `x`), told(t, s, `h`)), "[x aa 0.5 @1] [h bb 2 @1]"; got != want {
		t.Errorf("after a restart %s, want %s", got, want)
	}
	for n := range 3 {
		if res := put(&fact.Batch{Exemplars: []fact.Exemplar{exemplarOf("x", float64(10+n), 1, fmt.Sprint(n))}}); res.Stored != 1 {
			t.Errorf("%+v", res)
		}
	}
	if got, want := fmt.Sprint(told(t, s, `{__name__=~".+"}`)), "[x 0 1 @10 x 1 1 @11 x 2 1 @12]"; got != want {
		t.Errorf("of a ring of three there is %s, want %s", got, want)
	}
	if res := put(&fact.Batch{Exemplars: []fact.Exemplar{exemplarOf("x", -2*hour, 1, "old")}}); res.OldExemplar != 1 || res.Quarantined() != 1 {
		t.Errorf("an old one: %+v", res)
	}
	if res, err := s.AppendBatch(t.Context(), b, math.MaxInt64); err != nil || res.Quarantined()+res.Duplicate+res.Stored != 8 {
		t.Errorf("all again: %+v, %v", res, err)
	}
}
