package series

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"

	"github.com/steersman-ops/steersman/fact"
)

// lookback is how long a series keeps its last value when nothing new comes.
// It is Prometheus' default.
const lookback = 5 * time.Minute

func newEngine(opt Options, reg prometheus.Registerer) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:                   opt.Logger,
		Reg:                      reg,
		MaxSamples:               opt.QuerySamples,
		Timeout:                  opt.QueryTimeout,
		ActiveQueryTracker:       make(turns, opt.QueryConcurrency),
		LookbackDelta:            lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
	})
}

// turns lets as many queries run as it has room for.
type turns chan struct{}

func (t turns) GetMaxConcurrent() int { return cap(t) }
func (t turns) Delete(int)            { <-t }
func (t turns) Close() error          { return nil }

func (t turns) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case t <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// A Value is one element of the answer to an instant query.
type Value struct {
	Labels fact.Labels
	V      float64
}

// Instant answers a PromQL query that gives a vector or a scalar (one value
// without labels), in the order in which the engine gives it. Native histograms
// in the answer are left out: ask for a number of theirs, such as
// histogram_quantile or histogram_count.
func (s *Store) Instant(ctx context.Context, query string, at time.Time) ([]Value, error) {
	q, err := s.engine.NewInstantQuery(ctx, s.db, nil, query, at)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", query, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, fmt.Errorf("query %q at %s: %w", query, at.UTC().Format(time.RFC3339), res.Err)
	}
	switch v := res.Value.(type) {
	case promql.Scalar:
		return []Value{{V: v.V}}, nil
	case promql.Vector:
		out := make([]Value, 0, len(v))
		for _, el := range v {
			if el.H != nil {
				continue
			}
			ls, err := fromProm(el.Metric)
			if err != nil {
				return nil, fmt.Errorf("query %q: %w", query, err)
			}
			out = append(out, Value{Labels: ls, V: el.F})
		}
		return out, nil
	default:
		return nil, fmt.Errorf("query %q gives a %s, want a vector or a scalar", query, res.Value.Type())
	}
}

// Range answers a PromQL query at from, from+step, … up to and with to. Native
// histograms are left out, as by [Store.Instant].
func (s *Store) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]fact.Series, error) {
	if step <= 0 || to.Before(from) {
		return nil, fmt.Errorf("query %q from %s to %s in steps of %s: the step must be positive and the end not before the start",
			query, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), step)
	}
	q, err := s.engine.NewRangeQuery(ctx, s.db, nil, query, from, to, step)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", query, err)
	}
	defer q.Close()
	m, err := q.Exec(ctx).Matrix()
	if err != nil {
		return nil, fmt.Errorf("query %q from %s to %s: %w", query, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), err)
	}
	out := make([]fact.Series, 0, len(m))
	for _, in := range m {
		if len(in.Floats) == 0 {
			continue
		}
		ls, err := fromProm(in.Metric)
		if err != nil {
			return nil, fmt.Errorf("query %q: %w", query, err)
		}
		one := fact.Series{Labels: ls, Points: make([]fact.Point, len(in.Floats))}
		for i, p := range in.Floats {
			one.Points[i] = fact.Point{T: p.T, V: p.F}
		}
		out = append(out, one)
	}
	return out, nil
}
