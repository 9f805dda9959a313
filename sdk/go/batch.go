package weir

import (
	"strconv"
	"sync"
)

// batchReply gathers the responses to a batch, until the last is there.
type batchReply struct {
	mutex sync.Mutex
	left  int
	array []byte
}

// add returns the whole answer with the last response, else nil. A response that
// would make the line too long is replaced.
func (b *batchReply) add(response, id []byte) []byte {
	const reserve = 256 // for each that is still to come
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.left--
	if len(b.array)+len(response)+reserve*b.left > maxLine {
		response = appendFailure(nil, id, fault(CodeTooLong, "the batch would make a line longer than 64 MiB"))
	}
	if b.array == nil {
		b.array = append(b.array, '[')
	} else {
		b.array = append(b.array, ',')
	}
	b.array = append(b.array, response...)
	if b.left > 0 {
		return nil
	}
	return append(b.array, ']')
}

// find finds a function, one of the protocol's own among them.
func (s *server) find(method string) *Function {
	switch method {
	case "weir/hello":
		return &Function{bind: s.bindHello}
	case "weir/map":
		return &Function{bind: s.bindMap}
	}
	return s.worker.functions[method]
}

func (s *server) bindHello(params []byte) (invocation, *Error) {
	version, ok, withSchemas := int64(0), false, false
	members(params, func(key string, value []byte) {
		switch key {
		case "version":
			version, ok = integer(value)
		case "schemas":
			withSchemas = string(value) == "true"
		}
	})
	if !ok || version < 1 {
		return nil, fault(CodeParams, "argument \"version\": wants an integer from 1")
	}
	return func(c *call, to []byte) ([]byte, error) { return s.worker.hello(to, withSchemas) }, nil
}

func (s *server) bindMap(params []byte) (invocation, *Error) {
	var method, array []byte
	members(params, func(key string, value []byte) {
		switch key {
		case "method":
			method = value
		case "items":
			array = value
		}
	})
	if method == nil || method[0] != '"' {
		return nil, fault(CodeParams, "argument \"method\": wants a string")
	}
	if array == nil || array[0] != '[' {
		return nil, fault(CodeParams, "argument \"items\": wants an array")
	}
	fn := s.worker.functions[unquote(method)]
	if fn == nil {
		return nil, fault(CodeNoMethod, "no method %s", method)
	}
	if fn.input != "" || fn.output {
		return nil, fault(CodeStreamRule, "%s has a stream: it cannot be mapped", method)
	}
	array = append([]byte(nil), array...) // the line goes when the lead is taken
	return func(c *call, to []byte) ([]byte, error) { return s.mapItems(c, fn, array, to) }, nil
}

// mapItems calls one function with each of the items, one after the other.
func (s *server) mapItems(c *call, fn *Function, array, to []byte) ([]byte, error) {
	var failures []byte
	index := 0
	to = append(to, `{"values":[`...)
	elements(array, func(item []byte) {
		if c.Err() != nil {
			return
		}
		if index > 0 {
			to = append(to, ',')
		}
		before := len(to)
		var err error
		if to, err = s.mapItem(c, fn, item, to); err != nil {
			to = append(to[:before], "null"...)
			if failures != nil {
				failures = append(failures, ',')
			}
			failures = append(failures, '"')
			failures = strconv.AppendInt(failures, int64(index), 10)
			failures = append(failures, `":`...)
			failures = appendError(failures, err.(*Error))
		}
		index++
	})
	if err := c.Err(); err != nil {
		return to, err
	}
	to = append(to, ']')
	if failures != nil {
		to = append(to, `,"errors":{`...)
		to = append(to, failures...)
		to = append(to, '}')
	}
	return append(to, '}'), nil
}

func (s *server) mapItem(c *call, fn *Function, item, to []byte) ([]byte, error) {
	if item[0] != '[' && item[0] != '{' {
		return to, fault(CodeParams, "an item is neither an array nor an object")
	}
	invoke, err := s.bind(fn, item)
	if err != nil {
		return to, err
	}
	result, failed := c.do(invoke, to)
	if failed != nil {
		return to, fromFunction(failed)
	}
	return result, nil
}
