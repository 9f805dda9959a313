package weir_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"weir.dev/weir"
)

// answer runs a worker on some requests, and prints what it answers.
func answer(worker *weir.Worker, requests ...string) {
	in := strings.NewReader(strings.Join(requests, "\n") + "\n")
	if err := worker.Serve(context.Background(), in, os.Stdout); err != nil {
		fmt.Println(err)
	}
}

func ExampleNewWorker() {
	worker := weir.NewWorker(
		weir.Name("greeter"),
		weir.Concurrency(1),
		weir.Func("greet", func(ctx context.Context, name string) (string, error) {
			return "hello " + name, nil
		}),
	)
	answer(worker, `{"jsonrpc":"2.0","id":1,"method":"greet","params":["weir"]}`)
	// Output: {"jsonrpc":"2.0","id":1,"result":"hello weir"}
}

func ExampleWorker_Serve() {
	worker := weir.NewWorker(weir.Func("pid", func(ctx context.Context, _ weir.None) (int, error) {
		return 42, nil
	}))
	in := strings.NewReader(`{"jsonrpc":"2.0","id":"a","method":"pid"}` + "\n")
	fmt.Println(worker.Serve(context.Background(), in, os.Stdout))
	// Output:
	// {"jsonrpc":"2.0","id":"a","result":42}
	// <nil>
}

// Run is for a program that does something when the input has ended. It needs standard
// input and output for itself, so this example is compiled but not run.
func ExampleWorker_Run() {
	worker := weir.NewWorker(weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
		return p.A + p.B, nil
	}))
	if err := worker.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// A worker's main function. It exits when the input ends, so this example is compiled
// but not run.
func ExampleMain() {
	weir.Main(
		weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
			return p.A + p.B, nil
		}),
	)
}

func ExampleConcurrency() {
	running := 0
	client := serve(
		weir.Concurrency(1), // no locks needed
		weir.Func("count", func(ctx context.Context, _ weir.None) (int, error) {
			running++
			return running, nil
		}),
	)
	defer client.Close()

	for i := 0; i < 3; i++ {
		fmt.Println(weir.Call[int](context.Background(), client, "count"))
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

func ExampleName() {
	worker := weir.NewWorker(weir.Name("geocoder"))
	hello := new(strings.Builder)
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"weir/hello","params":{"version":1}}` + "\n")
	if err := worker.Serve(context.Background(), in, hello); err != nil {
		fmt.Println(err)
	}
	var response struct{ Result struct{ Name string } }
	fmt.Println(json.Unmarshal([]byte(hello.String()), &response), response.Result.Name)
	// Output: <nil> geocoder
}

func ExampleSource() {
	client := serve(weir.Source("squares", func(ctx context.Context, p struct{ Upto int }, emit func(int) error) error {
		for i := 1; i <= p.Upto; i++ {
			if err := emit(i * i); err != nil {
				return err // the caller stopped reading
			}
		}
		return nil
	}))
	defer client.Close()

	squares, err := weir.Stream[int](context.Background(), client, "squares", 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	for squares.Next() {
		fmt.Println(squares.Value())
	}
	fmt.Println(squares.Err())
	// Output:
	// 1
	// 4
	// 9
	// <nil>
}

func ExampleSink() {
	client := serve(weir.Sink("longest", func(ctx context.Context, _ weir.None, words *weir.Values[string]) (string, error) {
		longest := ""
		for words.Next() {
			if len(words.Value()) > len(longest) {
				longest = words.Value()
			}
		}
		return longest, words.Err()
	}))
	defer client.Close()

	fmt.Println(weir.Call[string](context.Background(), client, "longest", weir.InputValues("a", "abc", "ab")))
	// Output: abc <nil>
}

func ExampleDuplex() {
	client := serve(weir.Duplex("running", func(ctx context.Context, _ weir.None, numbers *weir.Values[int], emit func(int) error) error {
		total := 0
		for numbers.Next() {
			total += numbers.Value()
			if err := emit(total); err != nil {
				return err
			}
		}
		return numbers.Err()
	}))
	defer client.Close()

	totals, err := weir.Stream[int](context.Background(), client, "running", weir.InputValues(1, 2, 3))
	if err != nil {
		fmt.Println(err)
		return
	}
	totals.All(func(total int) bool { // since Go 1.23: for total := range totals.All
		fmt.Println(total)
		return true
	})
	fmt.Println(totals.Err())
	// Output:
	// 1
	// 3
	// 6
	// <nil>
}

func ExampleFunction() {
	client := serve(
		weir.Sink("load", func(ctx context.Context, p struct{ Table string }, rows *weir.Values[string]) (int, error) {
			count := 0
			for rows.Next() {
				count++
			}
			return count, rows.Err()
		}).Doc("Loads rows into a table.").Idempotent().Input("rows"),
	)
	defer client.Close()

	load := client.Methods()["load"]
	fmt.Println(load.Doc, load.Stream, load.Idempotent)
	for _, param := range load.Params {
		fmt.Println(param.Name, param.Type, param.Stream)
	}
	// Output:
	// Loads rows into a table. in true
	// table string false
	// rows string true
}

func ExampleInputFunc() {
	client := math()
	defer client.Close()

	n := 0
	numbers := weir.InputFunc(func(ctx context.Context) (int, error) {
		if n == 4 {
			return 0, io.EOF
		}
		n++
		return n, nil
	})
	fmt.Println(weir.Call[int](context.Background(), client, "sum", numbers))
	// Output: 10 <nil>
}

func ExampleInputValues() {
	client := math()
	defer client.Close()

	fmt.Println(weir.Call[int](context.Background(), client, "sum", weir.InputValues(1, 2, 3)))
	// Output: 6 <nil>
}

func ExampleParams() {
	client := math()
	defer client.Close()

	fmt.Println(weir.Call[int](context.Background(), client, "add", weir.Params(struct {
		A int `json:"a"`
		B int `json:"b"`
	}{3, 4})))
	fmt.Println(weir.Call[int](context.Background(), client, "add", weir.Params(json.RawMessage(`[3,4]`))))
	// Output:
	// 7 <nil>
	// 7 <nil>
}

func ExampleNamed() {
	client := math()
	defer client.Close()

	fmt.Println(weir.Call[int](context.Background(), client, "add", weir.Named{"a": 3, "b": 4}))
	// Output: 7 <nil>
}

func ExampleError() {
	client := serve(weir.Func("find", func(ctx context.Context, name string) (string, error) {
		return "", &weir.Error{Code: 1001, Message: "no such customer", Data: json.RawMessage(`{"near":["weir"]}`)}
	}))
	defer client.Close()

	_, err := weir.Call[string](context.Background(), client, "find", "wier")
	var failure *weir.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Code, failure.Message, string(failure.Data))
	}
	// Output: 1001 no such customer {"near":["weir"]}
}

func ExampleErrorf() {
	client := serve(weir.Func("find", func(ctx context.Context, name string) (string, error) {
		return "", weir.Errorf(1001, "no customer %q", name)
	}))
	defer client.Close()

	_, err := weir.Call[string](context.Background(), client, "find", "wier")
	fmt.Println(errors.Is(err, &weir.Error{Code: 1001}), err)
	// Output: true no customer "wier" (code 1001)
}

func ExampleError_Type() {
	client := serve(weir.Func("open", func(ctx context.Context, name string) (string, error) {
		panic("out of paper")
	}))
	defer client.Close()

	_, err := weir.Call[string](context.Background(), client, "open", "a")
	var failure *weir.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Message, failure.Type(), strings.Contains(failure.Traceback(), "goroutine"))
	}
	// Output: out of paper panic(string) true
}

func ExampleLog() {
	worker := weir.NewWorker(weir.Func("work", func(ctx context.Context, _ weir.None) (string, error) {
		weir.Log(ctx, weir.Warning, "disk %d %% full", 91)
		return "done", nil
	}))
	answer(worker, `{"jsonrpc":"2.0","id":1,"method":"work"}`)
	// Output:
	// {"jsonrpc":"2.0","method":"weir/log","params":{"level":"warning","message":"disk 91 % full","id":1}}
	// {"jsonrpc":"2.0","id":1,"result":"done"}
}

func ExampleWithTrace() {
	client := serve(weir.Func("trace", func(ctx context.Context, _ weir.None) (string, error) {
		parent, state := weir.Trace(ctx)
		return parent + " " + state, nil
	}))
	defer client.Close()

	ctx := weir.WithTrace(context.Background(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")
	fmt.Println(weir.Call[string](ctx, client, "trace"))
	// Output: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=1 <nil>
}

func ExampleTrace() {
	fmt.Println(weir.Trace(weir.WithTrace(context.Background(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "")))
	// Output: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
}

// listen is a small `weir serve` at a path.
func listen() (path string, stop func()) {
	directory, err := os.MkdirTemp("", "weir")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(directory, "weir.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = weir.NewWorker(weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
					return p.A + p.B, nil
				})).Serve(context.Background(), conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return path, func() {
		_ = listener.Close()
		_ = os.RemoveAll(directory)
	}
}

func ExampleDial() {
	path, stop := listen() // a program uses the socket of "weir serve"
	defer stop()

	ctx := context.Background()
	client, err := weir.Dial(ctx, path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(weir.Call[int](ctx, client, "add", 3, 4))
	// Output: 7 <nil>
}

func ExampleAnyServer() {
	path, stop := listen()
	defer stop()

	ctx := context.Background()
	client, err := weir.Dial(ctx, path, weir.AnyServer()) // whoever runs it
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(weir.Call[int](ctx, client, "add", 3, 4))
	// Output: 7 <nil>
}

func ExampleNewClient() {
	here, there := net.Pipe()
	go func() {
		_ = weir.NewWorker(weir.Func("greet", func(ctx context.Context, name string) (string, error) {
			return "hello " + name, nil
		})).Serve(context.Background(), there, there)
	}()
	ctx := context.Background()
	client, err := weir.NewClient(ctx, here)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(weir.Call[string](ctx, client, "greet", "weir"))
	// Output: hello weir <nil>
}

func ExampleClient_Close() {
	client := math()
	fmt.Println(client.Close())
	_, err := weir.Call[int](context.Background(), client, "add", 3, 4)
	fmt.Println(errors.Is(err, weir.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleClient_Methods() {
	client := math()
	defer client.Close()

	add := client.Methods()["add"]
	for _, param := range add.Params {
		fmt.Println(param.Name, param.Type)
	}
	fmt.Println(add.Returns)
	// Output:
	// a int
	// b int
	// int
}

func ExampleValues() {
	client := math()
	defer client.Close()

	numbers, err := weir.Stream[int](context.Background(), client, "count", 0, 1000000)
	if err != nil {
		fmt.Println(err)
		return
	}
	for number := range numbers.Chan() {
		fmt.Println(number)
		if number == 2 {
			numbers.Close() // stops the function
			break
		}
	}
	// Output:
	// 0
	// 1
	// 2
}
