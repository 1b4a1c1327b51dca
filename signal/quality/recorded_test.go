package quality_test

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// most is how many rows of a recorded series are used.
const most = 5000

// recorded are the series of public benchmarks, as they are. They are not
// without faults of their own: a step that flags rows in them may be right.
func recorded(t *testing.T) (all []clean) {
	dir := os.Getenv("STEERSMAN_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	for _, set := range []struct {
		glob string
		step int64 // ms; 0: the first column is the time
	}{
		{"metrics/smd/*.train.csv.gz", 60_000},
		{"metrics/asd/*.train.csv.gz", 300_000},
		{"metrics/mscloud/*.csv.gz", 0},
		{"metrics/nab/series/*/*.csv.gz", 0},
		{"metrics/kpi/*.csv.gz", 0},
	} {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(set.glob)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			all = append(all, read(t, f, set.step)...)
		}
	}
	if len(all) == 0 {
		t.Skipf("NO RECORDED SERIES under %s: set STEERSMAN_DATA to the folder that has metrics/smd and others", dir)
	}
	return all
}

func read(t *testing.T, path string, step int64) (out []clean) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(path), ".csv.gz")
	if step == 0 {
		return []clean{timed(t, name, rows[1:])}
	}
	for col := range rows[0] {
		c := clean{name: name + " " + strconv.Itoa(col), step: step}
		for _, r := range rows[:min(len(rows), most)] {
			c.values = append(c.values, number(t, r[col]))
		}
		out = append(out, c)
	}
	return out
}

// timed is a series of times and values. Its step is the most usual one.
func timed(t *testing.T, name string, rows [][]string) clean {
	c := clean{name: name}
	steps := make(map[int64]int)
	for _, r := range rows[:min(len(rows), most)] {
		if r[1] == "" {
			continue // the row is missing
		}
		at, err := strconv.ParseInt(r[0], 10, 64)
		if err != nil {
			when, err := time.Parse(time.DateTime, strings.TrimSuffix(r[0], ".000000"))
			if err != nil {
				t.Fatal(err)
			}
			at = when.Unix()
		}
		if n := len(c.times); n > 0 {
			steps[at*1000-c.times[n-1]]++
		}
		c.times, c.values = append(c.times, at*1000), append(c.values, number(t, r[1]))
	}
	for s, n := range steps {
		if n > steps[c.step] || n == steps[c.step] && s < c.step {
			c.step = s
		}
	}
	return c
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFaultsInRecordedSeries(t *testing.T) {
	all := recorded(t)
	results, days := measure(all, 1)
	t.Logf("%d recorded series, %.0f series-days\n%s", len(all), days, table(results))
	hold(t, results, floor{0.88, 0.75, 0.1}, map[string]floor{otherSize: {0.55, 0.95, 0.1}, standing: {0.85, 0.95, 1.5}})
}
