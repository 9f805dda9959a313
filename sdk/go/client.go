package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
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

// brokenLine is the error of a line that is not a message.
type brokenLine struct{ reason, line string }

func (b brokenLine) Error() string {
	return fmt.Sprintf("received a line that is not a message: %s: %q", b.reason, b.line)
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
