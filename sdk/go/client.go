package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrClosed is the error of a call on a client that is closed or has lost its
// connection. The call was not sent.
var ErrClosed = errors.New("weir: the connection is closed")

// Client calls functions through the socket of `weir serve`. Any number of goroutines
// may share one.
type Client struct {
	conn    io.ReadWriteCloser
	out     *outbox
	methods map[string]Description
	plain   chan struct{} // for a peer that speaks plain JSON-RPC: one call at a time
	done    chan struct{} // closed when the connection has ended

	mutex sync.Mutex
	calls map[int64]*pending
	last  int64 // id
	lost  error // why there is no connection any more

	noise, late atomic.Int64 // lines that are not messages; responses without a call

	// Of a pool; nil elsewhere:
	worker   *lentWorker // the other end is a worker that was lent
	lent     *lent
	onNotice func(method string, params []byte) // notifications about no call
	onLost   func(why error)
}

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

// brokenLine is the error of a line that is not a message.
type brokenLine struct{ reason, line string }

func (b brokenLine) Error() string {
	return fmt.Sprintf("received a line that is not a message: %s: %q", b.reason, b.line)
}

// DialOption changes how Dial connects.
type DialOption func(*dialing)

type dialing struct {
	anyServer bool
}

// AnyServer lets Dial connect to a server that runs as any user. Without it, Dial
// refuses a server that runs neither as this user nor as root, and sends nothing to it.
func AnyServer() DialOption {
	return func(d *dialing) { d.anyServer = true }
}

// dialTimeout is how long Dial waits with a context that has no deadline.
const dialTimeout = 30 * time.Second

// Dial connects to the socket of `weir serve`. An empty path is its default,
// $XDG_RUNTIME_DIR/weir.sock. Dial waits for a busy server until ctx is done, or for 30
// seconds if it has no deadline. For another user's server the error is os.ErrPermission
// in the sense of errors.Is; AnyServer allows it.
func Dial(ctx context.Context, path string, options ...DialOption) (*Client, error) {
	var how dialing
	for _, option := range options {
		option(&how)
	}
	if path == "" {
		path = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "weir.sock")
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTimeout)
		defer cancel()
	}
	conn, err := connect(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("weir: %w", err)
	}
	if !how.anyServer {
		if err := checkServer(conn, path); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return NewClient(ctx, conn)
}

// connect waits while the server's queue of connections is full: Linux tells so at
// once, and has no event for its end.
func connect(ctx context.Context, path string) (net.Conn, error) {
	const longest = 50 * time.Millisecond
	var dialer net.Dialer
	for pause := time.Millisecond; ; pause *= 2 {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil || !errors.Is(err, syscall.EAGAIN) {
			// The dialer's clock may be the first to see the deadline.
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				err = fmt.Errorf("the server at %q takes no connection in time: %w", path, ErrDeadline)
			}
			return conn, err
		}
		if pause > longest {
			pause = longest
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("the server at %q takes no connection, too many wait already: %w",
				path, asError(ctx.Err()))
		}
	}
}

// checkServer: any user that can write to the directory can create a socket in it, and
// would receive the arguments of all calls.
func checkServer(conn net.Conn, path string) error {
	uid, err := peerUID(conn)
	if err != nil {
		return fmt.Errorf("weir: cannot determine the user of the server at %q (%v): nothing was sent; "+
			"weir.AnyServer() allows it: %w", path, err, os.ErrPermission)
	}
	if own := os.Geteuid(); uid != 0 && int64(uid) != int64(own) {
		return fmt.Errorf("weir: the server at %q is run by uid %d, neither by ours (%d) nor by root: nothing was sent; "+
			"weir.AnyServer() allows it: %w", path, uid, own, os.ErrPermission)
	}
	return nil
}

// checkPath refuses in words what the address of a socket cannot hold, and what net
// would take for the name of an abstract socket.
func checkPath(path string) error {
	if path[0] == '@' || path[0] == 0 {
		return fmt.Errorf("weir: %q names an abstract socket, which weir does not use: give the path of a file", path)
	}
	if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > limit {
		return fmt.Errorf("weir: %q is too long for the path of a socket: it has %d bytes, and the limit is %d",
			path, len(path), limit)
	}
	return nil
}

// NewClient is Dial for an existing connection: to a server, or the two pipes of one
// worker. It sends the hello, and closes the connection if that fails.
func NewClient(ctx context.Context, conn io.ReadWriteCloser) (*Client, error) {
	return newClient(conn).greet(ctx)
}

func newClient(conn io.ReadWriteCloser) *Client {
	return &Client{
		conn:  conn,
		out:   newOutbox(conn),
		done:  make(chan struct{}),
		calls: map[int64]*pending{},
	}
}

// run starts to read and write.
func (c *Client) run() {
	c.out.onError = c.lose
	if c.worker != nil { // its last answers may be there when it reads no more
		c.out.onError = func(error) { c.lent.deafWorker(c.worker) }
	}
	go c.out.flusher(c.done)
	go c.read()
}

func (c *Client) greet(ctx context.Context) (*Client, error) {
	c.run()
	if err := c.hello(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) hello(ctx context.Context) error {
	raw, err := ask(ctx, c, "weir/hello", []any{Named{"version": 1}})
	if errors.Is(err, ErrNoMethod) {
		c.plain = make(chan struct{}, 1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("weir: hello: %w", err)
	}
	var answer struct {
		Version int
		Methods map[string]Description
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("weir: the answer to hello: %w", err)
	}
	if answer.Version != 1 || answer.Methods == nil {
		return fmt.Errorf("weir: the answer to hello has version %d, or no methods", answer.Version)
	}
	c.methods = answer.Methods
	return nil
}

// Methods returns the functions that were available when the connection was made.
func (c *Client) Methods() map[string]Description {
	methods := make(map[string]Description, len(c.methods))
	for name, description := range c.methods {
		methods[name] = description
	}
	return methods
}

// Close closes the connection. Open calls end with ErrOutcomeUnknown, and the server
// cancels them.
func (c *Client) Close() error {
	c.lose(ErrClosed)
	return nil
}

// cancelAll asks for the end of every call.
func (c *Client) cancelAll() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for id := range c.calls {
		route{c, id}.cancel()
	}
	c.out.pushNow()
}

// quiet waits until no call is under way.
func (c *Client) quiet(ctx context.Context) error {
	for {
		c.mutex.Lock()
		var one *pending
		for _, one = range c.calls {
			break
		}
		c.mutex.Unlock()
		if one == nil {
			return nil
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			return asError(ctx.Err())
		}
	}
}

// --- Calls ------------------------------------------------------------------

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

// take waits until a call may be sent: a plain peer has one at a time.
func (c *Client) take(ctx context.Context) error {
	if c.plain == nil {
		return nil
	}
	select {
	case c.plain <- struct{}{}:
		return nil
	case <-c.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) release() {
	if c.plain != nil {
		<-c.plain
	}
}

func (c *Client) add(p *pending) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.lost != nil {
		if errors.Is(c.lost, ErrClosed) {
			return ErrClosed
		}
		return fmt.Errorf("%w: %v", ErrClosed, c.lost)
	}
	c.last++
	p.id = c.last
	c.calls[p.id] = p
	return nil
}

// remove forgets a call. It returns false when it was over already.
func (c *Client) remove(p *pending) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.calls[p.id] != p {
		return false
	}
	delete(c.calls, p.id)
	return true
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
