package wire

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Away from loopback, gRPC wants the token, and before it reads a message: a
// stranger who sends too large a one is told about the token, not the size.
func TestStrangersOverGRPC(t *testing.T) {
	c := settings(t)
	c.OTLPGRPC = "0.0.0.0:0"
	c.Limits.PlainBytes = 1 << 10
	greeting, end := launch(t, c)
	defer func() {
		if err := end(); err != nil {
			t.Errorf("end: %v", err)
		}
	}()
	address := regexp.MustCompile(`OTLP (\S+) \(gRPC\)`).FindStringSubmatch(greeting)[1]
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tokens, err := filepath.Glob(filepath.Join(c.DataDir, "*.token"))
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	token, err := os.ReadFile(tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	traces := func(bytes int) ptraceotlp.ExportRequest {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", strings.Repeat("x", bytes))
		return ptraceotlp.NewExportRequestFromTraces(td)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	owner := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(token)))
	for _, tt := range []struct {
		who  string
		ctx  context.Context
		size int
		want codes.Code
	}{
		{"the owner", owner, 10, codes.OK},
		{"the owner, too large", owner, 4 << 10, codes.ResourceExhausted},
		{"a stranger", ctx, 10, codes.Unauthenticated},
		{"a stranger, too large", ctx, 4 << 10, codes.Unauthenticated},
		{"a wrong token", metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer x"), 10, codes.Unauthenticated},
	} {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(tt.ctx, traces(tt.size))
		if got := status.Code(err); got != tt.want {
			t.Errorf("%s: %v (%v), want %v", tt.who, got, err, tt.want)
		}
	}
}
