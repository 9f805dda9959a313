package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// The codes of docs/protocol.md section 10.
const (
	CodeNotJSON        = -32700
	CodeNotRequest     = -32600
	CodeNoMethod       = -32601
	CodeParams         = -32602 // the message names the argument
	CodeWorker         = -32603
	CodeCancelled      = -32800
	CodeDeadline       = -33001
	CodeTooLong        = -33002
	CodeNotEncodable   = -33003
	CodeStreamRule     = -33004
	CodeQueueFull      = -33005
	CodeOutcomeUnknown = -33006
	CodeNoWorker       = -33007
	CodePoison         = -33008
	CodeRaised         = 1000 // the function returned an error, or panicked
	CodeFirstOwn       = 1001 // and above: the function's own errors
)

// Targets for errors.Is: any *Error with the same code matches.
var (
	ErrNoMethod       = &Error{Code: CodeNoMethod, Message: "no such method"}
	ErrParams         = &Error{Code: CodeParams, Message: "parameters do not fit"}
	ErrCancelled      = &Error{Code: CodeCancelled, Message: "cancelled"}
	ErrDeadline       = &Error{Code: CodeDeadline, Message: "the deadline is over"}
	ErrTooLong        = &Error{Code: CodeTooLong, Message: "a line would be too long"}
	ErrNotEncodable   = &Error{Code: CodeNotEncodable, Message: "the value cannot be said in JSON"}
	ErrStreamRule     = &Error{Code: CodeStreamRule, Message: "a rule of streams was broken"}
	ErrQueueFull      = &Error{Code: CodeQueueFull, Message: "the queue is full"}
	ErrOutcomeUnknown = &Error{Code: CodeOutcomeUnknown, Message: "outcome unknown"}
	ErrNoWorker       = &Error{Code: CodeNoWorker, Message: "no worker is available"}
	ErrPoison         = &Error{Code: CodePoison, Message: "the call has ended two workers"}
)

// Error is the error of a failed call. A function returns one to fail with a code of
// its own (1001 and above):
//
//	return 0, &weir.Error{Code: 1001, Message: "no such customer"}
//
// For errors.Is, ErrCancelled is also context.Canceled, and ErrDeadline is also
// context.DeadlineExceeded.
//
// Data that is not JSON, or too long for a line, is left out, with a message on
// standard error; code and message still arrive.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// withoutData keeps code and message where the data cannot be sent.
func (e *Error) withoutData(why error) *Error {
	fmt.Fprintf(os.Stderr, "weir: the data of error %d is left out: %v\n", e.Code, why)
	return &Error{Code: e.Code, Message: e.Message}
}

// Error returns the message, with the type of the function's error or with the code.
func (e *Error) Error() string {
	if e.Code == CodeRaised {
		if name := e.Type(); name != "" {
			return name + ": " + e.Message
		}
		return e.Message
	}
	return fmt.Sprintf("%s (code %d)", e.Message, e.Code)
}

// Is matches any error with the same code.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Code == CodeCancelled
	case context.DeadlineExceeded:
		return e.Code == CodeDeadline
	}
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// asError makes the end of a context an error of a call.
func asError(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrDeadline
	case errors.Is(err, context.Canceled):
		return ErrCancelled
	}
	return err
}

// raised is the data of an error 1000.
type raised struct {
	Type      string `json:"type"`
	Traceback string `json:"traceback"`
}

// Type is the type of the function's error: "ValueError", "*fs.PathError"; "" if unknown.
func (e *Error) Type() string {
	return e.raised().Type
}

// Traceback is the traceback of the function's error, as its language prints it; "" if
// unknown.
func (e *Error) Traceback() string {
	return e.raised().Traceback
}

func (e *Error) raised() (r raised) {
	if len(e.Data) > 0 && e.Data[0] == '{' {
		_ = json.Unmarshal(e.Data, &r)
	}
	return r
}

// Errorf makes an error with a code of the function's own, 1001 or above.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// fault makes an error of the protocol.
func fault(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// wireError is an error that the SDK itself has made within a call: it goes over
// the wire as it is, whatever its code.
type wireError struct {
	told *Error
}

func (w wireError) Error() string {
	return w.told.Error()
}

func (w wireError) Unwrap() error {
	return w.told
}

// fromFunction is what goes over the wire for an error that a function returned.
func fromFunction(err error) *Error {
	var own *Error
	if wire := (wireError{}); errors.As(err, &wire) {
		return wire.told
	}
	if errors.As(err, &own) && (own.Code >= CodeRaised || own.Code == CodeParams) {
		if own == err {
			return own
		}
		return &Error{Code: own.Code, Message: err.Error(), Data: own.Data}
	}
	var chain []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		chain = append(chain, fmt.Sprintf("%T: %v", e, e))
	}
	return raise(fmt.Sprintf("%T", err), err.Error(), strings.Join(chain, "\n"))
}

// fromPanic is what goes over the wire for a function that panicked. It is to
// be called from the deferred function, where the stack still stands.
func fromPanic(value any) *Error {
	name := fmt.Sprintf("panic(%T)", value)
	return raise(name, fmt.Sprint(value), string(debug.Stack()))
}

func raise(name, message, traceback string) *Error {
	data, err := json.Marshal(raised{name, traceback})
	if err != nil {
		data = nil
	}
	return &Error{Code: CodeRaised, Message: message, Data: data}
}

// parseError reads the error of a response.
func parseError(raw []byte) *Error {
	var e Error
	members(raw, func(key string, value []byte) {
		switch key {
		case "code":
			code, _ := integer(value)
			e.Code = int(code)
		case "message":
			e.Message = unquote(value)
		case "data":
			e.Data = append(json.RawMessage(nil), value...)
		}
	})
	return &e
}
