package weir_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"weir.dev/weir"
)

// math serves some functions to a client over a connection of their own. A program
// has weir.Main instead, and weir.Dial.
func math() *weir.Client {
	return serve(
		weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
			return p.A + p.B, nil
		}),
		weir.Func("sleep", func(ctx context.Context, seconds float64) (any, error) {
			select {
			case <-time.After(time.Duration(seconds * float64(time.Second))):
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}),
		weir.Source("count", func(ctx context.Context, p struct{ Start, Stop int }, emit func(int) error) error {
			for i := p.Start; i < p.Stop; i++ {
				if err := emit(i); err != nil {
					return err
				}
			}
			return nil
		}),
		weir.Sink("sum", func(ctx context.Context, p weir.None, numbers *weir.Values[int]) (int, error) {
			total := 0
			for numbers.Next() {
				total += numbers.Value()
			}
			return total, numbers.Err()
		}),
		weir.Duplex("shout", func(ctx context.Context, p weir.None, words *weir.Values[string], emit func(string) error) error {
			for word := range words.Chan() {
				if err := emit(strings.ToUpper(word)); err != nil {
					return err
				}
			}
			return words.Err()
		}),
	)
}

func ExampleFunc() {
	worker := weir.NewWorker(
		weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
			return p.A + p.B, nil
		}),
	)
	requests := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"add","params":[3,4]}
{"jsonrpc":"2.0","id":2,"method":"add","params":{"a":3}}
`)
	if err := worker.Serve(context.Background(), requests, os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"jsonrpc":"2.0","id":1,"result":7}
	// {"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"argument \"b\" is missing"}}
}

func ExampleCall() {
	ctx, client := context.Background(), math()
	defer client.Close()

	sum, err := weir.Call[int](ctx, client, "add", 3, 4)
	fmt.Println(sum, err)
	sum, err = weir.Call[int](ctx, client, "add", weir.Named{"a": 3, "b": 4})
	fmt.Println(sum, err)
	_, err = weir.Call[int](ctx, client, "add", 3)
	fmt.Println(err, errors.Is(err, weir.ErrParams))
	// Output:
	// 7 <nil>
	// 7 <nil>
	// argument "b" is missing (code -32602) true
}

func ExampleCall_deadline() {
	client := math()
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := weir.Call[any](ctx, client, "sleep", 60)
	fmt.Println(errors.Is(err, weir.ErrDeadline), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}

func ExampleInput() {
	client := math()
	defer client.Close()

	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for i := 1; i <= 100; i++ {
			numbers <- i
		}
	}()
	fmt.Println(weir.Call[int](context.Background(), client, "sum", weir.Input(numbers)))
	// Output: 5050 <nil>
}

func ExampleStream() {
	client := math()
	defer client.Close()

	values, err := weir.Stream[int](context.Background(), client, "count", 1, 1000000)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer values.Close() // stops the function
	for values.Next() && values.Value() <= 3 {
		fmt.Println(values.Value())
	}
	fmt.Println(values.Err())
	// Output:
	// 1
	// 2
	// 3
	// <nil>
}

func ExampleStream_both() {
	client := math()
	defer client.Close()

	words, err := weir.Stream[string](context.Background(), client, "shout", weir.InputValues("a", "b"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for word := range words.Chan() {
		fmt.Println(word)
	}
	fmt.Println(words.Err())
	// Output:
	// A
	// B
	// <nil>
}
