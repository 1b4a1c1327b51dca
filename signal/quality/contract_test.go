package quality_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/quality"
)

// A line is a source of one gauge that moves between 50 and 62, and a counter.
type line struct {
	q      *quality.Quality
	second int
}

func (l *line) run(seconds int, change func(b *fact.Batch)) {
	for range seconds / 10 {
		l.second += 10
		now := int64(start + l.second*1000)
		b := &fact.Batch{Source: "shop", Received: now, Series: []fact.Series{
			{Labels: fact.LabelsOf(fact.NameLabel, "temperature"), Type: fact.Gauge, Unit: "celsius", Points: []fact.Point{{T: now - 300, V: 50 + float64(l.second/10*7%13)}}},
			{Labels: fact.LabelsOf(fact.NameLabel, "requests_total"), Type: fact.Counter, Points: []fact.Point{{T: now - 300, V: float64(l.second)}}},
		}}
		if change != nil {
			change(b)
		}
		if len(b.Series) > 0 {
			l.q.Observe(b)
		}
		l.q.Observe(&fact.Batch{Source: fact.ClockSource, Received: now})
	}
}

func agree(l *line, c fact.Contract) {
	c.Agreed, c.By = time.UnixMilli(int64(start+l.second*1000)).UTC(), "ada"
	body, _ := json.Marshal(c)
	l.q.Observe(&fact.Batch{Source: "desk", Received: int64(start + l.second*1000), Events: []fact.Event{{Kind: quality.ContractEvent, Ref: c.Source, Body: string(body)}}})
}

func TestContractIsInferred(t *testing.T) {
	l := &line{q: quality.New(quality.Config{})}
	if _, err := l.q.Infer("shop"); !errors.Is(err, fact.ErrNotFound) {
		t.Errorf("Infer of nobody = %v, want not found", err)
	}
	l.run(600, nil)
	var early *fact.Problem
	if _, err := l.q.Infer("shop"); !errors.As(err, &early) {
		t.Errorf("Infer after ten minutes = %v, want a problem", err)
	}
	l.run(6000, nil)
	c, err := l.q.Infer("shop")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Errorf("the inferred contract is refused: %v", err)
	}
	got, _ := json.Marshal(c.Metrics)
	// 50 to 62, and half of 62 as a margin because that is more than the 12 that it moves.
	want := `[{"name":"requests_total","type":"counter","stepSeconds":10,"series":1,"nulls":0.01},` +
		`{"name":"temperature","type":"gauge","unit":"celsius","low":19,"high":93,"stepSeconds":10,"series":1,"nulls":0.01}]`
	if string(got) != want {
		t.Errorf("metrics\n got %s\nwant %s", got, want)
	}
	if c.EverySeconds < 9 || c.EverySeconds > 10 || c.Series != 103 {
		t.Errorf("every %v s, %d series; want about 10 and 2 × 1.5 + 100", c.EverySeconds, c.Series)
	}
}

func TestBreaches(t *testing.T) {
	for _, tt := range []struct {
		name   string
		run    int
		change func(b *fact.Batch)
		want   string // clause, metric and part of the text
		count  uint64
	}{
		{"kept", 600, nil, "", 0},
		{"a value beyond", 10, func(b *fact.Batch) { b.Series[0].Points[0].V = 94 }, "range temperature 94 at", 1},
		{"zero is a value", 10, func(b *fact.Batch) { b.Series[0].Points[0].V = 0 }, "range temperature 0 at", 1},
		{"a value beyond for hours is not taken for normal", 9000, func(b *fact.Batch) { b.Series[0].Points[0].V += 60 }, "range temperature", 900},
		{"another type", 20, func(b *fact.Batch) { b.Series[1].Type = fact.Gauge }, "type requests_total declared a gauge", 2},
		{"another unit", 30, func(b *fact.Batch) { b.Series[0].Unit = "kelvin" }, `unit temperature declared in "kelvin"`, 3},
		{"a metric that is new", 600, func(b *fact.Batch) {
			b.Series = append(b.Series, fact.Series{Labels: fact.LabelsOf(fact.NameLabel, "new"), Points: b.Series[0].Points})
		}, "schema new a metric that is not in the contract", 1},
		{"a metric that does not come any more", 7200, func(b *fact.Batch) { b.Series = b.Series[:1] }, "schema requests_total it has not come", 59},
		{"silent", 600, func(b *fact.Batch) { b.Series = nil }, "freshness  nothing has come for", 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &line{q: quality.New(quality.Config{})}
			l.run(6000, nil)
			c, err := l.q.Infer("shop")
			if err != nil {
				t.Fatal(err)
			}
			agree(l, c)
			l.run(tt.run, tt.change)
			held, breaches, ok := l.q.Agreed("shop")
			if !ok || held.By != "ada" {
				t.Fatalf("held to %+v, %v", held, ok)
			}
			if tt.want == "" {
				if len(breaches) > 0 {
					t.Errorf("breaches %+v, want none", breaches)
				}
				return
			}
			if len(breaches) != 1 {
				t.Fatalf("breaches %+v, want one", breaches)
			}
			b := breaches[0]
			if text := b.Clause + " " + b.Metric + " " + b.Text; !strings.HasPrefix(text, tt.want) {
				t.Errorf("%q, want %q", text, tt.want)
			}
			if off := int(b.Count) - int(tt.count); off < -1 || off > 1 { // minutes begin where they will
				t.Errorf("counted %d times, want %d", b.Count, tt.count)
			}
		})
	}
}

func TestNullsOfAContract(t *testing.T) {
	l := &line{q: quality.New(quality.Config{})}
	l.run(6000, nil)
	c, err := l.q.Infer("shop")
	if err != nil {
		t.Fatal(err)
	}
	agree(l, c)
	i := 0
	l.run(600, func(b *fact.Batch) {
		one := b.Series[0]
		for k := range 9 { // so that a minute has rows enough
			b.Series = append(b.Series, fact.Series{Labels: one.Labels.With("k", string(rune('a'+k))), Type: one.Type, Unit: one.Unit, Points: one.Points})
		}
		if i++; i%2 == 0 {
			b.Series[0].Points = []fact.Point{{T: one.Points[0].T, V: math.NaN()}}
		}
	})
	_, breaches, _ := l.q.Agreed("shop")
	if len(breaches) != 1 || breaches[0].Clause != "nulls" || breaches[0].Count < 24 || breaches[0].Count > 30 {
		t.Errorf("breaches %+v, want 30 rows that are no number, but for those of the last minute", breaches)
	}
}

// What a person agreed to is not undone by an older paper, nor by one that is
// no contract; after a stop it is still there.
func TestAgreedStays(t *testing.T) {
	l := &line{q: quality.New(quality.Config{})}
	l.run(6000, nil)
	c, err := l.q.Infer("shop")
	if err != nil {
		t.Fatal(err)
	}
	old := c
	l.run(60, nil)
	agree(l, c)
	was, _, _ := l.q.Agreed("shop")
	old.Agreed, old.Series = was.Agreed.Add(-time.Second), 1
	l.q.Agree(old)
	l.q.Observe(&fact.Batch{Source: "desk", Received: int64(start + l.second*1000), Events: []fact.Event{{Kind: quality.ContractEvent, Body: `{"source":"shop"}`}, {Kind: quality.ContractEvent, Body: `no JSON`}}})
	l.run(20, func(b *fact.Batch) { b.Series[0].Points[0].V = 1000 })
	var file strings.Builder
	if err := l.q.Save(&file, 7); err != nil {
		t.Fatal(err)
	}
	again := quality.New(quality.Config{})
	if seq, err := again.Restore([]byte(file.String())); err != nil || seq != 7 {
		t.Fatalf("Restore = %d, %v", seq, err)
	}
	for _, q := range []*quality.Quality{l.q, again} {
		got, breaches, ok := q.Agreed("shop")
		if !ok || !got.Agreed.Equal(was.Agreed) || got.Series != was.Series || len(breaches) != 1 || breaches[0].Count != 2 {
			t.Errorf("held to %+v with %+v, %v; want that of %s and two values out of range", got, breaches, ok, was.Agreed)
		}
	}
}

func TestContractCheck(t *testing.T) {
	num := func(x float64) *float64 { return &x }
	whole := func(change func(*fact.Contract)) fact.Contract {
		c := fact.Contract{Source: "s", SilentSeconds: 60, Metrics: []fact.MetricContract{{Name: "a", Type: "gauge", Low: num(0), High: num(1)}, {Name: "b", Type: "counter"}}}
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name   string
		change func(*fact.Contract)
		want   string
	}{
		{"good", func(*fact.Contract) {}, ""},
		{"no source", func(c *fact.Contract) { c.Source = "" }, "no name of a source"},
		{"never silent", func(c *fact.Contract) { c.SilentSeconds = math.Inf(1) }, "silent after"},
		{"twice", func(c *fact.Contract) { c.Metrics[1].Name = "a" }, "twice"},
		{"no such type", func(c *fact.Contract) { c.Metrics[0].Type = "summary" }, "is none of"},
		{"half a range", func(c *fact.Contract) { c.Metrics[0].Low = nil }, "one end"},
		{"turned around", func(c *fact.Contract) { c.Metrics[0].Low = num(2) }, "is none"},
		{"no number", func(c *fact.Contract) { c.Metrics[0].High = num(math.NaN()) }, "is none"},
		{"more than all", func(c *fact.Contract) { c.Metrics[0].Nulls = 1.5 }, "want a share"},
		{"too many", func(c *fact.Contract) { c.Metrics = make([]fact.MetricContract, fact.MaxContractMetrics+1) }, "limit"},
	} {
		c := whole(tt.change)
		if err := c.Check(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
