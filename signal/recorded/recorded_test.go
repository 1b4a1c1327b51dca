package recorded_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal/recorded"
)

// put writes files into a new folder; what ends in .gz is packed.
func put(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rec")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if _, err := z.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			b = packed.Bytes()
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tell writes batches down, a line each; ticks only when asked.
func tell(b *fact.Batch) string {
	var out []string
	for _, s := range b.Series {
		for _, p := range s.Points {
			out = append(out, fmt.Sprintf("%s %v@%d", s.Labels, p.V, p.T))
		}
	}
	for _, s := range b.Spans {
		out = append(out, fmt.Sprintf("%s %s %d failed=%v %d+%dµs parent=%v", s.Entity.Name, s.Name, s.Kind, s.Failed, s.Start, (s.End-s.Start)/1000, s.Parent != [8]byte{}))
	}
	for _, l := range b.Lines {
		out = append(out, fmt.Sprintf("%s %s %q %s@%d", l.Entity.Name, l.Severity, l.Text, l.Fields, l.At))
	}
	for _, c := range b.Changes {
		out = append(out, fmt.Sprintf("%s %s %s %q %s@%d", c.Entity.Name, c.Kind, c.Version, c.Note, c.By, c.At.Unix()))
	}
	return fmt.Sprintf("%d %s: %s", b.Received, b.Source, strings.Join(out, "; "))
}

func read(t testing.TB, opt recorded.Options, paths ...string) (batches []string, ticks []int64, files []recorded.File, err error) {
	t.Helper()
	files, err = recorded.Read(t.Context(), paths, opt, func(b *fact.Batch) error {
		if b.Source == fact.ClockSource {
			ticks = append(ticks, b.Received)
		} else {
			batches = append(batches, tell(b))
		}
		return nil
	})
	return batches, ticks, files, err
}

func TestShapes(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		want       []string
		refused    int
		why        string
	}{
		"wide, service and metric": {"m.csv", "time,cart|cpu,cart|errors\n100,0.5,\n101,,3\n102,,\n", []string{
			`100000 recorded/rec/m.csv: cpu{service_name="cart"} 0.5@100000`,
			`101000 recorded/rec/m.csv: errors{service_name="cart"} 3@101000`}, 0, ""},
		"wide, plain names, packed, milliseconds by size": {"node.csv.gz", "timestamp;load;label\n1700000000123;2;1\n", []string{
			`1700000000123 recorded/rec/node.csv.gz: load{service_name="node"} 2@1700000000123`}, 0, ""},
		"one value": {"queue.tsv", "date\tvalue\n2024-01-02\t7\n", []string{
			`1704153600000 recorded/rec/queue.tsv: queue{service_name="rec"} 7@1704153600000`}, 0, ""},
		"long": {"l.csv", "time,metric,value,service,zone\n5,up,1,cart,b\n6,up,x,cart,b\n", []string{
			`5000 recorded/rec/l.csv: up{service_name="cart",zone="b"} 1@5000`}, 1, `value "x" is no number`},
		"spans without kinds": {"s.csv", "trace_id,span_id,parent_id,service,operation,start_us,duration_us,status\n1,2,1,cart,get,100500000,20,ERROR\n1,3,2,cart,db,100500005,10,\n1,1,,shop,buy,100000000,2000000,ok\n", []string{
			`100501 recorded/rec/s.csv: cart db 1 failed=false 100500005000+10µs parent=true; cart get 2 failed=true 100500000000+20µs parent=true`,
			`102000 recorded/rec/s.csv: shop buy 2 failed=false 100000000000+2000000µs parent=false`}, 0, ""},
		"JSON lines": {"l.ndjson", `{"timestamp":"2024-01-02T00:00:00Z","service":"cart","severity_text":"WARN","msg":"full","n":3}` + "\n" + `{"no":"time"}` + "\n", []string{
			`1704153600000 recorded/rec/l.ndjson: cart warn "full" {n="3"}@1704153600000000000`}, 1, `no column tells the time`},
		"changes in an array": {"d.json", `[ {"timestamp":"2024-01-02T00:00:00+02:00","service":"cart","version":"v2","commit_sha":"abc"},{"timestamp":1704146401,"service":"cart","flag":"fast","change":"off->on","actor":"kim"}]`, []string{
			`1704146400000 recorded/rec/d.json: cart deployed v2 "commit abc" @1704146400`,
			`1704146401000 recorded/rec/d.json: cart configured  "fast off->on" kim@1704146401`}, 0, ""},
		"a log": {"web.log", "started\n[2024-01-02 00:00:00,250] ERROR boom\n\tat Main.java\n\n2024-01-02T00:00:00.750+01:00 fine\r\n", []string{
			`1704150000750 recorded/rec/web.log: web  "fine" @1704150000750000000`,
			`1704153600250 recorded/rec/web.log: web  "ERROR boom\n\tat Main.java\n" @1704153600250000000`}, 1, `"started" does not begin with a time`},
		"ragged": {"r.csv", "time,a\n1,2\n2\n3,4,5\n", []string{`1000 recorded/rec/r.csv: a{service_name="r"} 2@1000`}, 2, "line 3 has 1 cells, the header 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, files, err := read(t, recorded.Options{Omit: []string{"Label"}}, put(t, map[string]string{tt.file: tt.text}))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			f := files[0]
			if f.Refused != tt.refused || !strings.HasPrefix(f.Why, tt.why) || f.Rows != f.Read+f.Empty+f.Refused {
				t.Errorf("account %+v, want %d refused: %s", f, tt.refused, tt.why)
			}
		})
	}
}

// Files are merged by time, rows out of order are put in order, and the clock
// goes on in between: a tick each second, or sixty in a longer pause.
func TestOrderAndClock(t *testing.T) {
	dir := put(t, map[string]string{
		"a.csv":     "time,v|x\n100,1\n103,3\n102,2\n",
		"b.csv":     "time,w|x\n102.5,9\n702,10\n",
		"notes.md":  "not read",
		"empty.csv": "",
	})
	got, ticks, _, err := read(t, recorded.Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`100000 recorded/rec/a.csv: x{service_name="v"} 1@100000`,
		`102000 recorded/rec/a.csv: x{service_name="v"} 2@102000`,
		`102500 recorded/rec/b.csv: x{service_name="w"} 9@102500`,
		`103000 recorded/rec/a.csv: x{service_name="v"} 3@103000`,
		`702000 recorded/rec/b.csv: x{service_name="w"} 10@702000`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if first := ticks[:5]; !slices.Equal(first, []int64{100000, 101000, 102000, 103000, 113000}) || len(ticks) != 4+60+5 || ticks[68] != 707000 {
		t.Errorf("ticks %d", ticks)
	}
}

func TestRecordedIncident(t *testing.T) {
	files := map[string]string{
		"set/baseline.csv":   "time,a|x\n5000,1\n5060,2\n",
		"set/one/case.json":  `{"baseline":"../baseline.csv","period_s":60,"inject_time":200}`,
		"set/one/m.csv":      "time,a|x\n200,7\n",
		"set/one/truth.json": `[{"answer":"a"}]`,
		"set/two/case.json":  `{}`,
		"set/two/m.csv":      "time,a|x\n300,7\n",
	}
	dir := put(t, files)
	got, _, _, err := read(t, recorded.Options{}, filepath.Join(dir, "set/one"))
	want := []string{
		`80000 recorded/baseline/baseline.csv: x{service_name="a"} 1@80000`,
		`140000 recorded/baseline/baseline.csv: x{service_name="a"} 2@140000`,
		`200000 recorded/one/m.csv: x{service_name="a"} 7@200000`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, _, _, err := read(t, recorded.Options{}, dir); err == nil || !strings.Contains(err.Error(), "holds 2 recorded incidents: replay one at a time") {
		t.Errorf("two incidents at once: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":         {map[string]string{"a.md": "x"}, "there is nothing to replay at"},
		"no time":         {map[string]string{"a.csv": "x,y\n1,2\n"}, `"x,y" does not begin with a time`},
		"broken JSON":     {map[string]string{"a.json": `[{"time":1,"v":2},{`}, "read rec/a.json after 1 rows"},
		"broken gzip":     {map[string]string{"a.csv": "\x1f\x8bxx"}, "unpack"},
		"baseline absent": {map[string]string{"case.json": `{"baseline":"b.csv"}`, "a.csv": "time,v\n1,2\n"}, "b.csv"},
		"broken case":     {map[string]string{"case.json": `{`, "a.csv": "time,v\n1,2\n"}, "case.json"},
	} {
		if _, _, _, err := read(t, recorded.Options{}, put(t, tt.files)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	stop := errors.New("stop")
	dir := put(t, map[string]string{"a.csv": "time,v\n1,2\n"})
	if _, err := recorded.Read(t.Context(), []string{dir}, recorded.Options{}, func(*fact.Batch) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's error: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := recorded.Read(ended, []string{dir}, recorded.Options{}, func(*fact.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Whatever is in a file: no panic, the account adds up, time never goes back,
// and what is handed on is what was counted.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"time,a|b\n1,2\n", "[2024-01-02 00:00:00] x\n y", `{"time":1,"msg":"x"}`, `[{"time":"2024-01-02","v":1}]`,
		"trace_id,span_id,start_us,duration_us,service\n1,2,3,4,a\n", "ts\tmetric\tvalue\n-5\tx\tNaN\n", "\x1f\x8b", "\"time\",\"\"\"\n\n", "time,value\n9e18,1\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.csv")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		samples, others, last := 0, 0, int64(-1<<63)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		files, err := recorded.Read(ctx, []string{path}, recorded.Options{}, func(b *fact.Batch) error {
			if b.Source == fact.ClockSource {
				if b.Received < last {
					t.Fatalf("the clock went from %d to %d", last, b.Received)
				}
				last = b.Received
			}
			samples += b.Samples()
			others += len(b.Spans) + len(b.Lines) + len(b.Changes)
			return nil
		})
		for _, f := range files {
			if f.Rows != f.Read+f.Empty+f.Refused {
				t.Errorf("%+v", f)
			}
			if err == nil && (f.Samples != samples || f.Read < others) {
				t.Errorf("%+v, but %d samples and %d others came", f, samples, others)
			}
		}
	})
}

// What one finds on other people's disks.
func TestHostileFiles(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // of the account, or of the error
	}{
		{"a time before there were any", map[string]string{"a.log": "0001-01-01 00:00:00 x\n2026-01-02 03:04:05 y\n"}, "2 rows, 1 read, 1 refused: "},
		{"a time after all", map[string]string{"a.csv": "time,up\n9999-01-01,1\n2026-01-02,1\n"}, "2 rows, 1 read, 1 refused: "},
		{"not a number", map[string]string{"a.csv": "time,up,down\n1,nan,1\n2,NaN,\n"}, "2 rows, 1 read, 0 refused: "},
		{"not a number, long", map[string]string{"a.csv": "time,metric,value\n1,up,nan\n2,up,1\n"}, "2 rows, 1 read, 0 refused: "},
		{"a mark in front of JSON", map[string]string{"a.json": "\ufeff[{\"time\":1,\"up\":1}]"}, "1 rows, 1 read, 0 refused: "},
		{"a row that is none", map[string]string{"a.jsonl": "{\"time\":1,\"up\":1}\n7\n{\"time\":2,\"up\":1}"}, "3 rows, 2 read, 1 refused: "},
		{"a quote that never ends", map[string]string{"a.csv.gz": "time,up\n1,1\n2,\"" + strings.Repeat(long, 20)}, "a row is longer than"},
		{"one object without end", map[string]string{"a.json.gz": "{\"time\":1,\"up\":\"" + strings.Repeat(long, 20)}, "a row is longer than"},
		{"a header without end", map[string]string{"a.csv.gz": "time," + strings.Repeat("a", 60<<20)}, "a row is longer than"},
		{"a case without end", map[string]string{"case.json": strings.Repeat(" ", 30<<20), "a.csv": "time,up\n1,1\n"}, "case.json: "},
		{"a case in no time", map[string]string{"case.json": `{"baseline":"b.txt","period_s":1e300}`, "a.csv": "time,up\n1,1\n", "b.txt": "time,up\n1,1\n"}, "period_s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := put(t, tt.files)
			files, err := recorded.Read(t.Context(), []string{dir}, recorded.Options{}, func(*fact.Batch) error { return nil })
			got := ""
			for _, f := range files {
				got += fmt.Sprintf("%d rows, %d read, %d refused: %s\n", f.Rows, f.Read, f.Refused, f.Why)
			}
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("said %.300s, want %s", got, tt.want)
			}
		})
	}
}

// Whatever a baseline holds is moved, with all its times.
func TestABaselineIsMovedWhole(t *testing.T) {
	dir := put(t, map[string]string{
		"case.json":  `{"baseline":"base.table","period_s":10}`,
		"later.csv":  "time,message\n2026-01-02T03:04:05Z,b\n",
		"base.table": "time,message\n2020-01-01T00:00:00Z,a\n",
	})
	var got []string
	if _, err := recorded.Read(t.Context(), []string{dir}, recorded.Options{}, func(b *fact.Batch) error {
		for _, l := range b.Lines {
			got = append(got, fmt.Sprintf("%s at %s came at %d", l.Text, time.Unix(0, l.At).UTC().Format(time.RFC3339), b.Received-l.Observed/1e6))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "[a at 2026-01-02T03:03:55Z came at 0 b at 2026-01-02T03:04:05Z came at 0]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
