package limits

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// judge compares what was seen with what was promised.
func (r *run) judge(out *Report) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	sent, refused, most := 0, 0, int64(0)
	for _, p := range out.Phases {
		sent, refused, most = sent+p.Sent, refused+p.Refused, max(most, p.Resident)
	}
	add := func(kept bool, what, seen string, args ...any) {
		out.Promises = append(out.Promises, Promise{What: what, Seen: fmt.Sprintf(seen, args...), Kept: kept})
	}
	add(refused == 0 && sent > 0, "the steady sender is never refused", "%d of %d requests", refused, sent)
	have, err := r.kept(ctx)
	if err != nil {
		return err
	}
	add(have == r.steady.acked, "what was acknowledged is there", "%d of %d samples", have, r.steady.acked)
	add(most <= r.ceiling/10*11, "memory stays within 1.1 times the ceiling", "%d MiB of %d", most>>20, r.ceiling>>20)
	worst, n, err := r.worst(ctx)
	if err != nil {
		return err
	}
	add(worst == bad && n > 0, "the bad source is named", "%s, with %d items refused or set aside", worst, n)
	calm, after := out.Phases[0], out.Phases[len(out.Phases)-1]
	add(after.Median <= 2*calm.Median+10*time.Millisecond, "afterwards all is as before", "median answer %v, in the calm %v", after.Median, calm.Median)
	return nil
}

// kept counts the samples of the steady sender in the store, when its last
// have arrived there.
func (r *run) kept(ctx context.Context) (int, error) {
	last := -1
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		form := url.Values{"query": {`sum(count_over_time(steady[1h]))`}}
		b, err := r.get(ctx, "/api/v1/query?"+form.Encode())
		if err != nil {
			return 0, err
		}
		var a struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if err := json.Unmarshal(b, &a); err != nil {
			return 0, err
		}
		n := 0
		if len(a.Data.Result) == 1 {
			text, _ := a.Data.Result[0].Value[1].(string)
			if n, err = strconv.Atoi(text); err != nil {
				return 0, err
			}
		}
		if n == r.steady.acked || n == last && time.Now().After(end) {
			return n, nil
		}
		last = n
	}
}

// worst is the source with the most items refused or set aside.
func (r *run) worst(ctx context.Context) (name string, most int64, err error) {
	b, err := r.get(ctx, "/steersman/v1/sources")
	if err != nil {
		return "", 0, err
	}
	var a struct {
		Sources []struct {
			Name                 string
			Refused, Quarantined int64
		}
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return "", 0, err
	}
	for _, s := range a.Sources {
		if n := s.Refused + s.Quarantined; n > most {
			name, most = s.Name, n
		}
	}
	return name, most, nil
}
