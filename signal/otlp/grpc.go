package otlp

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/steersman-ops/steersman/signal"
)

// NewGRPC serves OTLP over gRPC: the Export methods of the three services, each
// a request of one message and an answer of one. open says whether senders
// without a token are let in.
//
// It speaks gRPC by itself, on the HTTP/2 server of the standard library,
// because grpc-go keeps the messages that it receives in memory that nobody
// counts and cannot refuse one before it is whole. Serve it with
// [GRPCProtocols].
func NewGRPC(d *signal.Doors, open bool) http.Handler {
	g := &grpcDoor{doors: d, open: open, methods: make(map[string]*service)}
	for _, s := range services() {
		g.methods["/"+s.grpc+"/Export"] = &s
	}
	return g
}

// GRPCProtocols makes a server speak HTTP/2 without TLS, as exporters expect,
// and bounds what it holds of bodies that nobody has read yet.
func GRPCProtocols(srv *http.Server) {
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetUnencryptedHTTP2(true)
	srv.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: 64, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
		SendPingTimeout: time.Minute, PingTimeout: 20 * time.Second,
	}
}

type grpcDoor struct {
	doors   *signal.Doors
	open    bool
	methods map[string]*service
}

const typeGRPC = "application/grpc"

func (g *grpcDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	typ := r.Header.Get("Content-Type")
	if r.Method != http.MethodPost || r.ProtoMajor != 2 || typ != typeGRPC && !strings.HasPrefix(typ, typeGRPC+"+") && !strings.HasPrefix(typ, typeGRPC+";") {
		http.Error(w, "this port speaks OTLP over gRPC; OTLP over HTTP has a port of its own (4318 by default)", http.StatusUnsupportedMediaType)
		return
	}
	w.Header().Set("Content-Type", typeGRPC)
	out, st := g.answer(r)
	if st.Code() == codes.OK {
		frame := binary.BigEndian.AppendUint32(make([]byte, 1, 5+len(out)), uint32(len(out)))
		if _, err := w.Write(append(frame, out...)); err != nil {
			g.doors.Logger.Debug("answer to OTLP", "err", err)
		}
	}
	writeTrailer(w, st)
}

// answer serves one call. A panic in it is an answer, too.
func (g *grpcDoor) answer(r *http.Request) (out []byte, st *status.Status) {
	s := g.methods[r.URL.Path]
	if s == nil {
		return nil, status.New(codes.Unimplemented, fmt.Sprintf("%q is not served here; the Export methods of OTLP's services are", signal.Cut(r.URL.Path, 200)))
	}
	ctx, leave, ref := g.doors.Enter(r.Context(), signal.Caller{Door: kind, Token: signal.Token(r), Peer: signal.Peer(r), Open: g.open})
	defer leave()
	if ref != nil {
		return nil, grpcStatus(ref)
	}
	begun, panicked := false, false
	ref = g.doors.Guard(r.URL.Path, func() *signal.Refusal {
		begun, panicked = true, true
		body, free, ref := g.message(r.WithContext(ctx))
		if ref != nil {
			g.doors.Turn(ctx, kind, kind, ref)
			panicked = false
			return ref
		}
		defer free()
		out, ref = take(ctx, g.doors, s, body, protobuf)
		panicked = false
		return ref
	})
	if !begun { // memory is short
		g.doors.Turn(ctx, kind, kind, ref)
	}
	switch {
	case panicked:
		return nil, status.New(codes.Internal, ref.Error())
	case ref != nil:
		return nil, grpcStatus(ref)
	}
	return out, status.New(codes.OK, "")
}

// message reads the one message of a call.
func (g *grpcDoor) message(r *http.Request) (body []byte, free func(), ref *signal.Refusal) {
	var head [5]byte
	if _, err := io.ReadFull(r.Body, head[:]); err != nil {
		return nil, nil, signal.Refuse(signal.Malformed, "message", "there is none: "+err.Error(), "send one message")
	}
	enc := ""
	if head[0]&1 != 0 {
		if enc = r.Header.Get("Grpc-Encoding"); enc != "gzip" && enc != "zstd" {
			return nil, nil, signal.Refuse(signal.Unsupported, "grpc-encoding", fmt.Sprintf("encoding %q is not taken here", signal.Cut(enc, 40)), "send none, gzip or zstd")
		}
	}
	n := int64(binary.BigEndian.Uint32(head[1:]))
	most := g.doors.Limits.WithDefaults().PlainBytes
	if n > int64(most) {
		return nil, nil, signal.Refuse(signal.TooLarge, "message", fmt.Sprintf("%d bytes, more than %d", n, most), "send smaller batches or raise limits.plain_bytes")
	}
	whole := &exactly{r: r.Body, left: n}
	body, free, ref = g.doors.Unpack(r.Context(), whole, n, enc, signal.Body{Most: most, Limit: "plain_bytes"})
	if ref != nil {
		return nil, nil, ref
	}
	if _, err := io.ReadFull(r.Body, head[:1]); !errors.Is(err, io.EOF) { // whoever sends two must not believe that both were taken
		free()
		what := "there is another behind it"
		if err != nil {
			what = "it does not end: " + err.Error()
		}
		return nil, nil, signal.Refuse(signal.Malformed, "message", what, "send one message in each call")
	}
	return body, free, nil
}

// exactly reads so many bytes, and calls it an error if there are fewer.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// code returns the gRPC code for a reason.
func code(r signal.Reason) codes.Code {
	switch r {
	case signal.Busy, signal.Rate, signal.Share:
		return codes.ResourceExhausted // with RetryInfo, which makes it one to repeat
	case signal.TooLarge:
		return codes.ResourceExhausted // without, as gRPC itself says it
	case signal.Failed:
		return codes.Unavailable
	case signal.Denied:
		return codes.Unauthenticated
	}
	return codes.InvalidArgument
}

func grpcStatus(ref *signal.Refusal) *status.Status {
	st := status.New(code(ref.Reason), ref.Error())
	if wait := ref.Wait(); wait > 0 {
		with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
		if err == nil {
			st = with
		}
	}
	return st
}

// writeTrailer ends a call with its status.
func writeTrailer(w http.ResponseWriter, st *status.Status) {
	h := w.Header()
	h.Set(http.TrailerPrefix+"Grpc-Status", strconv.Itoa(int(st.Code())))
	if st.Message() != "" {
		h.Set(http.TrailerPrefix+"Grpc-Message", grpcMessage(st.Message()))
	}
	if len(st.Proto().GetDetails()) > 0 {
		if b, err := proto.Marshal(st.Proto()); err == nil {
			h.Set(http.TrailerPrefix+"Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(b))
		}
	}
}

// grpcMessage is a text as the header grpc-message wants it: percent-encoded
// where it is not printable ASCII.
func grpcMessage(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			b.WriteString(strings.ToUpper(url.PathEscape(string([]byte{c}))))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
