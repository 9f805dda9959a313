package weir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
)

// encoder keeps a json.Encoder with its buffer, for values that need one.
type encoder struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.encoder = json.NewEncoder(&e.buffer)
	e.encoder.SetEscapeHTML(false)
	return e
}}

// appendValue appends a value as JSON on one line. Simple values are written
// here, the same way as encoding/json writes them, which does all others.
func appendValue(to []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return strconv.AppendBool(to, v), nil
	case int:
		return strconv.AppendInt(to, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(to, v, 10), nil
	case uint64:
		return strconv.AppendUint(to, v, 10), nil
	case string:
		if isPlain(v) {
			to = append(to, '"')
			to = append(to, v...)
			return append(to, '"'), nil
		}
	case struct{}:
		return append(to, "{}"...), nil
	}
	e := encoders.Get().(*encoder)
	e.buffer.Reset()
	// Should a value's own MarshalJSON panic, e is simply not kept.
	if err := e.encoder.Encode(value); err != nil {
		return to, notEncodable(err)
	}
	text := e.buffer.Bytes()
	text = text[:len(text)-1] // Encode ends it with a line end
	if isDeep(text) {
		return to, wireError{fault(CodeTooLong, "the value is nested more deeply than %d", maxDepth)}
	}
	to = append(to, text...)
	if e.buffer.Cap() <= outboxSpare {
		encoders.Put(e)
	}
	return to, nil
}

func notEncodable(err error) error {
	var unsupported *json.UnsupportedValueError
	if errors.As(err, &unsupported) && unsupported.Value.CanFloat() {
		if f := unsupported.Value.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return wireError{fault(CodeNotEncodable, "%v cannot be said in JSON", f)}
		}
	}
	return wireError{fault(CodeNotEncodable, "the value cannot be said in JSON: %v", err)}
}

// isPlain tells whether a string is the same between quotes.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// isDeep tells whether a value is too deep to stand in a message, two brackets in.
func isDeep(text []byte) bool {
	const envelope = 2
	if len(text) < maxDepth || bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) <= maxDepth-envelope {
		return false
	}
	return scanValue(text, 0, envelope) == tooDeep
}

// decodeValue reads JSON that has been scanned before into what to points to.
// null is refused where Go has no word for it.
func decodeValue(raw []byte, to reflect.Value) error {
	switch p := to.Interface().(type) {
	case *int:
		if n, ok := integer(raw); ok && int64(int(n)) == n {
			*p = int(n)
			return nil
		}
	case *int64:
		if n, ok := integer(raw); ok {
			*p = n
			return nil
		}
	case *string:
		if raw[0] == '"' {
			*p = unquote(raw)
			return nil
		}
	case *json.RawMessage:
		*p = append(json.RawMessage(nil), raw...)
		return nil
	}
	if string(raw) == "null" && !takesNull(to.Type().Elem()) {
		return fmt.Errorf("wants %s, got null", typeName(to.Type().Elem()))
	}
	err := json.Unmarshal(raw, to.Interface())
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		where := ""
		if mismatch.Field != "" {
			where = " in " + mismatch.Field
		}
		return fmt.Errorf("wants %s, got %s%s", typeName(mismatch.Type), mismatch.Value, where)
	}
	return err
}

var (
	jsonUnmarshaler = reflect.TypeOf((*json.Unmarshaler)(nil)).Elem()
	textUnmarshaler = reflect.TypeOf((*interface{ UnmarshalText([]byte) error })(nil)).Elem()
)

func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
}

func takesNull(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return true
	}
	return unmarshalsItself(t)
}

// typeName is a type as its author writes it.
func typeName(t reflect.Type) string {
	if t == reflect.TypeOf((*any)(nil)).Elem() {
		return "any"
	}
	return t.String()
}

// appendString appends a string of JSON.
func appendString(to []byte, s string) []byte {
	to, _ = appendValue(to, s) // a string can always be said
	return to
}
