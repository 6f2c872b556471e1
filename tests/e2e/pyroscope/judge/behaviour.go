package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
)

// What the judge does in place of answering. count: for how many requests, -1 for all.
type misbehaviour struct {
	code  connect.Code
	count int
	act   string // "error", "close", "slow", "proxy", "partial"
}

var modes = map[string]misbehaviour{
	"ok":          {},
	"down":        {act: "close", count: -1},
	"down-twice":  {act: "close", count: 2},
	"slow":        {act: "slow", count: -1},
	"slow-once":   {act: "slow", count: 1},
	"400":         {act: "error", code: connect.CodeInvalidArgument, count: -1},
	"400-once":    {act: "error", code: connect.CodeInvalidArgument, count: 1},
	"401":         {act: "error", code: connect.CodeUnauthenticated, count: -1},
	"429":         {act: "error", code: connect.CodeResourceExhausted, count: -1},
	"429-once":    {act: "error", code: connect.CodeResourceExhausted, count: 1},
	"500":         {act: "error", code: connect.CodeInternal, count: -1},
	"500-twice":   {act: "error", code: connect.CodeInternal, count: 2},
	"503-once":    {act: "error", code: connect.CodeUnavailable, count: 1},
	"proxy-502":   {act: "proxy", count: 1},
	"partial":     {act: "partial", count: -1},
	"unknown-api": {act: "error", code: connect.CodeUnimplemented, count: -1},
}

func modeNames() string {
	names := make([]string, 0, len(modes))
	for name := range modes {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

type behaviour struct {
	mutex sync.Mutex
	now   misbehaviour
	delay time.Duration
}

func newBehaviour(delay time.Duration) *behaviour { return &behaviour{delay: delay} }

func (b *behaviour) set(mode string) error {
	chosen, known := modes[mode]
	if !known {
		return fmt.Errorf("mode %q is none of: %s", mode, modeNames())
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.now = chosen
	return nil
}

func (b *behaviour) next() misbehaviour {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.now.count == 0 {
		return misbehaviour{}
	}
	if b.now.count > 0 {
		b.now.count--
	}
	return b.now.copyForOne()
}

func (m misbehaviour) copyForOne() misbehaviour {
	m.count = 1
	return m
}

type partialKey struct{}

// wrap records every request and its status, and misbehaves before or in place of next.
func (b *behaviour) wrap(store *store, next http.Handler) http.Handler {
	errors := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w}
		started := time.Now()
		defer func() { store.addRequest(r, recorder.status, started) }()
		one := b.next()
		switch one.act {
		case "close":
			if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = connection.Close()
			}
			return
		case "slow":
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-time.After(b.delay):
			case <-r.Context().Done():
			}
			recorder.status = http.StatusGatewayTimeout
			return
		case "proxy":
			_, _ = io.Copy(io.Discard, r.Body)
			recorder.Header().Set("Content-Type", "text/html")
			recorder.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(recorder, "<html><body>502 Bad Gateway</body></html>")
			return
		case "error":
			_, _ = io.Copy(io.Discard, r.Body)
			_ = errors.Write(recorder, r, connect.NewError(one.code, fmt.Errorf("told to answer %s", one.code)))
			return
		case "partial":
			r = r.WithContext(context.WithValue(r.Context(), partialKey{}, true))
		}
		next.ServeHTTP(recorder, r)
		if recorder.status == 0 { // net/http's own 200, after an empty body
			recorder.status = http.StatusOK
		}
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(bytes []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(bytes)
}

// The last series of a push is refused with a retryable code, the ones before it stay stored.
func isPartial(ctx context.Context) bool { return ctx.Value(partialKey{}) != nil }

type pusher struct {
	store   *store
	limiter *limiter
}

func (p *pusher) Push(ctx context.Context, request *connect.Request[pushv1.PushRequest]) (*connect.Response[pushv1.PushResponse], error) {
	series := request.Msg.Series
	for i, one := range series {
		if isPartial(ctx) && i > 0 && i == len(series)-1 {
			return nil, connect.NewError(connect.CodeInternal, fmt.Errorf("told to store %d of %d series", i, len(series)))
		}
		checked, err := checkSeries(one, p.limiter, time.Now())
		if err != nil {
			p.store.addRefusal(err)
			return nil, err
		}
		p.store.add(checked)
	}
	if len(series) == 0 {
		return nil, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("push without series"))
	}
	return connect.NewResponse(&pushv1.PushResponse{}), nil
}
