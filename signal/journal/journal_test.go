package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// exported is what journalctl -o export writes, with a message in binary.
var exported = `__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7;b=6c7c6013a26343b29e964691ff25d04c
__REALTIME_TIMESTAMP=1772366399000001
__MONOTONIC_TIMESTAMP=4891261009
_BOOT_ID=6c7c6013a26343b29e964691ff25d04c
PRIORITY=3
SYSLOG_FACILITY=3
SYSLOG_IDENTIFIER=postgres
_SYSTEMD_UNIT=postgresql.service
_PID=4711
_HOSTNAME=db-1
MESSAGE=the disk = full

__REALTIME_TIMESTAMP=1772366399000002
MESSAGE
` + length(15) + `two
lines, yes

SYSLOG_IDENTIFIER=kernel
PRIORITY=6
_HOSTNAME=db-1

_HOSTNAME=db-1
COREDUMP
` + length(3) + "\x00\n\x01" + `
`

func length(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

func post(t *testing.T, d *signal.Doors, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/vnd.fdo.journal")
	w := httptest.NewRecorder()
	NewHandler(d).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestUpload(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	code, text := post(t, d, strings.Replace(exported, length(15)+"two\nlines, yes\n", length(14)+"two\nlines, yes", 1))
	if code != http.StatusAccepted || !strings.Contains(text, "2 lines are kept, 1 entries") {
		t.Errorf("%d %s", code, text)
	}
	lines := sink.Lines()
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	a, b := lines[0], lines[1]
	if a.Text != "the disk = full" || a.At != 1772366399000001000 || a.Severity != fact.SeverityError || a.Level != "err" || a.Entity.String() != "service:postgresql" || a.Instance != "db-1" {
		t.Errorf("%+v", a)
	}
	if got := a.Fields.String(); got != `{SYSLOG_FACILITY="3",SYSLOG_IDENTIFIER="postgres",_BOOT_ID="6c7c6013a26343b29e964691ff25d04c",_SYSTEMD_UNIT="postgresql.service",host.name="db-1",process.pid="4711"}` {
		t.Errorf("fields %s", got)
	}
	if b.Text != "two\nlines, yes" || b.Entity.String() != "service:kernel" || b.Severity != fact.SeverityInfo {
		t.Errorf("%+v", b)
	}
	signaltest.Law(t, d, sink)
	signaltest.WellFormed(t, sink)
	if s := d.Sources.Sources()[0]; s.Name != "journal/db-1" || s.Accepted != 2 || s.Reasons["ignored"] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		fields []fact.Label
		want   string
	}{
		{[]fact.Label{{Name: "_SYSTEMD_UNIT", Value: "a.service"}, {Name: "SYSLOG_IDENTIFIER", Value: "b"}}, "service:a"},
		{[]fact.Label{{Name: "_SYSTEMD_UNIT", Value: "docker.service"}, {Name: "CONTAINER_NAME", Value: "shop"}}, "service:shop"},
		{[]fact.Label{{Name: "_SYSTEMD_UNIT", Value: "user@1000.service"}, {Name: "_SYSTEMD_USER_UNIT", Value: "app.service"}}, "service:app"},
		{[]fact.Label{{Name: "_SYSTEMD_UNIT", Value: "session-1.scope"}, {Name: "SYSLOG_IDENTIFIER", Value: "sudo"}}, "service:sudo"},
		{[]fact.Label{{Name: "_COMM", Value: "cron"}}, "service:cron"},
		{[]fact.Label{{Name: "_HOSTNAME", Value: "db-1"}}, "host:db-1"},
		{nil, ""},
	} {
		l, _, _ := line(tt.fields)
		if got := l.Entity.String(); got != tt.want {
			t.Errorf("%v is of %q, want %q", tt.fields, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	good := "MESSAGE=good\n\n"
	for _, tt := range []struct {
		name, body, text string
		code, kept       int
	}{
		{"nothing", "", "", 202, 0},
		{"empty lines", "\n\n" + good + "\n\n\n" + good, "", 202, 2},
		{"no empty line at the end", good + "MESSAGE=last\n", "", 202, 2},
		{"ends within a field", good + "MESSAGE=bro", "ends within a field", 400, 1},
		{"ends within a field in binary", good + "MESSAGE\n" + length(100) + "xx", `ends within field "MESSAGE"`, 400, 1},
		{"ends within a length", good + "MESSAGE\nxx", `ends within field "MESSAGE"`, 400, 1},
		{"no newline behind a field in binary", good + "MESSAGE\n" + length(2) + "xxx", "is no newline", 400, 1},
		{"a length that cannot be", good + "MESSAGE\n" + length(1<<40), "claims 1099511627776 bytes", 400, 1},
		{"no name", good + "=x\n", "name is 0 bytes long", 400, 1},
		{"a long name", good + strings.Repeat("A", 600) + "=x\n", "name is 600 bytes long", 400, 1},
		{"no format at all", strings.Repeat("A", 3*bufferBytes), "not the journal export format", 400, 0},
		{"a time that is none", "__REALTIME_TIMESTAMP=now\n" + good + good, "", 202, 1},
		{"too many fields", strings.Repeat("X=1\n", 300) + good + good, "", 202, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			code, text := post(t, d, tt.body)
			if code != tt.code || !strings.Contains(text, tt.text) || len(sink.Lines()) != tt.kept {
				t.Errorf("%d %q, %d lines; want %d %q, %d", code, text, len(sink.Lines()), tt.code, tt.text, tt.kept)
			}
			signaltest.Law(t, d, sink)
			signaltest.WellFormed(t, sink)
		})
	}
}

func TestMediaTypes(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	for _, header := range [][2]string{{"Content-Type", "text/plain"}, {"Content-Encoding", "zstd"}} {
		r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader("MESSAGE=x\n\n"))
		r.Header.Set("Content-Type", "application/vnd.fdo.journal")
		r.Header.Set(header[0], header[1])
		w := httptest.NewRecorder()
		if NewHandler(d).ServeHTTP(w, r); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%v: %d %s", header, w.Code, w.Body)
		}
	}
	signaltest.Law(t, d, sink)
}

// Long values cost what is kept of them.
func TestLongValues(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{LineBytes: 100, LineFieldBytes: 10})
	long := strings.Repeat("x", 5*bufferBytes)
	body := "A=" + long + "\nB\n" + length(uint64(len(long))) + long + "\nMESSAGE=" + long + "\n\nMESSAGE=" + strings.Repeat("y", 100) + "\nC=0123456789\n\n"
	if code, text := post(t, d, body); code != http.StatusAccepted {
		t.Fatal(code, text)
	}
	a, b := sink.Lines()[0], sink.Lines()[1]
	if len(a.Text) != 100 || len(a.Fields.Get("A")) != 10 || len(a.Fields.Get("B")) != 10 || !a.Truncated {
		t.Errorf("%+v", a)
	}
	if len(b.Text) != 100 || b.Fields.Get("C") != "0123456789" || b.Truncated {
		t.Errorf("%+v", b)
	}
}

// A stream that does not end is handed on as it comes, and a sink that is busy
// makes it wait.
func TestEndlessStream(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	srv := httptest.NewServer(NewHandler(d))
	defer srv.Close()
	sink.Fail(fact.ErrBusy)
	time.AfterFunc(150*time.Millisecond, func() { sink.Fail(nil) })
	body, w := io.Pipe()
	done := make(chan string)
	go func() {
		res, err := http.Post(srv.URL+Path, "application/vnd.fdo.journal", body)
		if err != nil {
			done <- err.Error()
			return
		}
		done <- res.Status
		_ = res.Body.Close()
	}()
	const n = 1200
	for i := range n {
		fmt.Fprintf(w, "MESSAGE=line %d\n_HOSTNAME=h%d\n\n", i, i%2)
	}
	for begun := time.Now(); len(sink.Lines()) < n; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatalf("%d lines came while the stream goes on", len(sink.Lines()))
		}
	}
	_ = w.Close()
	if status := <-done; !strings.HasPrefix(status, "202") {
		t.Error(status)
	}
	signaltest.Law(t, d, sink)
	if list := d.Sources.Sources(); len(list) != 2 || list[0].Name != "journal/h0" || list[0].Accepted != n/2 {
		t.Errorf("%+v", list)
	}
	for _, b := range sink.Batches() {
		if len(b.Lines) > gatherLines {
			t.Errorf("a batch of %d lines", len(b.Lines))
		}
	}
}

func TestSinkFails(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	sink.Fail(errors.New("the disk is gone"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, Path, strings.NewReader("MESSAGE=x\n\n"))
	r.Header.Set("Content-Type", "application/vnd.fdo.journal")
	w := httptest.NewRecorder()
	if NewHandler(d).ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	signaltest.Law(t, d, sink)
}

// The rate of a named source holds for a stream that has no end, too.
func TestRate(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Clock, d.Keys = time.Now, new(signal.Keys)
	if err := d.Keys.Set([]signal.Named{{Name: "db", Digest: signal.Digest("tk"), Limits: signal.SourceLimits{ItemsPerSecond: 10}}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, Path, &slowly{ctx: ctx})
	r.Header.Set("Content-Type", "application/vnd.fdo.journal")
	r.SetBasicAuth("db", "tk")
	d.Admit(kind, false, NewHandler(d)).ServeHTTP(httptest.NewRecorder(), r)
	if n := len(sink.Lines()); n < 100 || n > 100+2*gatherLines {
		t.Errorf("%d lines came, of a rate of 10 a second and ten seconds' worth at once", n)
	}
	signaltest.Law(t, d, sink)
}

// slowly is a stream without an end.
type slowly struct{ ctx context.Context }

func (s *slowly) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, "MESSAGE=x\n\n"), nil
}

// systemd's own program sends.
func TestSystemdSends(t *testing.T) {
	program, err := exec.LookPath("systemd-journal-upload")
	if err != nil {
		program, err = exec.LookPath("/lib/systemd/systemd-journal-upload")
	}
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: %v. Install Debian's package systemd-journal-remote to run this test.", err)
	}
	d, sink := signaltest.Doors(signal.Limits{})
	d.Keys = new(signal.Keys)
	if err := d.Keys.Set([]signal.Named{{Name: "db", Digest: signal.Digest("tk")}}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(d.Admit(kind, false, NewHandler(d)))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "journal.export")
	var text bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&text, "__REALTIME_TIMESTAMP=17723663990%05d\nMESSAGE=line %d\n_HOSTNAME=db-1\n_SYSTEMD_UNIT=shop.service\n\n", i, i)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(srv.URL, "://", "://db:tk@", 1) + "/journal"
	out, err := exec.CommandContext(t.Context(), program, "--url="+url, file).CombinedOutput()
	if err != nil || len(sink.Lines()) != 2000 {
		t.Errorf("%v, %d lines: %s", err, len(sink.Lines()), out)
	}
	signaltest.Law(t, d, sink)
}

func FuzzUpload(f *testing.F) {
	for _, seed := range []string{exported, "MESSAGE=x\n\n", "MESSAGE\n" + length(3) + "abc\n\n", "A\n" + length(1<<31), "=\n", "\n", "A=\n\nMESSAGE=\xff\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, sink := signaltest.Doors(signal.Limits{LineBytes: 100, LineFieldBytes: 10, LineFields: 5})
		code, text := post(t, d, string(body))
		if code != http.StatusAccepted && code != http.StatusBadRequest {
			t.Errorf("%d %s", code, text)
		}
		signaltest.Law(t, d, sink)
		signaltest.WellFormed(t, sink)
	})
}
