package weir

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// schema is a JSON Schema (2020-12). The zero value allows anything.
type schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        string             `json:"type,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  *properties        `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // a bool, or a schema
	Description string             `json:"description,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

func (s *schema) isAny() bool {
	return s.Ref == "" && s.Type == "" && s.AnyOf == nil
}

// properties are the members of an object, in order.
type properties struct {
	names   []string
	schemas []*schema
}

func (p *properties) MarshalJSON() ([]byte, error) {
	to := []byte{'{'}
	for i, name := range p.names {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(appendString(to, name), ':')
		var err error
		if to, err = appendValue(to, p.schemas[i]); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

// schemaMaker makes schemas of types. Structs are definitions, so that one may
// contain itself.
type schemaMaker struct {
	output bool // of what encoding/json writes, not of what it reads
	defs   map[string]*schema
	names  map[reflect.Type]string
}

func newSchemaMaker(output bool) *schemaMaker {
	return &schemaMaker{output, map[string]*schema{}, map[reflect.Type]string{}}
}

var (
	jsonMarshaler = reflect.TypeOf((*json.Marshaler)(nil)).Elem()
	textMarshaler = reflect.TypeOf((*encoding.TextMarshaler)(nil)).Elem()
)

// hasOwnForm tells whether only the type's author knows what it is in JSON.
func hasOwnForm(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonMarshaler) || p.Implements(textMarshaler) || unmarshalsItself(t)
}

func (m *schemaMaker) of(t reflect.Type) *schema {
	if t.Kind() != reflect.Pointer && hasOwnForm(t) {
		return &schema{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return orNull(m.of(t.Elem()))
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Array:
		return &schema{Type: "array", Items: m.ofElements(t)}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return m.maybeNil(&schema{Type: "string"}) // base64
		}
		return m.maybeNil(&schema{Type: "array", Items: m.ofElements(t)})
	case reflect.Map:
		made := &schema{Type: "object"}
		if values := m.ofElements(t); values != nil {
			made.Additional = values
		}
		return m.maybeNil(made)
	case reflect.Struct:
		return &schema{Ref: "#/$defs/" + m.define(t)}
	}
	if t.ConvertibleTo(reflect.TypeOf(0)) {
		return &schema{Type: "integer"}
	}
	return &schema{}
}

// ofElements is nil for elements of any type.
func (m *schemaMaker) ofElements(t reflect.Type) *schema {
	if made := m.of(t.Elem()); !made.isAny() {
		return made
	}
	return nil
}

// maybeNil is for what encoding/json writes as null when it is nil.
func (m *schemaMaker) maybeNil(s *schema) *schema {
	if m.output {
		return orNull(s)
	}
	return s
}

func orNull(s *schema) *schema {
	if s.isAny() {
		return s
	}
	return &schema{AnyOf: []*schema{s, {Type: "null"}}}
}

func (m *schemaMaker) define(t reflect.Type) string {
	if name, ok := m.names[t]; ok {
		return name
	}
	name := t.Name()
	if name == "" {
		name = "struct"
	}
	name, _, _ = strings.Cut(name, "[") // without type arguments
	for m.defs[name] != nil {
		name += "_"
	}
	m.names[t] = name
	m.defs[name] = &schema{} // until it is known
	m.defs[name] = m.ofStruct(t)
	return name
}

func (m *schemaMaker) ofStruct(t reflect.Type) *schema {
	made := newObject()
	m.addFields(made, t)
	return made
}

func newObject() *schema {
	return &schema{Type: "object", Properties: &properties{}, Additional: false}
}

// addFields adds the fields of a struct as encoding/json names them.
func (m *schemaMaker) addFields(to *schema, t reflect.Type) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		if field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct && !hasOwnForm(field.Type) {
			m.addFields(to, field.Type)
			continue
		}
		if !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		made := m.of(field.Type)
		if hasOption(options, "string") {
			made = &schema{Type: "string"}
		}
		optional := hasOption(options, "omitempty") || !m.output && field.Type.Kind() == reflect.Pointer
		to.add(name, made, field.Tag, !optional)
	}
}

func hasOption(options, wanted string) bool {
	for _, one := range strings.Split(options, ",") {
		if one == wanted {
			return true
		}
	}
	return false
}

// add adds a member. The tag `jsonschema:"words"` describes it.
func (s *schema) add(name string, made *schema, tag reflect.StructTag, required bool) {
	if words := tag.Get("jsonschema"); words != "" {
		described := *made
		described.Description = words
		made = &described
	}
	s.Properties.names = append(s.Properties.names, name)
	s.Properties.schemas = append(s.Properties.schemas, made)
	if required {
		s.Required = append(s.Required, name)
	}
}

// root makes a schema stand alone: with its definitions, and never just a reference.
func (m *schemaMaker) root(s *schema) *schema {
	if s.Ref != "" {
		root := *m.defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		s = &root
	}
	text, _ := json.Marshal([]any{s, m.defs})
	for name := range m.defs {
		if ref, _ := json.Marshal("#/$defs/" + name); !strings.Contains(string(text), string(ref)) {
			delete(m.defs, name)
		}
	}
	if len(m.defs) > 0 {
		s.Defs = m.defs
	}
	return s
}

// inputSchema describes the object of a function's arguments.
func inputSchema(s *signature) *schema {
	m := newSchemaMaker(false)
	made := newObject()
	switch s.shape {
	case whole:
		made.Additional = true
	case byKeys:
		if values := m.ofElements(s.of); values != nil {
			made.Additional = values
		} else {
			made.Additional = true
		}
	}
	for _, p := range s.params {
		of := m.of(p.of)
		if p.optional && p.of.Kind() == reflect.Pointer {
			of = m.of(p.of.Elem()) // it is left out rather than null
		}
		var tag reflect.StructTag
		if p.index != nil {
			tag = s.of.FieldByIndex(p.index).Tag
		}
		made.add(p.name, of, tag, !p.optional)
	}
	return m.root(made)
}

// outputSchema describes a function's result, nil for one that may be anything. That
// of a stream is the array of its values.
func outputSchema(f *Function) *schema {
	if f.returns == typeOf[Content]() {
		return nil
	}
	m := newSchemaMaker(true)
	made := m.of(f.returns)
	if f.output {
		stream := &schema{Type: "array"}
		if !made.isAny() {
			stream.Items = made
		}
		made = stream
	}
	if made.isAny() {
		return nil
	}
	return m.root(made)
}
