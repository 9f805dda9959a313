package weir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir.dev/weir"
)

type tree struct {
	Name  string            `json:"name" jsonschema:"what it is called"`
	Inner []tree            `json:"inner,omitempty"`
	Tags  map[string]string `json:"tags"`
	When  time.Time         `json:"when"`
	Up    *tree             `json:"up"`
	plain int
}

// tools are the descriptions of functions, with schemas.
func tools(t *testing.T, functions ...weir.Option) map[string]map[string]json.RawMessage {
	t.Helper()
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"weir/hello","params":{"version":1,"schemas":true}}` + "\n")
	var out bytes.Buffer
	if err := weir.NewWorker(functions...).Serve(context.Background(), in, &out); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result struct {
			Methods map[string]map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Result.Methods
}

func same(t *testing.T, what string, got json.RawMessage, want string) {
	t.Helper()
	var a, b any
	if want == "" && got == nil {
		return
	}
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s is\n%s\nnot\n%s", what, got, want)
	}
}

func TestSchemasOfInputs(t *testing.T) {
	weir.Bounded(t)
	_ = tree{}.plain
	made := tools(t,
		weir.Func("fields", func(ctx context.Context, p struct {
			A     int `jsonschema:"how many"`
			B     *float64
			C     []bool `json:"see,omitempty"`
			Grown tree
		}) (any, error) {
			return nil, nil
		}),
		weir.Func("keys", func(ctx context.Context, p map[string]int) (any, error) { return nil, nil }),
		weir.Func("whole", func(ctx context.Context, p json.RawMessage) (any, error) { return nil, nil }),
		weir.Func("single", func(ctx context.Context, p string) (any, error) { return nil, nil }),
		weir.Func("none", func(ctx context.Context, p weir.None) (any, error) { return nil, nil }),
	)
	same(t, "fields", made["fields"]["input"], `{"type":"object","properties":{
		"a":{"type":"integer","description":"how many"},"b":{"type":"number"},
		"see":{"type":"array","items":{"type":"boolean"}},"grown":{"$ref":"#/$defs/tree"}},
		"required":["a","grown"],"additionalProperties":false,
		"$defs":{"tree":{"type":"object","properties":{
			"name":{"type":"string","description":"what it is called"},
			"inner":{"type":"array","items":{"$ref":"#/$defs/tree"}},
			"tags":{"type":"object","additionalProperties":{"type":"string"}},
			"when":{},"up":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}},
			"required":["name","tags","when"],"additionalProperties":false}}}`)
	same(t, "keys", made["keys"]["input"], `{"type":"object","properties":{},"additionalProperties":{"type":"integer"}}`)
	same(t, "whole", made["whole"]["input"], `{"type":"object","properties":{},"additionalProperties":true}`)
	same(t, "single", made["single"]["input"],
		`{"type":"object","properties":{"value":{"type":"string"}},"required":["value"],"additionalProperties":false}`)
	same(t, "none", made["none"]["input"], `{"type":"object","properties":{},"additionalProperties":false}`)
	same(t, "none", made["none"]["output"], "")
}

func TestSchemasOfOutputs(t *testing.T) {
	weir.Bounded(t)
	type point struct {
		X, Y int8
		Z    float32 `json:",omitempty"`
		Next []int   `json:"next"`
	}
	made := tools(t,
		weir.Func("point", func(ctx context.Context, p weir.None) (point, error) { return point{}, nil }),
		weir.Func("text", func(ctx context.Context, p weir.None) (string, error) { return "", nil }),
		weir.Func("content", func(ctx context.Context, p weir.None) (weir.Content, error) {
			return weir.Content{}, nil
		}),
		weir.Source("count", func(ctx context.Context, p weir.None, emit func(int) error) error { return nil }),
	)
	same(t, "point", made["point"]["output"], `{"type":"object","properties":{
		"X":{"type":"integer"},"Y":{"type":"integer"},"Z":{"type":"number"},
		"next":{"anyOf":[{"type":"array","items":{"type":"integer"}},{"type":"null"}]}},
		"required":["X","Y","next"],"additionalProperties":false}`)
	same(t, "text", made["text"]["output"], `{"type":"string"}`)
	same(t, "content", made["content"]["output"], "")
	same(t, "count", made["count"]["output"], `{"type":"array","items":{"type":"integer"}}`)
}

func TestHintsForAgents(t *testing.T) {
	weir.Bounded(t)
	one := tools(t, weir.Func("one", func(ctx context.Context, p weir.None) (any, error) { return nil, nil }).
		Doc("Does it.\n\nTwice.").Title("One").ReadOnly().Idempotent().Destructive(false).OpenWorld(true))["one"]
	same(t, "doc", one["doc"], `"Does it."`)
	same(t, "description", one["description"], `"Does it.\n\nTwice."`)
	same(t, "title", one["title"], `"One"`)
	same(t, "annotations", one["annotations"],
		`{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true}`)
}

func ExampleProgress() {
	worker := weir.NewWorker(weir.Func("work", func(ctx context.Context, _ weir.None) (string, error) {
		weir.Progress(ctx, 1, 0, "")
		weir.Progress(ctx, 1.5, 3, "half way")
		return "done", nil
	}))
	answer(worker, `{"jsonrpc":"2.0","id":"a","method":"work"}`)
	// Output:
	// {"jsonrpc":"2.0","method":"weir/progress","params":{"id":"a","progress":1}}
	// {"jsonrpc":"2.0","method":"weir/progress","params":{"id":"a","progress":1.5,"total":3,"message":"half way"}}
	// {"jsonrpc":"2.0","id":"a","result":"done"}
}

func ExampleContent() {
	worker := weir.NewWorker(weir.Func("plot", func(ctx context.Context, _ weir.None) (weir.Content, error) {
		return weir.Content{Blocks: []weir.Block{weir.Text("a plot:"), weir.Image([]byte{0}, "image/png")}}, nil
	}))
	answer(worker, `{"jsonrpc":"2.0","id":1,"method":"plot"}`)
	// Output: {"jsonrpc":"2.0","id":1,"result":{"weir/content":[{"text":"a plot:","type":"text"},{"data":"AA==","mimeType":"image/png","type":"image"}]}}
}
