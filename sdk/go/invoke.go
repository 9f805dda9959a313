package weir

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// Caller is what functions are called through: a *Client or a *Pool.
type Caller interface {
	begin(ctx context.Context, method string, args []any, output bool) (*pending, error)
}

// Call calls a function and waits for its result.
//
//	sum, err := weir.Call[int](ctx, client, "add", 3, 4)
//	sum, err := weir.Call[int](ctx, client, "add", weir.Named{"a": 3, "b": 4})
//	sum, err := weir.Call[int](ctx, client, "sum", weir.Input(numbers))
//
// The deadline of ctx is sent with the call. If ctx is done first, the function is
// interrupted and Call returns at once, with ErrCancelled or ErrDeadline. If the
// function fails, the error is an *Error with its code, message and traceback. A null
// result is the zero value of T; json.RawMessage takes any result byte for byte.
func Call[T any](ctx context.Context, caller Caller, method string, args ...any) (T, error) {
	var value T
	raw, err := ask(ctx, caller, method, args)
	if err == nil && string(raw) != "null" {
		if err = decodeValue(raw, reflect.ValueOf(&value)); err != nil {
			err = fmt.Errorf("weir: the result of %q: %w", method, err)
		}
	}
	return value, err
}

// Stream calls a function that returns a stream of values.
//
//	values, err := weir.Stream[int](ctx, client, "count", 1, 6)
//	if err != nil {
//		return err
//	}
//	defer values.Close()
//	for values.Next() {
//		fmt.Println(values.Value())
//	}
//	return values.Err()
//
// The function runs ahead by at most a window of values, and stops when the values
// are closed or ctx is done.
func Stream[T any](ctx context.Context, caller Caller, method string, args ...any) (*Values[T], error) {
	p, err := caller.begin(ctx, method, args, true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-ctx.Done():
			p.abandon(asError(ctx.Err()))
		case <-p.done:
		}
	}()
	return &Values[T]{ctx: ctx, inbox: p.in, stop: cancel}, nil
}

func ask(ctx context.Context, caller Caller, method string, args []any) ([]byte, error) {
	p, err := caller.begin(ctx, method, args, false)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.abandon(asError(ctx.Err()))
		<-p.done
	}
	return p.result, p.err
}

// Invoke calls a function in the mode that the types say.
//
//	n, err   := weir.Invoke[int](ctx, pool, "add", 3, 4)             // value in, value out
//	out, err := weir.Invoke[<-chan int](ctx, pool, "count", 1, 6)    // a stream out
//	n, err   := weir.Invoke[int](ctx, pool, "sum", numbers)          // a stream in: any channel
//	out, err := weir.Invoke[<-chan int](ctx, pool, "running", numbers) // both
//
// A channel that is returned is closed at the end of the stream, and when the stream fails or ctx
// ends: StreamErr tells which. Whoever does not read it to its end must end ctx. Stream and Input
// do the same with errors at hand.
func Invoke[T any](ctx context.Context, caller Caller, method string, args ...any) (T, error) {
	var value T
	args = withInputs(args)
	kind := reflect.TypeOf(&value).Elem()
	if kind.Kind() != reflect.Chan {
		return Call[T](ctx, caller, method, args...)
	}
	if kind.ChanDir()&reflect.RecvDir == 0 {
		return value, fault(CodeParams, "the result of %q cannot be a channel that is only sent to", method)
	}
	values, err := Stream[json.RawMessage](ctx, caller, method, args...)
	if err != nil {
		return value, err
	}
	out := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, kind.Elem()), 0)
	go func() {
		defer out.Close()
		defer values.Close()
		if err := forward(ctx, values, out); err != nil {
			noteFailure(out, err)
		}
	}()
	reflect.ValueOf(&value).Elem().Set(out.Convert(kind))
	return value, nil
}

// forward sends values to a channel, until there are no more.
func forward(ctx context.Context, values *Values[json.RawMessage], out reflect.Value) error {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectSend, Chan: out},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
	}
	for values.Next() {
		one := reflect.New(out.Type().Elem())
		if err := decodeValue(values.Value(), one); err != nil {
			return err
		}
		cases[0].Send = one.Elem()
		if chosen, _, _ := reflect.Select(cases); chosen == 1 {
			return asError(ctx.Err())
		}
	}
	return values.Err()
}

// withInputs makes a channel of any type an input stream.
func withInputs(args []any) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg
		from := reflect.ValueOf(arg)
		if !from.IsValid() || from.Kind() != reflect.Chan || from.Type().ChanDir()&reflect.RecvDir == 0 {
			continue
		}
		all[i] = InputFunc(func(ctx context.Context) (any, error) {
			chosen, value, ok := reflect.Select([]reflect.SelectCase{
				{Dir: reflect.SelectRecv, Chan: from},
				{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())},
			})
			switch {
			case chosen == 1:
				return nil, ctx.Err()
			case !ok:
				return nil, io.EOF
			}
			return value.Interface(), nil
		})
	}
	return all
}

// failedStreams has why channels of Invoke were closed early: the latest of them, as nobody has
// to ask.
var failedStreams struct {
	mutex sync.Mutex
	next  int
	ring  [1024]struct {
		channel any // kept, so that no other has its address
		address uintptr
		err     error
	}
}

func noteFailure(channel reflect.Value, err error) {
	s := &failedStreams
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at := &s.ring[s.next]
	s.next = (s.next + 1) % len(s.ring)
	at.channel, at.address, at.err = channel.Interface(), channel.Pointer(), err
}

// StreamErr tells why a channel that Invoke returned was closed: nil after a whole stream. Ask
// once, after the channel was closed. The last 1024 streams that failed are known.
func StreamErr[T any](channel <-chan T) error {
	address := reflect.ValueOf(channel).Pointer()
	s := &failedStreams
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range s.ring {
		if at := &s.ring[i]; at.address == address && address != 0 {
			err := at.err
			at.channel, at.address, at.err = nil, 0, nil
			return err
		}
	}
	return nil
}
