package weir

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The vectors of tests/data/rpc, whose README says what steps and patterns mean.

// patience of a test for something that has to come.
const testPatience = 60 * time.Second

type vectorFile struct {
	Role  string
	Cases []vectorCase
}

type vectorCase struct {
	Name  string
	Hello *bool
	Steps []map[string]json.RawMessage
}

func (v *vectorCase) saysHello() bool {
	return v.Hello == nil || *v.Hello
}

// vectors runs each case of one role.
func vectors(t *testing.T, role string, run func(t *testing.T, v *vectorCase)) {
	names, err := filepath.Glob("../../tests/data/rpc/" + role + "-*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file vectorFile
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if file.Role != role || len(file.Cases) == 0 {
			t.Fatalf("%s: no cases for a %s", name, role)
		}
		for i := range file.Cases {
			v := &file.Cases[i]
			t.Run(filepath.Base(name)+"/"+v.Name, func(t *testing.T) { Bounded(t); run(t, v) })
		}
	}
}

// parse reads JSON with its numbers as they are spelt.
func parse(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	return value
}

// wire is the other end of a side under test: lines in, lines out.
type wire struct {
	t       *testing.T
	to      io.WriteCloser
	lines   chan []byte
	granted map[string]int64 // by id, as it is spelt
	sent    map[string]int64 // chunks
	names   map[string]any   // the values of "$id"
}

func newWire(t *testing.T, to io.WriteCloser, from io.Reader) *wire {
	w := &wire{t, to, make(chan []byte, 1024), map[string]int64{}, map[string]int64{}, map[string]any{}}
	go func() {
		defer close(w.lines)
		lines := lineReader{source: from}
		for {
			line, err := lines.next()
			if err != nil {
				return
			}
			w.lines <- append([]byte(nil), line...)
		}
	}()
	return w
}

// next gives the next line that is no credit, nil at the end; or returns early, with
// false, once enough says so.
func (w *wire) next(enough func() bool) ([]byte, bool) {
	w.t.Helper()
	late := time.NewTimer(testPatience)
	defer late.Stop()
	for {
		if enough != nil && enough() {
			return nil, false
		}
		select {
		case line, ok := <-w.lines:
			if !ok {
				return nil, true
			}
			if !w.isCredit(line) {
				return line, true
			}
		case <-late.C:
			w.t.Fatal("nothing came")
		}
	}
}

func (w *wire) isCredit(line []byte) bool {
	value := parse(w.t, line)
	w.wellFormed(value)
	m, _ := value.(map[string]any)
	if m == nil || m["method"] != "weir/credit" {
		return false
	}
	params := m["params"].(map[string]any)
	n, err := strconv.ParseInt(string(params["n"].(json.Number)), 10, 64)
	if err != nil || n < 1 {
		w.t.Fatalf("no credit: %s", line)
	}
	w.granted[fmt.Sprintf("%#v", params["id"])] += n
	return true
}

// wellFormed looks whether what came out is a message.
func (w *wire) wellFormed(value any) {
	w.t.Helper()
	if list, ok := value.([]any); ok && len(list) > 0 {
		for _, element := range list {
			w.wellFormed(element)
		}
		return
	}
	m, _ := value.(map[string]any)
	_, method := m["method"].(string)
	_, id := m["id"]
	_, result := m["result"]
	failure, failed := m["error"].(map[string]any)
	if m["jsonrpc"] != "2.0" || !method && (!id || result == failed) {
		w.t.Fatalf("this is no message: %v", value)
	}
	if failed {
		code, _ := failure["code"].(json.Number)
		_, text := failure["message"].(string)
		if _, err := strconv.Atoi(string(code)); err != nil || !text {
			w.t.Fatalf("this is no error: %v", value)
		}
	}
}

func (w *wire) write(text []byte) {
	w.t.Helper()
	if _, err := w.to.Write(text); err != nil {
		w.t.Fatalf("in: %v", err)
	}
}

// step does a step that both roles have. It returns false for another.
func (w *wire) step(name string, arg json.RawMessage) bool {
	w.t.Helper()
	switch name {
	case "in":
		w.write(w.message(arg))
	case "in_text":
		w.write([]byte(w.text(arg) + "\n"))
	case "in_open":
		w.write([]byte(w.text(arg)))
	case "in_hex":
		line, err := hex.DecodeString(w.text(arg))
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(append(line, '\n'))
	case "in_parts":
		w.write(w.parts(arg))
	case "in_end":
		w.to.Close()
	case "out":
		line, _ := w.next(nil)
		if line == nil {
			w.t.Fatalf("the end came, not %s", arg)
		}
		if !w.matches(parse(w.t, arg), parse(w.t, line)) {
			w.t.Fatalf("wanted %s\ngot    %.500s", arg, line)
		}
	case "out_any_order":
		w.anyOrder(parse(w.t, arg).([]any))
	case "credit":
		want := parse(w.t, arg).(map[string]any)
		least, _ := want["at_least"].(json.Number).Int64()
		id := fmt.Sprintf("%#v", want["id"])
		if line, came := w.next(func() bool { return w.granted[id] >= least }); came {
			w.t.Fatalf("wanted credit, got %s", line)
		}
	case "out_end":
		if line, _ := w.next(nil); line != nil {
			w.t.Fatalf("wanted the end, got %.500s", line)
		}
	default:
		return false
	}
	return true
}

func (w *wire) text(arg json.RawMessage) (text string) {
	if err := json.Unmarshal(arg, &text); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *wire) parts(arg json.RawMessage) []byte {
	var parts [][2]json.RawMessage
	if err := json.Unmarshal(arg, &parts); err != nil {
		w.t.Fatal(err)
	}
	var line []byte
	for _, part := range parts {
		times, _ := strconv.Atoi(string(part[1]))
		line = append(line, strings.Repeat(w.text(part[0]), times)...)
	}
	return append(line, '\n')
}

// message makes a line of a value: with jsonrpc and the values of "$id".
func (w *wire) message(arg json.RawMessage) []byte {
	value := w.substitute(parse(w.t, arg))
	add := func(element any) {
		if m, ok := element.(map[string]any); ok {
			if _, has := m["jsonrpc"]; !has {
				m["jsonrpc"] = "2.0"
			}
			w.countChunk(m)
		}
	}
	add(value)
	if list, ok := value.([]any); ok {
		for _, element := range list {
			add(element)
		}
	}
	line, err := json.Marshal(value)
	if err != nil {
		w.t.Fatal(err)
	}
	return append(line, '\n')
}

func (w *wire) countChunk(m map[string]any) {
	if params, ok := m["params"].(map[string]any); ok && m["method"] == "weir/chunk" {
		w.sent[fmt.Sprintf("%#v", params["id"])]++
	}
}

func (w *wire) substitute(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if name, ok := v["$id"].(string); ok && len(v) == 1 {
			return w.names[name]
		}
		for key := range v {
			v[key] = w.substitute(v[key])
		}
	case []any:
		for i := range v {
			v[i] = w.substitute(v[i])
		}
	}
	return value
}

func (w *wire) anyOrder(patterns []any) {
	w.t.Helper()
	for range append([]any(nil), patterns...) {
		line, _ := w.next(nil)
		if line == nil {
			w.t.Fatalf("the end came; still wanted: %v", patterns)
		}
		i := w.find(patterns, parse(w.t, line))
		if i < 0 {
			w.t.Fatalf("wanted one of %v\ngot %.500s", patterns, line)
		}
		patterns = append(patterns[:i], patterns[i+1:]...)
	}
}

func (w *wire) find(patterns []any, value any) int {
	for i, pattern := range patterns {
		if w.matches(pattern, value) {
			return i
		}
	}
	return -1
}

func (w *wire) matches(pattern, value any) bool {
	switch p := pattern.(type) {
	case map[string]any:
		if len(p) == 1 {
			for key, arg := range p {
				if strings.HasPrefix(key, "$") {
					return w.matchesSpecial(key, arg, value)
				}
			}
		}
		v, ok := value.(map[string]any)
		for key := range p {
			member, has := v[key]
			if !has || !w.matches(p[key], member) {
				return false
			}
		}
		return ok
	case []any:
		v, ok := value.([]any)
		if !ok || len(v) != len(p) {
			return false
		}
		for i := range p {
			if !w.matches(p[i], v[i]) {
				return false
			}
		}
		return true
	case json.Number:
		v, ok := value.(json.Number)
		a, errA := p.Float64()
		b, errB := v.Float64()
		return ok && errA == nil && errB == nil && a == b
	}
	return pattern == value
}

func (w *wire) matchesSpecial(key string, arg, value any) bool {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch key {
	case "$type":
		return arg == "anything" || arg == typeOfJSON(value) || arg == "number" && isNumber
	case "$contains":
		return isText && strings.Contains(text, arg.(string))
	case "$number":
		return isNumber && string(number) == arg
	case "$length":
		n, _ := arg.(json.Number).Int64()
		return isText && int64(utf8.RuneCountInString(text)) == n
	case "$one_of":
		for _, pattern := range arg.([]any) {
			if w.matches(pattern, value) {
				return true
			}
		}
		return false
	case "$any_order":
		list, ok := value.([]any)
		patterns := append([]any(nil), arg.([]any)...)
		if !ok || len(list) != len(patterns) {
			return false
		}
		for _, element := range list {
			i := w.find(patterns, element)
			if i < 0 {
				return false
			}
			patterns = append(patterns[:i], patterns[i+1:]...)
		}
		return true
	case "$id":
		if known, met := w.names[arg.(string)]; met {
			return known == value
		}
		w.names[arg.(string)] = value
		return isText || isNumber
	}
	w.t.Fatalf("no such pattern: %s", key)
	return false
}

func typeOfJSON(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}
