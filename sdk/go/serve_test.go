package weir_test

import (
	"context"
	"net"

	"weir.dev/weir"
)

// serve is a small `weir serve`: it serves functions to a client over a connection
// of their own.
func serve(options ...weir.Option) *weir.Client {
	here, there := net.Pipe()
	go func() {
		_ = weir.NewWorker(options...).Serve(context.Background(), there, there)
		there.Close()
	}()
	client, err := weir.NewClient(context.Background(), here)
	if err != nil {
		panic(err)
	}
	return client
}
