package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A sender that does not send what it announced is not waited for.
func TestASlowSenderIsNotWaitedFor(t *testing.T) {
	defer func(d time.Duration) { patience = d }(patience)
	patience = 300 * time.Millisecond
	greeting, end := launch(t, settings(t))
	defer func() {
		if err := end(); err != nil {
			t.Errorf("end: %v", err)
		}
	}()
	u, err := url.Parse(regexp.MustCompile(`http://[^/]+`).FindString(greeting))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/write", "/hooks/change", "/api/v1/query"} {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\nx", path, u.Host)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			resp.Body.Close()
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s waits for a body that does not come", path)
		}
	}
}

// Nor one that opens a call and never ends it; the other calls of its connection
// go on.
func TestACallThatNeverEnds(t *testing.T) {
	defer func(d time.Duration) { patience = d }(patience)
	patience = 500 * time.Millisecond
	greeting, end := launch(t, settings(t))
	defer func() {
		if err := end(); err != nil {
			t.Errorf("end: %v", err)
		}
	}()
	address := regexp.MustCompile(`OTLP (\S+) \(gRPC\)`).FindStringSubmatch(greeting)[1]
	tr := &http.Transport{Protocols: new(http.Protocols), MaxConnsPerHost: 1}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	call := func(body io.Reader) (status string, err error) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/opentelemetry.proto.collector.trace.v1.TraceService/Export", body)
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/grpc")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return "", err
		}
		return resp.Trailer.Get("Grpc-Status"), nil
	}
	const empty = "\x00\x00\x00\x00\x00"
	for _, begun := range []string{"", "\x00\x00", "\x00\x00\x00\x00\x09ab", empty} {
		r, w := io.Pipe()
		defer w.Close()
		done := make(chan error, 1)
		go func() {
			_, err := call(r)
			done <- err
		}()
		if begun != "" {
			if _, err := io.WriteString(w, begun); err != nil {
				t.Fatal(err)
			}
		}
		if status, err := call(strings.NewReader(empty)); status != "0" || err != nil {
			t.Errorf("beside %q: %s, %v", begun, status, err)
		}
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Errorf("%q is waited for", begun)
		}
	}
}
