// A worker that knows nothing of weir: a JSON line in, the same record with a sum out.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
)

type record struct {
	ID   int    `json:"id"`
	A    int    `json:"a"`
	B    int    `json:"b"`
	Name string `json:"name"`
	Text string `json:"text"`
	Sum  int    `json:"sum"`
}

func main() {
	lines := bufio.NewScanner(bufio.NewReaderSize(os.Stdin, 1<<16))
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriterSize(os.Stdout, 1<<13)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			log.Fatal(err)
		}
		r.Sum = r.A + r.B
		if err := encoder.Encode(r); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
