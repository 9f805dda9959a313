// The functions of math_worker.py, called from Go through `weir serve`: main SOCKET
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"
	"time"

	"weir.dev/weir"
)

func main() {
	ctx := context.Background()
	client, err := weir.Dial(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	small, err := weir.Call[int](ctx, client, "add", 3, 4)
	check(err)
	large, err := weir.Call[*big.Int](ctx, client, "add",
		weir.Named{"a": 1, "b": new(big.Int).Lsh(big.NewInt(1), 70)})
	check(err)
	fmt.Println("a value in, a value out:", small, large)

	counted, err := weir.Stream[int](ctx, client, "count", 1, 3)
	check(err)
	fmt.Println("a stream out:", all(counted))

	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for n := 0; n <= 10; n++ {
			numbers <- n
		}
	}()
	sum, err := weir.Call[float64](ctx, client, "sum_of", weir.Input(numbers))
	check(err)
	fmt.Println("a stream in:", sum)

	means, err := weir.Stream[float64](ctx, client, "mean_so_far", weir.InputValues(2, 4, 9))
	check(err)
	fmt.Println("both ways:", all(means))

	_, err = weir.Call[float64](ctx, client, "divide", 1, 0)
	var remote *weir.Error
	if errors.As(err, &remote) {
		fmt.Println("fails:", remote.Message)
	}

	// The function in the Python process is interrupted, not only left alone.
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = weir.Call[string](short, client, "sleep", 60)
	fmt.Println("takes too long:", errors.Is(err, weir.ErrDeadline) && time.Since(began) < 30*time.Second)
}

func all[T any](values *weir.Values[T]) []T {
	defer values.Close()
	var list []T
	for values.Next() {
		list = append(list, values.Value())
	}
	check(values.Err())
	return list
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
