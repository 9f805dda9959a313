package weir

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Option is a part of a worker: a Function, a Name, a Concurrency.
type Option interface {
	addTo(*Worker)
}

// Worker is a set of functions that can be served.
type Worker struct {
	name        string
	concurrency int
	functions   map[string]*Function
	order       []*Function
}

type optionFunc func(*Worker)

func (f optionFunc) addTo(w *Worker) { f(w) }

// Name sets the name of the worker, for people (default: the name of the program).
func Name(name string) Option {
	return optionFunc(func(w *Worker) { w.name = name })
}

// Concurrency sets how many calls may run at a time; the others wait. The default is
// GOMAXPROCS. Use 1 for functions that must not run concurrently, and more than the
// number of processors for functions that mostly wait.
func Concurrency(calls int) Option {
	return optionFunc(func(w *Worker) {
		if calls < 1 {
			panic("weir: a worker runs one call at a time, or more")
		}
		w.concurrency = calls
	})
}

// NewWorker returns a worker with these functions and options.
func NewWorker(options ...Option) *Worker {
	w := &Worker{
		name:        filepath.Base(os.Args[0]),
		concurrency: runtime.GOMAXPROCS(0),
		functions:   map[string]*Function{},
	}
	for _, option := range options {
		option.addTo(w)
	}
	return w
}

// Serve reads calls from in and answers them on out, until in ends and all calls are
// answered. It returns an error if in or out fails. The contexts of functions derive
// from ctx: when it is done, open calls are cancelled, but Serve still waits for the
// end of in.
func (w *Worker) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	return newServer(ctx, w, in, out).serve()
}

// hello is the result of weir/hello.
type hello struct {
	Version     int             `json:"version"`
	Name        string          `json:"name"`
	Methods     json.RawMessage `json:"methods"`
	Concurrency int             `json:"concurrency"`
	PID         int             `json:"pid"`
	Node        string          `json:"node"`
}

// Description describes a function: see docs/protocol.md section 4.
type Description struct {
	Stream     string  `json:"stream,omitempty"` // "in", "out", "both" or ""
	Params     []Param `json:"params"`
	Returns    string  `json:"returns,omitempty"`
	Idempotent bool    `json:"idempotent,omitempty"`
	Doc        string  `json:"doc,omitempty"`
}

// tool is a Description with what agents need.
type tool struct {
	Description
	Input       *schema      `json:"input"`
	Output      *schema      `json:"output,omitempty"`
	Full        string       `json:"description,omitempty"`
	Title       string       `json:"title,omitempty"`
	Annotations *annotations `json:"annotations,omitempty"`
}

func (f *Function) describeTool() tool {
	t := tool{
		Description: f.describe(),
		Input:       inputSchema(f.signature),
		Output:      outputSchema(f),
		Full:        f.full,
		Title:       f.title,
	}
	if f.hints != (annotations{}) {
		t.Annotations = &f.hints
	}
	return t
}

// Param is one parameter of a function.
type Param struct {
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"` // as the function's language writes it
	Optional bool   `json:"optional,omitempty"`
	Stream   bool   `json:"stream,omitempty"`
}

func (f *Function) describe() Description {
	d := Description{
		Params:     []Param{},
		Returns:    typeName(f.returns),
		Idempotent: f.idempotent,
		Doc:        f.doc,
	}
	switch {
	case f.input != "" && f.output:
		d.Stream = "both"
	case f.input != "":
		d.Stream = "in"
	case f.output:
		d.Stream = "out"
	}
	for _, p := range f.signature.params {
		d.Params = append(d.Params, Param{Name: p.name, Type: typeName(p.of), Optional: p.optional})
	}
	if f.input != "" {
		d.Params = append(d.Params, Param{Name: f.input, Type: typeName(f.inputType), Stream: true})
	}
	return d
}

// hello gives the answer to weir/hello, with the methods in the order they were added.
func (w *Worker) hello(to []byte, withSchemas bool) ([]byte, error) {
	methods := []byte{'{'}
	for i, f := range w.order {
		if i > 0 {
			methods = append(methods, ',')
		}
		methods = appendString(methods, f.name)
		methods = append(methods, ':')
		var err error
		var description any = f.describe()
		if withSchemas {
			description = f.describeTool()
		}
		if methods, err = appendValue(methods, description); err != nil {
			return to, err
		}
	}
	node, _ := os.Hostname()
	return appendValue(to, hello{1, w.name, append(methods, '}'), w.concurrency, os.Getpid(), node})
}
