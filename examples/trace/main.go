// Command trace is a web service that calls a Python function through weir serve, and puts its
// requests into the trace of whoever asks: trace SOCKET SPANS.otlp.json
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir.dev/weir"
)

// A span as OTLP/JSON has it.
type span struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	Parent  string `json:"parentSpanId,omitempty"`
	Name    string `json:"name"`
	Kind    int    `json:"kind"`
	Start   string `json:"startTimeUnixNano"`
	End     string `json:"endTimeUnixNano"`
}

type service struct {
	pool  *weir.Client
	mutex sync.Mutex
	spans []span
}

func id(bytes int) string {
	random := make([]byte, bytes)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	return hex.EncodeToString(random)
}

// begin makes the span of a request: below the caller's, if it names one.
func begin(request *http.Request) span {
	made := span{TraceID: id(16), SpanID: id(8), Name: "GET " + request.URL.Path, Kind: 2}
	if parts := strings.Split(request.Header.Get("traceparent"), "-"); len(parts) == 4 {
		made.TraceID, made.Parent = parts[1], parts[2]
	}
	made.Start = strconv.FormatInt(time.Now().UnixNano(), 10)
	return made
}

func (s *service) end(one span) {
	one.End = strconv.FormatInt(time.Now().UnixNano(), 10)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.spans = append(s.spans, one)
}

func (s *service) price(answer http.ResponseWriter, request *http.Request) {
	one := begin(request)
	defer s.end(one)
	area, err := strconv.ParseFloat(request.URL.Query().Get("area"), 64)
	if err != nil {
		http.Error(answer, "area must be a number", http.StatusBadRequest)
		return
	}
	ctx := weir.WithTrace(request.Context(), "00-"+one.TraceID+"-"+one.SpanID+"-01", "")
	result, err := weir.Call[json.RawMessage](ctx, s.pool, "price", area)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadGateway)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	_, _ = answer.Write(result)
}

// write puts the spans into a file.
func (s *service) write(path string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	type m = map[string]any
	name := m{"key": "service.name", "value": m{"stringValue": "prices"}}
	text, err := json.Marshal(m{"resourceSpans": []m{{
		"resource":   m{"attributes": []m{name}},
		"scopeSpans": []m{{"scope": m{"name": "prices"}, "spans": s.spans}},
	}}})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: trace SOCKET SPANS.otlp.json")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool, err := weir.Dial(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s := &service{pool: pool}
	http.HandleFunc("/price", s.price)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	_ = server.Serve(listener)
	if err := s.write(os.Args[2]); err != nil {
		log.Fatal(err)
	}
	_ = pool.Close()
}
