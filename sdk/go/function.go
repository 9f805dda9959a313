package weir

import (
	"context"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Function is a function that a worker offers, made by Func, Source, Sink or Duplex.
type Function struct {
	name       string
	doc        string
	full       string // the whole documentation
	title      string
	hints      annotations
	idempotent bool
	input      string // the name of its input stream, "" for none
	inputType  reflect.Type
	output     bool // it has an output stream
	returns    reflect.Type
	signature  *signature

	// bind reads params and gives what is to be done with them.
	bind func(params []byte) (invocation, *Error)

	pace // how long it takes, as far as is known
}

// invocation does the work of a call and appends its result.
type invocation func(c *call, to []byte) ([]byte, error)

// Func offers a function: parameters in, a value out.
//
//	weir.Func("add", func(ctx context.Context, p struct{ A, B int }) (int, error) {
//		return p.A + p.B, nil
//	})
//
// The fields of P are the parameters, in order and by name: A is "a", MaxItems is
// "maxItems", and a json tag overrides this. A pointer, or a field tagged omitempty,
// is optional. A P that is not a struct is the only parameter; a map takes any
// parameters by name, a json.RawMessage takes all of them unchanged, and None has
// none. The result R is anything that encoding/json can encode. Functions run
// concurrently, as HTTP handlers do: see Concurrency.
func Func[P, R any](name string, f func(ctx context.Context, p P) (R, error)) *Function {
	fn := newFunction[P](name)
	fn.returns = typeOf[R]()
	return does(fn, func(c *call, p *P, to []byte) ([]byte, error) {
		result, err := f(c, *p)
		if err != nil {
			return to, err
		}
		return appendValue(to, result)
	})
}

// Source offers a function that returns a stream of values: each emit sends one, and
// waits for the reader. Emit returns an error if the reader has gone; the function
// should then return it.
func Source[P, T any](name string, f func(ctx context.Context, p P, emit func(T) error) error) *Function {
	fn := newFunction[P](name)
	fn.output = true
	fn.returns = typeOf[T]()
	return does(fn, func(c *call, p *P, to []byte) ([]byte, error) {
		if err := firstError(f(c, *p, emitter[T](c)), c.lost()); err != nil {
			return to, err
		}
		return append(to, "null"...), nil
	})
}

// Sink offers a function that reads a stream of values and returns one value.
func Sink[P, T, R any](name string, f func(ctx context.Context, p P, in *Values[T]) (R, error)) *Function {
	fn := newFunction[P](name)
	fn.takes(typeOf[T]())
	fn.returns = typeOf[R]()
	return does(fn, func(c *call, p *P, to []byte) ([]byte, error) {
		in := input[T](c)
		result, err := f(c, *p, in)
		if err := firstError(err, in.unminded()); err != nil {
			return to, err
		}
		return appendValue(to, result)
	})
}

// Duplex offers a function that reads a stream and returns a stream.
func Duplex[P, T, U any](name string,
	f func(ctx context.Context, p P, in *Values[T], emit func(U) error) error) *Function {
	fn := newFunction[P](name)
	fn.takes(typeOf[T]())
	fn.output = true
	fn.returns = typeOf[U]()
	return does(fn, func(c *call, p *P, to []byte) ([]byte, error) {
		in := input[T](c)
		err := f(c, *p, in, emitter[U](c))
		if err := firstError(err, c.lost(), in.unminded()); err != nil {
			return to, err
		}
		return append(to, "null"...), nil
	})
}

// Doc sets a description of the function. Its first line is shown in lists; agents
// get all of it.
func (f *Function) Doc(text string) *Function {
	f.full = strings.TrimSpace(text)
	f.doc, _, _ = strings.Cut(f.full, "\n")
	return f
}

// Title sets a name for people, for agents' users.
func (f *Function) Title(title string) *Function {
	f.title = title
	return f
}

// ReadOnly tells agents that the function changes nothing.
func (f *Function) ReadOnly() *Function {
	f.hints.ReadOnly = hint(true)
	return f
}

// Destructive tells agents whether the function may delete or overwrite something.
func (f *Function) Destructive(is bool) *Function {
	f.hints.Destructive = hint(is)
	return f
}

// OpenWorld tells agents whether the function reaches beyond this machine's own
// data, such as the web.
func (f *Function) OpenWorld(is bool) *Function {
	f.hints.OpenWorld = hint(is)
	return f
}

// annotations are hints for agents, as MCP names them; nil says nothing.
type annotations struct {
	ReadOnly    *bool `json:"readOnlyHint,omitempty"`
	Destructive *bool `json:"destructiveHint,omitempty"`
	Idempotent  *bool `json:"idempotentHint,omitempty"`
	OpenWorld   *bool `json:"openWorldHint,omitempty"`
}

func hint(is bool) *bool {
	return &is
}

// Idempotent allows weir to repeat a call whose worker has died.
func (f *Function) Idempotent() *Function {
	f.idempotent = true
	f.hints.Idempotent = hint(true)
	return f
}

// Input sets the name of the input stream, for people (default: "input").
func (f *Function) Input(name string) *Function {
	if f.input != "" {
		f.input = name
	}
	return f
}

func (f *Function) addTo(w *Worker) {
	if w.functions[f.name] != nil {
		panic("weir: two functions are named " + f.name)
	}
	w.functions[f.name] = f
	w.order = append(w.order, f)
}

func newFunction[P any](name string) *Function {
	control := strings.IndexFunc(name, func(r rune) bool { return r < 0x20 || 0x7f <= r && r < 0xa0 })
	if name == "" || len(name) > 128 || control >= 0 || !utf8.ValidString(name) ||
		strings.HasPrefix(name, "weir/") || strings.HasPrefix(name, "rpc.") {
		panic("weir: no name for a function: " + name)
	}
	return &Function{name: name, signature: signatureOf(typeOf[P]())}
}

func (f *Function) takes(t reflect.Type) {
	f.input, f.inputType = "input", t
}

func typeOf[T any]() reflect.Type {
	return reflect.TypeOf((*T)(nil)).Elem()
}

// does says what fn does with its parameters, once they are read into a P.
func does[P any](fn *Function, work func(c *call, p *P, to []byte) ([]byte, error)) *Function {
	fn.bind = func(params []byte) (invocation, *Error) {
		p := new(P)
		if err := fn.signature.bind(params, reflect.ValueOf(p)); err != nil {
			return nil, err
		}
		return func(c *call, to []byte) ([]byte, error) { return work(c, p, to) }, nil
	}
	return fn
}

// input is the function's end of the input stream.
func input[T any](c *call) *Values[T] {
	c.in.open()
	return &Values[T]{ctx: c, inbox: c.in}
}

// unminded is how the input broke, if the function has met it and not asked.
func (v *Values[T]) unminded() error {
	if v.minded {
		return nil
	}
	return v.err
}

// emitter is the function's end of the output stream.
func emitter[T any](c *call) func(T) error {
	return func(value T) error {
		return c.emit(value)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
