package weir

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode"
)

// None is the parameters of a function that has none.
type None = struct{}

// shape says how a call's params become a value of a Go type.
type shape int

const (
	byFields shape = iota // a struct: each field is a parameter
	byKeys                // a map[string]T: each member of an object is a parameter
	whole                 // json.RawMessage: the params as they came
	single                // any other type: it is the one parameter
)

// param is one parameter of a function.
type param struct {
	name     string
	of       reflect.Type
	index    []int // of its field
	optional bool
}

// signature is what a function's parameters look like, read once.
type signature struct {
	shape
	of     reflect.Type
	params []param
}

func signatureOf(t reflect.Type) *signature {
	s := &signature{of: t}
	switch {
	case t == reflect.TypeOf(json.RawMessage(nil)):
		s.shape = whole
	case unmarshalsItself(t):
		s.shape = single
	case t.Kind() == reflect.Struct:
		s.shape = byFields
		s.addFields(t, nil)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s.shape = byKeys
	default:
		s.shape = single
	}
	if s.shape == single {
		s.params = []param{{name: "value", of: t, optional: t.Kind() == reflect.Pointer}}
	}
	return s
}

// addFields finds the parameters in a struct, those of embedded structs among them.
func (s *signature) addFields(t reflect.Type, outer []int) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		index := append(append([]int(nil), outer...), i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == "-" {
			continue
		}
		if field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct && !unmarshalsItself(field.Type) {
			s.addFields(field.Type, index)
			continue
		}
		if !field.IsExported() {
			continue
		}
		if tag == "" {
			tag = paramName(field.Name)
		}
		optional := field.Type.Kind() == reflect.Pointer || strings.Contains(options, "omitempty")
		s.params = append(s.params, param{tag, field.Type, index, optional})
	}
}

// paramName makes a field's name a parameter's: A is a, MaxItems maxItems, URLPath urlPath.
func paramName(field string) string {
	runes := []rune(field)
	for i := range runes {
		if i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]) || !unicode.IsUpper(runes[i]) {
			break
		}
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

// bind reads params into what to points to.
func (s *signature) bind(raw []byte, to reflect.Value) *Error {
	switch s.shape {
	case whole:
		to.Elem().SetBytes(append([]byte(nil), raw...))
		return nil
	case byKeys:
		return s.bindKeys(raw, to)
	}
	if len(raw) > 0 && raw[0] == '{' {
		return s.bindNamed(raw, to)
	}
	return s.bindPositional(raw, to)
}

func (s *signature) bindKeys(raw []byte, to reflect.Value) *Error {
	if len(raw) == 0 || string(raw) == "[]" {
		raw = []byte("{}")
	}
	if err := decodeValue(raw, to); err != nil {
		return fault(CodeParams, "the arguments, by name: %v", err)
	}
	return nil
}

func (s *signature) set(p *param, raw []byte, to reflect.Value) *Error {
	field := to.Elem()
	if p.index != nil {
		field = field.FieldByIndex(p.index)
	}
	if err := decodeValue(raw, field.Addr()); err != nil {
		return fault(CodeParams, "argument %q: %v", p.name, err)
	}
	return nil
}

func (s *signature) bindPositional(raw []byte, to reflect.Value) (failed *Error) {
	count := 0
	elements(raw, func(value []byte) {
		if count < len(s.params) && failed == nil {
			failed = s.set(&s.params[count], value, to)
		}
		count++
	})
	if failed != nil {
		return failed
	}
	if count > len(s.params) {
		return fault(CodeParams, "takes %d arguments, got %d", len(s.params), count)
	}
	for i := count; i < len(s.params); i++ {
		if !s.params[i].optional {
			return fault(CodeParams, "argument %q is missing", s.params[i].name)
		}
	}
	return nil
}

func (s *signature) bindNamed(raw []byte, to reflect.Value) (failed *Error) {
	got := make([]bool, len(s.params))
	members(raw, func(key string, value []byte) {
		if failed != nil {
			return
		}
		i := s.find(key)
		if i < 0 {
			failed = fault(CodeParams, "there is no argument %q", key)
			return
		}
		got[i] = true
		failed = s.set(&s.params[i], value, to)
	})
	for i := range s.params {
		if failed == nil && !got[i] && !s.params[i].optional {
			failed = fault(CodeParams, "argument %q is missing", s.params[i].name)
		}
	}
	return failed
}

// find looks for a parameter: its name, or else its name in other letters' case,
// as encoding/json does.
func (s *signature) find(key string) int {
	for i := range s.params {
		if s.params[i].name == key {
			return i
		}
	}
	for i := range s.params {
		if strings.EqualFold(s.params[i].name, key) {
			return i
		}
	}
	return -1
}
