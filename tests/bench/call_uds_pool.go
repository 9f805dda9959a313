// A pool as Go hosts of Python have it: a Unix socket, 4 bytes of length and JSON, a goroutine a call.
//
//	call_uds_pool PYTHON WORKER.py
//
// For each line "N" on stdin: P50 and P99 of N calls in us.
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

func main() {
	directory, err := os.MkdirTemp("", "weir-bench-")
	must(err)
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "socket")
	worker := exec.Command(os.Args[1], os.Args[2], path)
	worker.Stderr = os.Stderr
	output, err := worker.StdoutPipe()
	must(err)
	must(worker.Start())
	defer worker.Wait()
	defer worker.Process.Kill()
	_, err = bufio.NewReader(output).ReadString('\n')
	must(err)
	connection, err := net.Dial("unix", path)
	must(err)
	free := make(chan net.Conn, 1)
	free <- connection
	for {
		var count int
		if _, err := fmt.Scan(&count); err != nil {
			return
		}
		times := make([]float64, count)
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
		sort.Float64s(times)
		fmt.Printf("%.2f %.2f\n", times[count/2], times[count*99/100])
	}
}
