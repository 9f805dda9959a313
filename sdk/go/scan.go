package weir

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of a line, docs/protocol.md section 1.
const (
	maxLine  = 64 << 20 // bytes, the line's end not counted
	maxDepth = 1000     // brackets open at a time
)

// kind says what a line is.
type kind int

const (
	blank kind = iota
	request
	notification
	answer  // with result or failure
	batch   // an array; params is all of it
	notJSON // begins with { or [, and is not JSON or has ill-formed UTF-8
	notRPC  // JSON, but no message
	noise   // begins with anything else
)

// message is one line cut into the members of its envelope. Nothing is copied:
// all of them are slices of the line, nil where there is none.
type message struct {
	kind                                      kind
	id, method, params, weir, result, failure []byte
	reason                                    string // of notJSON and notRPC
}

// scan cuts a line into the members of its envelope, and checks all of it.
// It is a page of code because it measures three times faster than
// encoding/json with a struct of RawMessages.
func scan(line []byte) (m message) {
	valid := line
	if !utf8.Valid(line) {
		valid = validPrefix(line)
	}
	at := skipSpace(line, 0)
	switch {
	case at == len(line):
		return message{kind: blank}
	case line[at] == '{':
		var version []byte
		end := scanMembers(valid, at, 0, func(key string, value []byte) {
			switch key {
			case "jsonrpc":
				version = value
			case "id":
				m.id = value
			case "method":
				m.method = value
			case "params":
				m.params = value
			case "weir":
				m.weir = value
			case "result":
				m.result = value
			case "error":
				m.failure = value
			}
		})
		if end < 0 || skipSpace(valid, end) != len(line) {
			return unreadable(findID(line[at:]), end == tooDeep, len(valid) != len(line))
		}
		m.classify(version)
		return m
	case line[at] == '[':
		end := scanValue(valid, at, 0)
		if end < 0 || skipSpace(valid, end) != len(line) {
			return unreadable(nil, end == tooDeep, len(valid) != len(line))
		}
		return message{kind: batch, params: line[at:end]}
	}
	return message{kind: noise, reason: "the line is not JSON"}
}

func unreadable(id []byte, deep, ill bool) message {
	m := message{kind: notJSON, reason: "the line is not JSON"}
	switch {
	case deep:
		m.reason = "the line is nested too deeply"
	case ill:
		m.reason = "the line is not UTF-8"
	}
	m.id = id
	return m
}

func (m *message) classify(version []byte) {
	refuse := func(reason string) {
		if m.kind != notRPC {
			m.kind, m.reason = notRPC, reason
		}
	}
	if m.method != nil {
		m.kind = request
		if m.id == nil {
			m.kind = notification
		}
		if m.method[0] != '"' {
			refuse(`"method" is not a string`)
		}
		if m.params != nil && m.params[0] != '[' && m.params[0] != '{' {
			refuse(`"params" is neither an array nor an object`)
		}
		if m.weir != nil && m.weir[0] != '{' {
			refuse(`"weir" is not an object`)
		}
	} else {
		m.kind = answer
		switch {
		case m.failure == nil && m.result == nil:
			refuse(`it has no "method", no "result" and no "error"`)
		case m.failure != nil && m.result != nil:
			refuse(`it has a "result" and an "error"`)
		case m.failure != nil && m.failure[0] != '{':
			refuse(`"error" is not an object`)
		case m.id == nil:
			refuse(`it answers, and has no "id"`)
		}
	}
	ofNobody := m.kind == answer && m.failure != nil && string(m.id) == "null"
	if m.id != nil && !isGoodID(m.id) && !ofNobody {
		refuse(`"id" is neither an integer nor a string`)
		m.id = nil
	}
	if string(version) != `"2.0"` && (version == nil || unquote(version) != "2.0") {
		refuse(`"jsonrpc" is not "2.0"`)
	}
}

// isGoodID tells whether an id is a string or an integer.
func isGoodID(id []byte) bool {
	if len(id) == 0 {
		return false
	}
	switch c := id[0]; {
	case c == '"':
		return true
	case c == '-' || '0' <= c && c <= '9':
		return !bytes.ContainsAny(id, ".eE")
	}
	return false
}

// idKey is the same for two spellings of one id, and for no two ids: a lone surrogate
// stays what it is.
func idKey(id []byte) string {
	if string(id) == "-0" {
		return "0"
	}
	if id[0] != '"' || bytes.IndexByte(id, '\\') < 0 {
		return string(id)
	}
	key := make([]byte, 0, len(id))
	for at := 0; at < len(id); at++ {
		if id[at] != '\\' {
			key = append(key, id[at])
			continue
		}
		at++
		if id[at] != 'u' {
			key = append(key, unescape(id[at]))
			continue
		}
		r := hex4(id[at+1:])
		at += 4
		if low := id[at+1:]; len(low) > 6 && low[0] == '\\' && low[1] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(low[2:])); pair != utf8.RuneError {
				r = pair
				at += 6
			}
		}
		if utf16.IsSurrogate(r) {
			key = append(key, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
		} else {
			key = utf8.AppendRune(key, r)
		}
	}
	return string(key)
}

// unescape gives the character of an escape that is none of \u.
func unescape(c byte) byte {
	if i := strings.IndexByte("bfnrt", c); i >= 0 {
		return "\b\f\n\r\t"[i]
	}
	return c
}

// hex4 reads the four digits of a \u, which have been scanned before.
func hex4(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(n)
}

// unquote gives the text of a string of JSON.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var text string
	_ = json.Unmarshal(raw, &text)
	return text
}

// findID looks for the id in an object that could not be read: it minds nothing
// but brackets and strings. nil when there is none to be found.
func findID(object []byte) (id []byte) {
	for at := 1; at < len(object); {
		key := skipSpace(object, at)
		if key >= len(object) || object[key] != '"' {
			break
		}
		at = skipAny(object, key)
		name := object[key:at]
		at = skipSpace(object, at)
		if at >= len(object) || object[at] != ':' {
			break
		}
		value := skipSpace(object, at+1)
		at = skipAny(object, value)
		if at < len(object) && keyName(name) == "id" {
			id = object[value:at]
		}
		at = skipSpace(object, at)
		if at >= len(object) || object[at] != ',' {
			break
		}
		at++
	}
	if scanValue(id, 0, 0) != len(id) || !isGoodID(id) {
		return nil
	}
	return id
}

// skipAny goes behind what may be a value, however deep and wrong it is inside.
func skipAny(b []byte, at int) int {
	for depth := 0; at < len(b); {
		switch b[at] {
		case '"':
			for at++; at < len(b) && b[at] != '"'; at++ {
				if b[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		default:
			for at < len(b) && bytes.IndexByte(structure, b[at]) < 0 {
				at++
			}
			if depth > 0 && at < len(b) && bytes.IndexByte(structure[4:], b[at]) >= 0 {
				at++
			}
		}
		if depth == 0 || at >= len(b) {
			break
		}
	}
	if at > len(b) {
		return len(b)
	}
	return at
}

// structure is what a word or number ends at; brackets first.
var structure = []byte("{}[]:, \t\r\n")

// validPrefix is the part before the first byte that is not UTF-8.
func validPrefix(line []byte) []byte {
	for at := 0; at < len(line); {
		r, size := utf8.DecodeRune(line[at:])
		if r == utf8.RuneError && size == 1 {
			return line[:at]
		}
		at += size
	}
	return line
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

// What scanValue and scanMembers return when there is no value.
const (
	malformed = -1
	tooDeep   = -2
)

// scanValue returns where the value that begins at `at` ends.
func scanValue(b []byte, at, depth int) int {
	if at >= len(b) {
		return malformed
	}
	switch c := b[at]; {
	case c == '"':
		return scanString(b, at)
	case c == '{':
		return scanMembers(b, at, depth, nil)
	case c == '[':
		return scanElements(b, at, depth, nil)
	case c == '-' || '0' <= c && c <= '9':
		return scanNumber(b, at)
	case c == 't':
		return scanWord(b, at, "true")
	case c == 'f':
		return scanWord(b, at, "false")
	case c == 'n':
		return scanWord(b, at, "null")
	}
	return malformed
}

// scanMembers walks over an object, and gives each member to found. A member
// that ends where the text is cut is not given.
func scanMembers(b []byte, at, depth int, found func(key string, value []byte)) int {
	if depth == maxDepth {
		return tooDeep
	}
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == '}' {
		return at + 1
	}
	for {
		key := at
		if at >= len(b) || b[at] != '"' {
			return malformed
		}
		if at = scanString(b, at); at < 0 {
			return at
		}
		name := b[key:at]
		if at = skipSpace(b, at); at >= len(b) || b[at] != ':' {
			return malformed
		}
		value := skipSpace(b, at+1)
		if at = scanValue(b, value, depth+1); at < 0 {
			return at
		}
		if found != nil && at < len(b) {
			found(keyName(name), b[value:at:at])
		}
		if at = skipSpace(b, at); at >= len(b) {
			return malformed
		}
		switch b[at] {
		case '}':
			return at + 1
		case ',':
			at = skipSpace(b, at+1)
		default:
			return malformed
		}
	}
}

// keyName is unquote without a copy for the names that are looked for.
func keyName(raw []byte) string {
	switch string(raw) {
	case `"jsonrpc"`:
		return "jsonrpc"
	case `"id"`:
		return "id"
	case `"method"`:
		return "method"
	case `"params"`:
		return "params"
	case `"weir"`:
		return "weir"
	case `"result"`:
		return "result"
	case `"value"`:
		return "value"
	}
	return unquote(raw)
}

// scanElements is scanMembers for an array.
func scanElements(b []byte, at, depth int, found func(value []byte)) int {
	if depth == maxDepth {
		return tooDeep
	}
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == ']' {
		return at + 1
	}
	for {
		value := at
		if at = scanValue(b, value, depth+1); at < 0 {
			return at
		}
		if found != nil {
			found(b[value:at:at])
		}
		if at = skipSpace(b, at); at >= len(b) {
			return malformed
		}
		switch b[at] {
		case ']':
			return at + 1
		case ',':
			at = skipSpace(b, at+1)
		default:
			return malformed
		}
	}
}

func scanString(b []byte, at int) int {
	for at++; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return at + 1
		case c < 0x20:
			return malformed
		case c == '\\':
			if at++; at >= len(b) {
				return malformed
			}
			if b[at] == 'u' {
				for i := 1; i <= 4; i++ {
					if at+i >= len(b) || !isHex(b[at+i]) {
						return malformed
					}
				}
				at += 4
			} else if strings.IndexByte(`"\/bfnrt`, b[at]) < 0 {
				return malformed
			}
		}
	}
	return malformed
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func scanNumber(b []byte, at int) int {
	if b[at] == '-' {
		at++
	}
	whole := at
	if at = scanDigits(b, at); at < 0 || b[whole] == '0' && at > whole+1 {
		return malformed
	}
	if at < len(b) && b[at] == '.' {
		if at = scanDigits(b, at+1); at < 0 {
			return malformed
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		at++
		if at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		at = scanDigits(b, at)
	}
	return at
}

// scanDigits wants one digit or more.
func scanDigits(b []byte, at int) int {
	from := at
	for at < len(b) && '0' <= b[at] && b[at] <= '9' {
		at++
	}
	if at == from {
		return malformed
	}
	return at
}

func scanWord(b []byte, at int, word string) int {
	if len(b)-at < len(word) || string(b[at:at+len(word)]) != word {
		return malformed
	}
	return at + len(word)
}

// members gives the members of an object that has been scanned before.
func members(object []byte, found func(key string, value []byte)) {
	if len(object) > 0 && object[0] == '{' {
		scanMembers(object, 0, 0, found)
	}
}

// elements gives the elements of an array that has been scanned before.
func elements(array []byte, found func(value []byte)) {
	if len(array) > 0 && array[0] == '[' {
		scanElements(array, 0, 0, found)
	}
}

// integer reads an integer of JSON; ok is false for anything else.
func integer(raw []byte) (n int64, ok bool) {
	digits := raw
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(raw) {
		n = -n
	}
	return n, true
}
