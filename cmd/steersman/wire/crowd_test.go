package wire

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
)

// Two thousand that connect and say nothing, or nothing whole, keep nobody out
// of any port.
func TestTwoThousandIdleClients(t *testing.T) {
	c := settings(t)
	c.Limits.Connections = 100
	greeting, end := launch(t, c)
	defer func() {
		if err := end(); err != nil {
			t.Errorf("end: %v", err)
		}
	}()
	main := strings.TrimPrefix(regexp.MustCompile(`http://[^/\s]+`).FindString(greeting), "http://")
	grpcAt := regexp.MustCompile(`OTLP (\S+) \(gRPC\)`).FindStringSubmatch(greeting)[1]
	otlpAt := regexp.MustCompile(`(\S+) \(HTTP\)`).FindStringSubmatch(greeting)[1]
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	for i := range 2000 {
		at := []string{main, otlpAt, grpcAt}[i%3]
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%2 == 0 {
			fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: %s\r\n", at) // the rest does not come
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, at := range []string{"http://" + main + "/hooks/change", "http://" + otlpAt + "/v1/traces"} {
		resp, _ := send(t, "POST", at, map[bool]string{true: `{"service":"checkout"}`, false: `{"resourceSpans":[]}`}[strings.Contains(at, "hooks")], nil)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", at, resp.StatusCode)
		}
	}
	conn, err := grpc.NewClient(grpcAt, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequest(), grpc.WaitForReady(true)); err != nil {
		t.Errorf("gRPC: %v", err)
	}
}

// Who may send without a token is the configuration's to say.
func TestAnonymous(t *testing.T) {
	t.Setenv("SHOP_TOKEN", "the token of the shop")
	for _, tt := range []struct {
		listen, anonymous string
		stranger          int
	}{
		{"127.0.0.1:0", config.Loopback, 200},
		{"127.0.0.1:0", config.Nowhere, 401},
		{":0", config.Loopback, 401},
		{":0", config.Everywhere, 200},
	} {
		t.Run(tt.listen+" "+tt.anonymous, func(t *testing.T) {
			c := settings(t)
			c.Listen, c.Anonymous = tt.listen, tt.anonymous
			c.Sources = []config.Source{{Name: "shop", Token: config.Secret{Env: "SHOP_TOKEN"}}}
			greeting, end := launch(t, c)
			defer end() //nolint:errcheck // what it answers is tested
			base := regexp.MustCompile(`http://[^/\s]+`).FindString(greeting)
			owner, err := os.ReadFile(filepath.Join(c.DataDir, "owner.token"))
			if err != nil {
				t.Fatal(err)
			}
			for token, want := range map[string]int{"": tt.stranger, "wrong": 401, "the token of the shop": 200, strings.TrimSpace(string(owner)): 200} {
				h := map[string]string{}
				if token != "" {
					h["Authorization"] = "Bearer " + token
				}
				if resp, _ := send(t, "POST", base+"/hooks/change", `{"service":"checkout"}`, h); resp.StatusCode != want {
					t.Errorf("token %q: %d, want %d", token, resp.StatusCode, want)
				}
			}
			if resp, _ := send(t, "GET", base+"/steersman/v1/now", "", map[string]string{"Authorization": "Bearer the token of the shop"}); resp.StatusCode != 401 {
				t.Errorf("a source's token opens the API: %d", resp.StatusCode)
			}
		})
	}
}
