package weir

import (
	"context"
	"errors"
	"io"
	"strconv"
)

// Named passes arguments by name. It must be the only argument of a call, apart
// from an Input.
type Named map[string]any

// Params passes all arguments of a call as one value that is an object or an array
// in JSON: a struct, a map, a json.RawMessage.
func Params(value any) any {
	return paramsArg{value}
}

type paramsArg struct {
	value any
}

// Input sends the values of a channel as the input stream of a call, until it is
// closed. If the call ends before that, the channel is no longer read.
func Input[T any](values <-chan T) any {
	return InputFunc(func(ctx context.Context) (T, error) {
		var none T
		select {
		case value, ok := <-values:
			if !ok {
				return none, io.EOF
			}
			return value, nil
		case <-ctx.Done():
			return none, ctx.Err()
		}
	})
}

// InputFunc sends the values that next returns as the input stream of a call, until
// it returns io.EOF. Any other error breaks the stream and is passed to the function.
// The context ends with the call.
func InputFunc[T any](next func(ctx context.Context) (T, error)) any {
	return inputArg(func(ctx context.Context) (any, error) { return next(ctx) })
}

// InputValues sends these values as the input stream of a call.
func InputValues[T any](values ...T) any {
	return inputArg(func(context.Context) (any, error) {
		if len(values) == 0 {
			return nil, io.EOF
		}
		value := values[0]
		values = values[1:]
		return value, nil
	})
}

type inputArg func(ctx context.Context) (any, error)

// encodeArgs gives params, nil for none, and the input stream, nil for none.
func encodeArgs(args []any) (params []byte, input inputArg, err error) {
	rest := make([]any, 0, len(args))
	for _, arg := range args {
		next, ok := arg.(inputArg)
		switch {
		case ok && input != nil:
			return nil, nil, fault(CodeParams, "a call has one input stream at most")
		case ok:
			input = next
		default:
			rest = append(rest, arg)
		}
	}
	if len(rest) == 1 {
		switch only := rest[0].(type) {
		case Named:
			if only == nil {
				only = Named{}
			}
			params, err = appendValue(nil, only)
			return params, input, plainError(err)
		case paramsArg:
			params, err = appendValue(nil, only.value)
			if err == nil && params[0] != '{' && params[0] != '[' {
				err = fault(CodeParams, "Params wants what is an object or an array in JSON")
			}
			return params, input, plainError(err)
		}
	}
	if len(rest) == 0 {
		return nil, input, nil
	}
	params = []byte{'['}
	for i, arg := range rest {
		if i > 0 {
			params = append(params, ',')
		}
		if params, err = appendValue(params, arg); err != nil {
			return nil, nil, plainError(err)
		}
	}
	return append(params, ']'), input, nil
}

// plainError takes off what is for workers only.
func plainError(err error) error {
	if wire := (wireError{}); errors.As(err, &wire) {
		return wire.told
	}
	return err
}

// feed sends the input stream of a call, in a goroutine of its own.
func (p *pending) feed(ctx context.Context, next inputArg) {
	var again []byte
	for {
		text, err := again, error(nil)
		if again = nil; text == nil {
			var value any
			value, err = next(ctx)
			if err == nil {
				text, err = appendValue(nil, value)
			}
		}
		if err == nil && len(text) > maxLine-128 {
			err = fault(CodeTooLong, "a value of %d bytes would make a line longer than 64 MiB", len(text))
		}
		turn := 0
		if err == nil {
			turn, err = p.out.takeTurn(ctx)
		}
		var at route
		if err == nil {
			var ok bool
			if at, ok = p.streams(turn); !ok {
				again = text // the credit was that of a worker that has died
				continue
			}
			err = at.client.out.waitForRoom(ctx)
		}
		if ctx.Err() != nil {
			return // the call is over, or is being cancelled
		}
		if err != nil {
			p.endInput(err)
			return
		}
		at.send(func(to []byte) []byte {
			to = appendNotice(to, "weir/chunk", strconv.AppendInt(nil, at.id, 10))
			to = append(to, `,"value":`...)
			to = append(to, text...)
			return append(to, "}}\n"...)
		})
	}
}

// streams tells where a chunk goes whose credit is of that turn, and that the call cannot be
// repeated from now on; false: nowhere, the worker that gave the credit is gone.
func (p *pending) streams(turn int) (route, bool) {
	if p.lent == nil {
		return p.route(), true
	}
	p.lent.mutex.Lock()
	defer p.lent.mutex.Unlock()
	if !p.out.isTurn(turn) {
		return route{}, false
	}
	p.streamed.Store(true)
	return p.route(), true
}

func (p *pending) endInput(err error) {
	if p.lent == nil {
		p.route().sendEnd(err)
	} else if at, ok := p.lent.endsInput(p, err); ok { // otherwise with its request
		at.sendEnd(err)
	}
}

func (r route) sendEnd(err error) {
	r.send(func(to []byte) []byte {
		to = appendNotice(to, "weir/end", strconv.AppendInt(nil, r.id, 10))
		if err != io.EOF {
			to = append(to, `,"error":`...)
			to = appendError(to, fromFunction(err))
		}
		return append(to, "}}\n"...)
	})
}
