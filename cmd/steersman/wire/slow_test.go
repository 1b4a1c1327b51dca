package wire

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
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
