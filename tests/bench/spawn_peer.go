// A Go host that spawns, captures and reaps on request: see spawn_contestant.c.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		count, _ := strconv.Atoi(lines.Text())
		for ; count > 0; count-- {
			begin := time.Now()
			command := exec.Command(os.Args[1], os.Args[2:]...)
			var stdout, stderr bytes.Buffer
			command.Stdout, command.Stderr = &stdout, &stderr
			if err := command.Run(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Fprintf(out, "%d ", time.Since(begin).Nanoseconds())
		}
		fmt.Fprintln(out)
		out.Flush()
	}
}
