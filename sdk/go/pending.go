package weir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync/atomic"
	"time"
)

// pending is a call that has been sent.
type pending struct {
	client *Client
	id     int64
	in     *inbox             // its output stream; nil: none
	out    *sender            // its input stream; nil: none
	stop   context.CancelFunc // of feed
	done   chan struct{}      // closed when it is over; then:
	result []byte
	err    error

	arrived  func(result []byte) // called by the goroutine that reads, before done is closed
	streamed atomic.Bool         // a value has come, or was sent
	lentCall
}

// begin sends a call.
func (c *Client) begin(ctx context.Context, method string, args []any, output bool) (*pending, error) {
	return c.beginWith(ctx, method, args, output, nil)
}

func (c *Client) beginWith(ctx context.Context, method string, args []any, output bool, arrived func([]byte)) (*pending, error) {
	if err := ctx.Err(); err != nil {
		return nil, asError(err)
	}
	params, input, err := encodeArgs(args)
	if err != nil {
		return nil, err
	}
	if err := c.check(method, input != nil, output); err != nil {
		return nil, err
	}
	p := &pending{client: c, done: make(chan struct{}), stop: func() {}, arrived: arrived}
	if output {
		p.in = newInbox(window, p.grant)
	}
	feeding := ctx
	if input != nil {
		p.out = newSender(0)
		feeding, p.stop = context.WithCancel(ctx)
	}
	if err := p.start(ctx, method, params); err != nil {
		p.stop()
		return nil, err
	}
	if input != nil {
		go p.feed(feeding, input)
	}
	return p, nil
}

// start sends the request, when there is room for it.
func (p *pending) start(ctx context.Context, method string, params []byte) error {
	c := p.client
	if err := c.take(ctx); err != nil {
		return asError(err)
	}
	err := asError(c.out.waitForRoom(ctx))
	if err == nil {
		err = c.add(p)
	}
	if err != nil {
		c.release()
		return err
	}
	request, err := p.request(ctx, method, params)
	if err != nil {
		if c.remove(p) {
			c.release()
		}
		return err
	}
	p.route().send(func(to []byte) []byte { return append(to, request...) })
	return nil
}

// check finds what cannot go well before it is sent. The methods may have changed
// since the hello: what is not known is for the server to say.
func (c *Client) check(method string, input, output bool) error {
	if c.plain != nil && (input || output) {
		return fault(CodeStreamRule, "the peer speaks plain JSON-RPC: it has no streams")
	}
	if known, ok := c.methods[method]; ok {
		return checkMode(method, known, output)
	}
	return nil
}

func checkMode(method string, known Description, output bool) error {
	switch gives := known.Stream == "out" || known.Stream == "both"; {
	case gives && !output:
		return fault(CodeStreamRule, "%q gives a stream: call it with Stream", method)
	case !gives && output:
		return fault(CodeStreamRule, "%q gives no stream: call it with Call", method)
	}
	return nil
}

// request makes the line of a request.
func (p *pending) request(ctx context.Context, method string, params []byte) ([]byte, error) {
	to := make([]byte, 0, len(params)+len(method)+96)
	to = append(to, `{"jsonrpc":"2.0","id":`...)
	to = strconv.AppendInt(to, p.id, 10)
	to = append(to, `,"method":`...)
	to = appendString(to, method)
	if params != nil {
		to = append(to, `,"params":`...)
		to = append(to, params...)
	}
	if p.client.plain == nil && method != "weir/hello" { // before the hello they are not known
		to = p.appendTerms(ctx, to)
	}
	to = append(to, '}')
	if len(to) > maxLine {
		return nil, fault(CodeTooLong, "the call would be a line of %d bytes", len(to))
	}
	return append(to, '\n'), nil
}

func (p *pending) appendTerms(ctx context.Context, to []byte) []byte {
	before := len(to)
	member := func(name string) {
		if len(to) == before {
			to = append(to, `,"weir":{"`...)
		} else {
			to = append(to, `,"`...)
		}
		to = append(to, name...)
		to = append(to, `":`...)
	}
	if deadline, ok := ctx.Deadline(); ok {
		member("deadline_ms")
		left := math.Ceil(float64(time.Until(deadline)) / float64(time.Millisecond))
		to = strconv.AppendInt(to, int64(math.Max(left, 0)), 10)
	}
	if parent, state := Trace(ctx); parent != "" {
		member("traceparent")
		to = appendString(to, parent)
		if state != "" {
			member("tracestate")
			to = appendString(to, state)
		}
	}
	if p.in != nil {
		member("credit")
		to = strconv.AppendInt(to, window, 10)
	}
	if p.out != nil {
		member("stream")
		to = append(to, `"in"`...)
	}
	if len(to) > before {
		to = append(to, '}')
	}
	return to
}

// route is where messages about a call go: a call that is repeated has another then.
type route struct {
	client *Client
	id     int64
}

func (p *pending) route() route { return route{p.client, p.id} }

// send sends a message.
func (r route) send(put func(to []byte) []byte) {
	r.client.out.add(put)
	r.client.out.pushNow()
}

// cancel adds the request to stop the call.
func (r route) cancel() {
	r.client.out.add(func(to []byte) []byte {
		to = appendNotice(to, "weir/cancel", strconv.AppendInt(nil, r.id, 10))
		return append(to, "}}\n"...)
	})
}

func (p *pending) grant(n int) {
	select {
	case <-p.done:
		return
	default:
	}
	p.route().send(func(to []byte) []byte {
		to = appendNotice(to, "weir/credit", strconv.AppendInt(nil, p.id, 10))
		to = append(to, `,"n":`...)
		to = strconv.AppendInt(to, int64(n), 10)
		return append(to, "}}\n"...)
	})
}

// abandon ends a call whose caller has stopped waiting, and cancels it on the server.
func (p *pending) abandon(why error) {
	if p.lent != nil {
		p.lent.abandon(p, why)
		return
	}
	if p.client.plain != nil {
		// It cannot be told; its answer makes room for the next call.
		p.client.mutex.Lock()
		if p.client.calls[p.id] == p {
			p.client.calls[p.id] = &pending{client: p.client, id: p.id, done: make(chan struct{}), stop: func() {}}
			p.client.mutex.Unlock()
			p.finish(nil, why)
			return
		}
		p.client.mutex.Unlock()
		return
	}
	if !p.client.remove(p) {
		return
	}
	p.finish(nil, why)
	p.route().cancel()
	p.client.out.pushNow()
}

// finish ends a call that has been removed.
func (p *pending) finish(result []byte, err error) {
	p.result, p.err = result, err
	if p.in != nil {
		p.in.finish(err)
	}
	if p.out != nil {
		p.out.close(context.Canceled)
	}
	close(p.done)
	p.stop()
}

// --- What comes back ----------------------------------------------------------

// read is the goroutine that reads, until the connection ends.
func (c *Client) read() {
	lines := lineReader{source: c.conn}
	for {
		line, err := lines.next()
		if err == nil {
			err = c.handle(line)
		}
		if err != nil {
			c.lose(err)
			return
		}
	}
}

// handle returns an error for a line that breaks the connection.
func (c *Client) handle(line []byte) error {
	m := scan(line)
	switch m.kind {
	case blank:
	case noise:
		c.noise.Add(1)
	case notification:
		c.notice(&m)
	case answer:
		c.answer(&m)
	default:
		if m.reason == "" {
			m.reason = "it is for a worker"
		}
		return brokenLine{m.reason, fmt.Sprintf("%.80s", line)}
	}
	return nil
}

func (c *Client) find(id []byte) *pending {
	number, ok := integer(id)
	if !ok {
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.calls[number]
}

// claim finds and forgets the call of an answer in one step: in between, the caller of a plain
// peer may leave another in its place.
func (c *Client) claim(id []byte) *pending {
	number, ok := integer(id)
	if !ok {
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	p := c.calls[number]
	delete(c.calls, number)
	return p
}

func (c *Client) answer(m *message) {
	p := c.claim(m.id)
	if p == nil {
		c.late.Add(1)
		return
	}
	c.release()
	var result []byte
	var err error
	if m.failure != nil {
		err = parseError(m.failure)
	} else {
		result = append([]byte(nil), m.result...)
		if p.arrived != nil {
			p.arrived(result)
		}
	}
	if c.lent != nil {
		c.lent.over(p, result, err, true)
		return
	}
	p.finish(result, err)
}

func (c *Client) notice(m *message) {
	var id, value, n []byte
	members(m.params, func(key string, raw []byte) {
		switch key {
		case "id":
			id = raw
		case "value":
			value = raw
		case "n":
			n = raw
		}
	})
	p := c.find(id)
	if p == nil {
		if id == nil && c.onNotice != nil {
			c.onNotice(unquote(m.method), m.params)
		}
		return
	}
	switch unquote(m.method) {
	case "weir/chunk":
		p.streamed.Store(true)
		if p.in == nil || value == nil || !p.in.push(value) {
			p.abandon(fault(CodeStreamRule, "a chunk came that was not granted"))
		}
	case "weir/credit":
		if credit, ok := integer(n); ok && credit >= 1 && credit <= maxCredit && p.out != nil {
			p.out.add(credit)
		}
	}
}

// lose ends the connection and every call on it.
func (c *Client) lose(why error) {
	if why == io.EOF {
		why = errors.New("the server has closed it")
	}
	c.mutex.Lock()
	if c.lost != nil {
		c.mutex.Unlock()
		return
	}
	c.lost = why
	all := c.calls
	c.calls = map[int64]*pending{}
	c.mutex.Unlock()
	c.conn.Close()
	c.out.fail(why)
	close(c.done)
	if c.onLost != nil {
		c.onLost(why)
	}
	if c.lent != nil {
		c.lent.lostWorker(c.worker, all, why)
		return
	}
	for _, p := range all {
		p.finish(nil, fault(CodeOutcomeUnknown, "outcome unknown: the connection is lost: %v", why))
	}
}
