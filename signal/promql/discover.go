package promql

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	// describeEvery is the time between two readings of the descriptions.
	describeEvery = time.Hour
	// maxJobs is how many jobs are counted one by one, where all at once is too
	// much for their side.
	maxJobs = 200
	// inPlan is the part of the budget that the live readings may take.
	inPlan = 2
)

// discover looks at what is there and chooses anew.
func (r *Reader) discover(ctx context.Context) error {
	all, err := r.count(ctx)
	if err != nil {
		return err
	}
	r.describe(ctx)
	r.found = r.doors.Clock()
	r.jobsOf = make(map[string]int)
	for _, f := range all {
		r.jobsOf[f.Name]++
	}
	clear(r.aside)
	clear(r.failing)
	r.choose(all)
	clear(r.resumed)
	r.forget()
	if len(r.targets) == 0 {
		r.soon()
	}
	return nil
}

// count returns all pairs, with how many series each has.
func (r *Reader) count(ctx context.Context) (all []found, err error) {
	all, err = r.countBy(ctx, `count by (job, __name__) ({__name__!=""})`, nil)
	var theirs *refused
	switch {
	case err == nil:
		return all, nil
	case errors.Is(err, errTooLarge), errors.Is(err, context.DeadlineExceeded), errors.As(err, &theirs) && theirs.status >= 500:
	default:
		return nil, err
	}
	// All at once is too much for them: job by job, then.
	jobs := []string{""}
	if _, _, e := r.ask(ctx, "api/v1/label/job/values", nil, r.opt.AnswerBytes, 0, texts(func(job string) { jobs = append(jobs, job) })); e != nil {
		return nil, errors.Join(err, e)
	}
	for _, job := range jobs[:min(len(jobs), maxJobs+1)] {
		some, e := r.countBy(ctx, `count by (__name__) ({__name__!="",job=`+strconv.Quote(job)+`})`, &job)
		if e != nil {
			return nil, errors.Join(err, e)
		}
		all = append(all, some...)
	}
	return all, nil
}

func (r *Reader) countBy(ctx context.Context, q string, job *string) (all []found, err error) {
	now := r.doors.Clock().UnixMilli()
	_, _, err = r.ask(ctx, "api/v1/query", r.question(q, now), r.opt.Bytes, 0, result("vector", func(s *sampled) error {
		f := found{pair{s.Metric["job"], s.Metric["__name__"]}, int(min(max(s.Value.V, 0), 1e9))}
		if job != nil {
			f.Job = *job
		}
		if f.Name != "" && f.series > 0 && len(all) < 2*maxMetrics {
			all = append(all, f)
		}
		return nil
	}))
	slices.SortFunc(all, func(a, b found) int { return a.compare(b.pair) })
	return all, err
}

// describe reads types, units and texts of the metrics. Not every API has them,
// and names tell most of it.
func (r *Reader) describe(ctx context.Context) {
	if now := r.doors.Clock(); !r.typed.IsZero() && now.Sub(r.typed) < describeEvery {
		return
	}
	of := make(map[string]described)
	_, _, err := r.ask(ctx, "api/v1/metadata", url.Values{"limit_per_metric": {"1"}}, r.opt.Bytes, 0, descriptions(func(name string, d described) {
		if len(of) < maxMetrics {
			of[name] = d
		}
	}))
	if err != nil {
		r.doors.Logger.Info("the types of metrics are not known: their names must do", "source", r.source, "err", err)
	} else {
		r.of = of
	}
	r.typed = r.doors.Clock()
}

// choose makes the targets, and the plan of how they are read.
func (r *Reader) choose(all []found) {
	reading := func(p pair) bool { return r.byPair[p] != nil }
	perMinute := float64(time.Minute) / float64(r.opt.Step)
	most := min(r.opt.Series, max(int(float64(r.opt.Bytes)/inPlan/perMinute/r.perRow), 1))
	queries := max(int(float64(r.opt.Queries)/inPlan/perMinute), 1)
	take, left := choose(all, r.of, reading, most)
	if len(pack(take, r.jobsOf)) > queries {
		take, left = wholes(take, left, all, most)
	}
	for len(pack(take, r.jobsOf)) > queries && len(take) > 1 { // too many questions: let go of what is worth least
		n := max(len(take)*9/10, 1)
		for _, f := range take[n:] {
			left[f.pair] = whyBudget
		}
		take = take[:n]
	}
	byPair := make(map[pair]*target, len(take))
	r.targets = r.targets[:0]
	for _, f := range take {
		t := r.byPair[f.pair]
		if t == nil {
			t = &target{upTo: r.begin(f.pair)}
		}
		t.found = f
		byPair[f.pair] = t
		r.targets = append(r.targets, t)
	}
	r.byPair, r.repack = byPair, true
	r.told(all, left)
}

// begin returns from when on a pair is read that was not read until now.
func (r *Reader) begin(p pair) int64 {
	now := r.doors.Clock()
	upTo, ok := r.resumed[p]
	if !ok {
		return now.Add(-r.opt.History).Truncate(time.Minute).UnixMilli()
	}
	delete(r.resumed, p)
	if oldest := now.Add(-r.opt.CatchUp).UnixMilli(); upTo < oldest {
		r.opt.Meters.gap.WithLabelValues(r.source).Add(float64(oldest-upTo) / 1000)
		r.doors.Logger.Warn("it was not read for longer than is caught up with: the rest is left out", "source", r.source, "job", p.Job, "metric", p.Name, "left out", time.Duration(oldest-upTo)*time.Millisecond)
		return oldest
	}
	return upTo
}

// soon lets it be looked again what is there within a minute.
func (r *Reader) soon() {
	if at := r.doors.Clock().Add(longestWait - r.opt.Discover); r.found.After(at) {
		r.found = at
	}
}

// forget lets go of the newest samples of series that are long gone.
func (r *Reader) forget() {
	oldest := r.doors.Clock().Add(-r.opt.Late - longAgo).UnixMilli()
	for l, t := range r.latest {
		if t < oldest {
			delete(r.latest, l)
		}
	}
}
