package shop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		defer f.close()
		f.set(Fault{FaultErrors, 0.3}, 10*time.Second)
		time.Sleep(9 * time.Second)
		if v := f.value(FaultErrors); v != 0.3 {
			t.Errorf("after 9s: %v, want 0.3", v)
		}
		time.Sleep(2 * time.Second)
		if v := f.value(FaultErrors); v != 0 {
			t.Errorf("after 11s: %v, want 0", v)
		}
	})
}

func TestFaultTakesThePlaceOfOneOfItsKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		defer f.close()
		f.set(Fault{FaultErrors, 0.3}, 10*time.Second)
		f.set(Fault{FaultErrors, 0.5}, 0)
		time.Sleep(time.Minute)
		if v := f.value(FaultErrors); v != 0.5 {
			t.Errorf("value %v, want that of the second, which does not end", v)
		}
	})
}

func TestHangLastsUntilItIsCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		f.set(Fault{Kind: FaultHang}, 0)
		done := make(chan struct{})
		go func() {
			f.hang()
			close(done)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("did not hang")
		default:
		}
		f.close()
		<-done
	})
}

func TestLeakHoldsWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		f.set(Fault{FaultLeak, 1e6}, 0)
		time.Sleep(2*time.Second + 50*time.Millisecond)
		f.close()
		if f.leaked != 2e6 {
			t.Errorf("after 2 s at 1 MB/s %d bytes are held", f.leaked)
		}
		f.set(Fault{FaultLeak, 1e6}, 0)
		if v := f.value(FaultLeak); v != 0 {
			t.Error("a fault was set after the end")
		}
	})
}

func TestLeakHasALimit(t *testing.T) {
	f := newFaults()
	f.leaked = MaxLeak - 10
	f.hold(11)
	if len(f.held) != 0 {
		t.Error("more is held than MaxLeak")
	}
}

func TestAdminOnlyWithTheSecret(t *testing.T) {
	for _, tt := range []struct {
		name, secret, header, method, body string
		code                               int
		text                               string
	}{
		{"set", "s3", "Bearer s3", "POST", `{"fault":"errors=30%"}`, 200, `["errors=30%"]`},
		{"set for a while", "s3", "Bearer s3", "POST", `{"fault":"hang","for":"1m"}`, 200, `["hang"]`},
		{"see", "s3", "Bearer s3", "GET", ``, 200, `[]`},
		{"clear", "s3", "Bearer s3", "DELETE", ``, 200, `[]`},
		{"another secret", "s3", "Bearer s4", "POST", `{"fault":"hang"}`, 403, ""},
		{"no secret given", "s3", "", "POST", `{"fault":"hang"}`, 403, ""},
		{"no secret known", "", "Bearer ", "POST", `{"fault":"hang"}`, 403, ""},
		{"another method", "s3", "Bearer s3", "PUT", ``, 405, ""},
		{"no fault", "s3", "Bearer s3", "POST", `{"fault":"fire"}`, 400, "want errors="},
		{"no time", "s3", "Bearer s3", "POST", `{"fault":"hang","for":"-1s"}`, 400, "not a duration above 0"},
		{"no JSON", "s3", "Bearer s3", "POST", `{`, 400, "body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFaults()
			defer f.close()
			req := httptest.NewRequest(tt.method, "/admin/faults", strings.NewReader(tt.body))
			req.Header.Set("Authorization", tt.header)
			w := httptest.NewRecorder()
			f.handler(tt.secret).ServeHTTP(w, req)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("status %d %q, want %d with %q", w.Code, w.Body.String(), tt.code, tt.text)
			}
			if tt.code != 200 && len(f.list()) != 0 {
				t.Errorf("refused, but set: %v", f.list())
			}
		})
	}
}

// alone is a service that calls nobody, without telemetry.
func alone(t *testing.T) *service {
	t.Helper()
	spec, _ := Find("email")
	cfg := Config{Service: "email", Version: "v1", Instance: "email-1", Secret: "s"}
	tel, err := newTelemetry(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(spec, cfg, tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func TestFaultsAreFelt(t *testing.T) {
	for _, tt := range []struct {
		fault string
		felt  func(status int, err error, took time.Duration) bool
	}{
		{"errors=100%", func(status int, _ error, _ time.Duration) bool { return status == 500 }},
		{"latency=150ms", func(status int, _ error, took time.Duration) bool {
			return status == 200 && took >= 150*time.Millisecond
		}},
		{"drop=100%", func(_ int, err error, took time.Duration) bool { return err != nil && took < 150*time.Millisecond }},
		{"hang", func(_ int, err error, took time.Duration) bool { return err != nil && took >= 300*time.Millisecond }},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			s := alone(t)
			srv := httptest.NewServer(s.handler())
			defer srv.Close()
			defer s.faults.clearAll() // lets a hanging request go
			f, err := ParseFault(tt.fault)
			if err != nil {
				t.Fatal(err)
			}
			s.faults.set(f, 0)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/messages", nil)
			if err != nil {
				t.Fatal(err)
			}
			status := 0
			resp, err := srv.Client().Do(req)
			if err == nil {
				resp.Body.Close()
				status = resp.StatusCode
			}
			if took := time.Since(start); !tt.felt(status, err, took) {
				t.Errorf("status %d, %v, after %v", status, err, took)
			}
		})
	}
}

func TestFullPoolRefuses(t *testing.T) {
	s := alone(t)
	for range poolSize {
		s.pool <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if s.enter(ctx) {
		t.Error("entered a full pool")
	}
	s.waiting.Store(queueSize)
	if s.enter(t.Context()) {
		t.Error("waited in a full queue")
	}
	<-s.pool
	s.waiting.Store(0)
	if !s.enter(t.Context()) {
		t.Error("did not enter a pool with a place")
	}
}
