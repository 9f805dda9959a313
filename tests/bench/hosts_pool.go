// A Go program with a pool of weir's, for hosts.py.
//
//	hosts_pool lent|relay WORKERS WORD...
//
// For each line "N CALLERS" on stdin: P50 and P99 of N calls in us, and calls per second.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"weir.dev/weir"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "hosts_pool:", err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	workers, err := strconv.Atoi(os.Args[2])
	must(err)
	var caller weir.Caller
	if os.Args[1] == "lent" {
		pool, err := weir.NewPool(ctx, weir.Program(os.Args[3:]...), weir.Workers(workers))
		must(err)
		defer pool.Close()
		caller = pool
	} else { // the socket of weir serve
		client, err := weir.Dial(ctx, os.Args[3])
		must(err)
		defer client.Close()
		caller = client
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var count, callers int
		_, err := fmt.Sscan(lines.Text(), &count, &callers)
		must(err)
		measure(ctx, caller, count/callers, callers)
	}
}

func measure(ctx context.Context, caller weir.Caller, each, callers int) {
	times := make([]float64, each*callers)
	var all sync.WaitGroup
	begin := time.Now()
	for c := 0; c < callers; c++ {
		all.Add(1)
		go func(times []float64) {
			defer all.Done()
			for i := range times {
				start := time.Now()
				sum, err := weir.Call[int](ctx, caller, "add", 3, 4)
				must(err)
				if sum != 7 {
					must(fmt.Errorf("a wrong sum: %d", sum))
				}
				times[i] = float64(time.Since(start).Nanoseconds()) / 1000
			}
		}(times[c*each : (c+1)*each])
	}
	all.Wait()
	rate := float64(len(times)) / time.Since(begin).Seconds()
	sort.Float64s(times)
	fmt.Printf("%.2f %.2f %.0f\n", times[len(times)/2], times[len(times)*99/100], rate)
}
