// A web service with a Python model behind it: one binary and one script.
//
//	gopool ADDRESS SCRIPT
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"weir.dev/weir"
)

// Price is what the model answers.
type Price struct {
	Euros  int `json:"euros"`
	Worker int `json:"worker"`
}

type service struct{ pool *weir.Pool }

// predict asks the model. The request's context ends the call: a client that goes away frees the worker.
func (s service) predict(w http.ResponseWriter, r *http.Request) {
	area, err := strconv.ParseFloat(r.FormValue("area"), 64)
	if err != nil {
		http.Error(w, "area must be a number", http.StatusBadRequest)
		return
	}
	rooms, err := strconv.Atoi(r.FormValue("rooms"))
	if err != nil {
		http.Error(w, "rooms must be an integer", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	price, err := weir.Invoke[Price](ctx, s.pool, "predict", area, rooms)
	if err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(price)
}

// status is the answer's status for the error of a call.
func status(err error) int {
	var failure *weir.Error
	switch {
	case errors.Is(err, weir.ErrQueueFull), errors.Is(err, weir.ErrNoWorker):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, weir.ErrParams):
		return http.StatusBadRequest
	case errors.As(err, &failure) && failure.Type() == "ValueError":
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadGateway
}

func (s service) health(w http.ResponseWriter, r *http.Request) {
	if err := s.pool.Health(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// metrics has the pool's figures for Prometheus.
func (s service) metrics(w http.ResponseWriter, r *http.Request) {
	stats, err := s.pool.Stats(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, figure := range []struct {
		name, kind string
		value      float64
	}{
		{"calls_total", "counter", float64(stats.Calls)},
		{"errors_total", "counter", float64(stats.Errors)},
		{"restarts_total", "counter", float64(stats.Restarts)},
		{"queued", "gauge", float64(stats.Queued)},
		{"running", "gauge", float64(stats.Running)},
		{"workers", "gauge", float64(len(stats.Workers))},
		{"latency_p99_seconds", "gauge", stats.Latency.P99 / 1000},
	} {
		fmt.Fprintf(w, "# TYPE gopool_%[1]s %[2]s\ngopool_%[1]s %[3]g\n", figure.name, figure.kind, figure.value)
	}
}

func run(address, script string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool, err := weir.NewPool(ctx, weir.Script(script), weir.Workers(2), weir.Drain(5*time.Second))
	if err != nil {
		return err
	}
	defer pool.Close()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := service{pool}
	mux := http.NewServeMux()
	mux.HandleFunc("/predict", s.predict)
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/metrics", s.metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Println("listening on", listener.Addr())
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(drain)
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gopool ADDRESS SCRIPT")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}
