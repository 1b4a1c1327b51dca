package otlp

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters compress with it
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/steersman-ops/steersman/signal"
)

// NewServer returns a gRPC server with OTLP's services on it; start it with
// Serve, end it with GracefulStop. It serves nothing else, because it reads
// messages as bytes, so that they are walked before they are decoded. A message
// is as large as Limits.PlainBytes at most, after decompression too.
func NewServer(d *signal.Doors, opts ...grpc.ServerOption) *grpc.Server {
	lim := d.Limits.WithDefaults()
	srv := grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(lim.PlainBytes),
		grpc.MaxConcurrentStreams(64),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ForceServerCodecV2(bytesCodec{}),
		grpc.StatsHandler(&lost{doors: d}),
		grpc.ChainUnaryInterceptor(recovered(d)),
	}, opts...)...)
	for _, s := range services() {
		srv.RegisterService(&grpc.ServiceDesc{
			ServiceName: s.grpc,
			HandlerType: (*any)(nil),
			Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: method(d, &s)}},
		}, struct{}{})
	}
	return srv
}

// frame is a message as bytes.
type frame struct{ buf mem.Buffer }

// bytesCodec hands messages through as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: only bytes are sent here", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("unmarshal into %T: only bytes are read here", v)
	}
	f.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

// method is the Export method of a service.
func method(d *signal.Doors, s *service) grpc.MethodHandler {
	return func(_ any, ctx context.Context, dec func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var in frame
		if err := dec(&in); err != nil {
			return nil, err
		}
		defer in.buf.Free()
		if m, ok := ctx.Value(markKey{}).(*mark); ok {
			m.read = true
		}
		export := func(ctx context.Context, _ any) (any, error) {
			size := in.buf.Len()
			if ref := d.Hold(size, d.Limits.WithDefaults().InFlightBytes); ref != nil {
				account(d, ref)
				return nil, grpcError(ref)
			}
			defer d.Release(size)
			out, ref := take(ctx, d, s, in.buf.ReadOnlyData(), protobuf)
			if ref != nil {
				return nil, grpcError(ref)
			}
			return out, nil
		}
		if intercept == nil {
			return export(ctx, &in)
		}
		return intercept(ctx, &in, &grpc.UnaryServerInfo{FullMethod: "/" + s.grpc + "/Export"}, export)
	}
}

// code returns the gRPC code for a reason.
func code(r signal.Reason) codes.Code {
	switch r {
	case signal.Busy:
		return codes.ResourceExhausted // with RetryInfo, which makes it one to repeat
	case signal.Failed:
		return codes.Unavailable
	}
	return codes.InvalidArgument
}

func grpcError(ref *signal.Refusal) error {
	st := status.New(code(ref.Reason), ref.Error())
	if ref.Reason.Retry() {
		with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(signal.RetryAfter)})
		if err == nil {
			st = with
		}
	}
	return st.Err()
}

// recovered turns a panic in a handler into an answer.
func recovered(d *signal.Doors) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
		defer func() {
			if p := recover(); p != nil {
				d.Logger.Error("panic in a door", "door", info.FullMethod, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				err = status.Error(codes.Internal, "this request could not be read; please report it")
			}
		}()
		return next(ctx, req)
	}
}

// lost accounts for the requests that gRPC itself refuses, because they are too
// large or badly compressed, before a handler sees them.
type lost struct{ doors *signal.Doors }

type markKey struct{}

type mark struct{ read bool }

func (l *lost) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, markKey{}, &mark{})
}

func (l *lost) HandleRPC(ctx context.Context, s stats.RPCStats) {
	end, ok := s.(*stats.End)
	if !ok || end.Error == nil {
		return
	}
	if m, ok := ctx.Value(markKey{}).(*mark); !ok || m.read {
		return
	}
	reason := signal.Malformed
	if status.Code(end.Error) == codes.ResourceExhausted {
		reason = signal.TooLarge
	}
	account(l.doors, signal.Refuse(reason, "", status.Convert(end.Error).Message(), "send smaller batches or raise limits.plain_bytes"))
}

func (l *lost) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (l *lost) HandleConn(context.Context, stats.ConnStats) {}
