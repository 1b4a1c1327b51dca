package records_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/records"
)

// schemaOf returns the statements that made the tables and indexes of a file.
func schemaOf(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name <> 'schema' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out.WriteString(s + ";\n")
	}
	return out.String()
}

// A schema that is out in the world cannot be changed, only migrated: when
// this fails, write another migration and add its outcome to the golden file.
func TestSchemaIsTheGoldenOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	for range 2 { // the second time there is nothing to migrate
		s, err := records.Open(path, records.Options{Version: "0.1.0"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if got := schemaOf(t, path); got != string(want) {
		t.Errorf("the schema is\n%s\ntestdata/schema.sql has\n%s", got, want)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	newStore(t, path).Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`INSERT INTO schema (version_id, is_applied) VALUES (99, 1)`,
		`UPDATE about SET value = '7.3.0' WHERE key = 'written_by'`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	_, err = records.Open(path, records.Options{Version: "0.1.0"})
	if want := path + " has schema 99, and this Steersman (0.1.0) knows schemas up to 3: start Steersman 7.3.0 or a newer one"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Open = %v\nwant … %s", err, want)
	}
}

func newStore(t testing.TB, path string) *records.Store {
	t.Helper()
	s, err := records.Open(path, records.Options{Version: "0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestADamagedFileIsNamed(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "records.db")
	s := newStore(t, sound)
	for i := range 200 {
		c := fact.Change{ID: fact.ID("c", time.Unix(int64(i), 0).String()), At: time.Unix(int64(i), 0), Note: strings.Repeat("n", 500)}
		if err := s.PutChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	content, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"not a database", func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) }},
		{"a broken header", func(b []byte) []byte { copy(b, "SQLite farmat"); return b }},
		{"a page of zeros", func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+8192]); return b }},
		{"pages of noise", func(b []byte) []byte {
			for i := 4096; i < len(b); i += 7 {
				b[i] ^= 0xa5
			}
			return b
		}},
		{"cut off", func(b []byte) []byte { return b[:len(b)/2] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.db")
			if err := os.WriteFile(path, tt.damage(bytes.Clone(content)), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := records.Open(path, records.Options{})
			var damaged *records.DamagedError
			if !errors.As(err, &damaged) || damaged.Path != path || !strings.Contains(err.Error(), "move it") {
				t.Errorf("Open = %v; want a DamagedError that names %s and says what to do", err, path)
			}
		})
	}
}

func TestOpenSaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "file", "records.db"), dir} {
		_, err := records.Open(path, records.Options{})
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%s) = %v, want an error that names it", path, err)
		}
	}
}

// An infinite score cannot be JSON. It must not take the store down.
func TestAPaperThatIsNotJSONIsRefused(t *testing.T) {
	s := newStore(t, filepath.Join(t.TempDir(), "records.db"))
	zero := 0.0
	err := s.PutFinding(t.Context(), fact.Finding{ID: "f", Score: 1 / zero})
	if err == nil || !strings.Contains(err.Error(), "put finding f: ") {
		t.Errorf("PutFinding = %v, want an error that names the finding", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	reg := prometheus.NewRegistry()
	for range 2 { // twice with one registry: Close gives the names back
		s, err := records.Open(filepath.Join(t.TempDir(), "a path with ? and # and %.db"), records.Options{Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutSources(t.Context(), records.Source{Name: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What was put is there after the process is gone without a word: a copy of
// the files at any moment between two puts has everything.
func TestWhatWasPutSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, filepath.Join(dir, "records.db"))
	for i := range 20 {
		id := fact.ID("c", time.Unix(int64(i), 0).String())
		if err := s.PutChange(t.Context(), fact.Change{ID: id, At: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
		image := filepath.Join(t.TempDir(), "image")
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		after := newStore(t, filepath.Join(image, "records.db"))
		if _, err := after.Change(t.Context(), id); err != nil {
			t.Errorf("put %d: %v", i, err)
		}
		after.Close()
	}
}

func BenchmarkPut(b *testing.B) {
	s := newStore(b, filepath.Join(b.TempDir(), "records.db"))
	in := fact.Incident{ID: "inc-1", State: fact.Open}
	for range 8 {
		in.Findings = append(in.Findings, fact.Finding{ID: "f-1", Detector: "level@1"})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		in.Updated = time.Unix(int64(i), 0)
		if err := s.PutIncident(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutTheSameAgain(b *testing.B) {
	s := newStore(b, filepath.Join(b.TempDir(), "records.db"))
	for b.Loop() {
		if err := s.PutIncident(b.Context(), fact.Incident{ID: "inc-1", State: fact.Open}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "records.db")
	for b.Loop() {
		newStore(b, path).Close()
	}
}
