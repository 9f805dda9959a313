// A pool as Go hosts of Python have it: a Unix socket, 4 bytes of length and JSON, a goroutine a call.
//
//	call_uds_pool PYTHON WORKER.py [WORKERS]
//
// For each line "N" or "N CALLERS" on stdin: P50 and P99 of N calls in us, and calls per second.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"
)

type request struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Params []int  `json:"params"`
}

type reply struct {
	ID     int `json:"id"`
	Result int `json:"result"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "call_uds_pool:", err)
		os.Exit(1)
	}
}

func call(connection net.Conn, id int) (reply, error) {
	var answer reply
	body, err := json.Marshal(request{id, "add", []int{3, 4}})
	if err != nil {
		return answer, err
	}
	message := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	if _, err = connection.Write(append(message, body...)); err != nil {
		return answer, err
	}
	var head [4]byte
	if _, err = io.ReadFull(connection, head[:]); err != nil {
		return answer, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err = io.ReadFull(connection, body); err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(body, &answer)
}

func start(path string) net.Conn {
	worker := exec.Command(os.Args[1], os.Args[2], path)
	worker.Stderr = os.Stderr
	output, err := worker.StdoutPipe()
	must(err)
	must(worker.Start())
	workers = append(workers, worker)
	_, err = bufio.NewReader(output).ReadString('\n')
	must(err)
	connection, err := net.Dial("unix", path)
	must(err)
	return connection
}

var workers []*exec.Cmd

func measure(free chan net.Conn, times []float64) {
	for i := range times {
		start := time.Now()
		done := make(chan error, 1)
		go func() {
			one := <-free
			_, err := call(one, i)
			free <- one
			done <- err
		}()
		must(<-done)
		times[i] = float64(time.Since(start).Nanoseconds()) / 1000
	}
}

func main() {
	directory, err := os.MkdirTemp("", "weir-bench-")
	must(err)
	defer os.RemoveAll(directory)
	wanted := 1
	if len(os.Args) > 3 {
		wanted, err = strconv.Atoi(os.Args[3])
		must(err)
	}
	free := make(chan net.Conn, wanted)
	for i := 0; i < wanted; i++ {
		free <- start(filepath.Join(directory, strconv.Itoa(i)))
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		count, callers := 0, 1
		_, _ = fmt.Sscan(lines.Text(), &count, &callers)
		each := count / callers
		times := make([]float64, each*callers)
		var all sync.WaitGroup
		begin := time.Now()
		for i := 0; i < callers; i++ {
			all.Add(1)
			go func(times []float64) {
				defer all.Done()
				measure(free, times)
			}(times[i*each : (i+1)*each])
		}
		all.Wait()
		rate := float64(len(times)) / time.Since(begin).Seconds()
		sort.Float64s(times)
		fmt.Printf("%.2f %.2f %.0f\n", times[len(times)/2], times[len(times)*99/100], rate)
	}
	for _, worker := range workers {
		_ = worker.Process.Kill()
		_ = worker.Wait()
	}
}
