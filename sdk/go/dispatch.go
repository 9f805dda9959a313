package weir

import (
	"context"
	"errors"
	"sync"
	"time"
)

// handle returns whether we still lead.
func (s *server) handle(line []byte) bool {
	m := scan(line)
	switch m.kind {
	case blank:
		return true
	case batch:
		return s.handleBatch(m.params)
	}
	return s.handleMessage(&m, line, nil)
}

func (s *server) handleBatch(elementsOf []byte) bool {
	var all [][]byte
	elements(elementsOf, func(element []byte) { all = append(all, element) })
	if len(all) == 0 {
		s.refuse(nil, nil, fault(CodeNotRequest, "the batch is empty"))
		return true
	}
	// Its bytes must outlive the line: we may lose the lead within.
	reply := &batchReply{}
	messages := make([]message, len(all))
	for i, element := range all {
		messages[i] = scan(append([]byte(nil), element...))
		if messages[i].kind != notification {
			reply.left++
		}
	}
	for i := range messages {
		if messages[i].kind == request {
			s.slowRequest(&messages[i], reply)
		} else {
			s.handleMessage(&messages[i], all[i], reply)
		}
	}
	return true
}

func (s *server) handleMessage(m *message, line []byte, reply *batchReply) bool {
	switch m.kind {
	case request:
		return s.request(m, reply)
	case notification:
		s.notice(m)
	case noise:
		from := skipSpace(line, 0)
		if end := scanValue(line, from, 0); end >= 0 && skipSpace(line, end) == len(line) {
			m.kind, m.reason = notRPC, "the line is not a request"
			s.refuse(nil, reply, fault(CodeNotRequest, "%s", m.reason))
			return true
		}
		s.refuse(nil, reply, fault(CodeNotJSON, "%s", m.reason))
	case notJSON:
		s.refuse(m.id, reply, fault(CodeNotJSON, "%s", m.reason))
	case answer:
		s.refuse(m.id, reply, fault(CodeNotRequest, "a response is not a request"))
	case batch:
		s.refuse(nil, reply, fault(CodeNotRequest, "a batch in a batch"))
	default:
		s.refuse(m.id, reply, fault(CodeNotRequest, "%s", m.reason))
	}
	return true
}

// refuse answers what has become no call. id nil: null.
func (s *server) refuse(id []byte, reply *batchReply, err *Error) {
	if id == nil || string(id) == "null" {
		id = []byte("null")
	}
	s.deliver(reply, nil, appendFailure(nil, id, err), id)
}

// deliver puts a response where it belongs. c is the call that it ends, or nil.
func (s *server) deliver(reply *batchReply, c *call, response, id []byte) int {
	if reply != nil {
		if response = reply.add(response, id); response == nil {
			if c != nil {
				s.out.add(func(to []byte) []byte { c.answered = true; return to })
			}
			return 0
		}
	}
	return s.out.add(func(to []byte) []byte {
		if c != nil {
			c.answered = true
		}
		to = append(to, response...)
		return append(to, '\n')
	})
}

// request makes a call of a request, and begins it. It returns whether we still lead.
func (s *server) request(m *message, reply *batchReply) bool {
	c, slow := s.accept(m, reply)
	if c == nil {
		return true
	}
	return s.begin(c, slow || c.fn.slow.Load())
}

// slowRequest is request for one that the leader must not run itself.
func (s *server) slowRequest(m *message, reply *batchReply) {
	if c, _ := s.accept(m, reply); c != nil {
		s.begin(c, true)
	}
}

// accept checks a request. It returns nil when that has answered it.
func (s *server) accept(m *message, reply *batchReply) (c *call, slow bool) {
	c = &call{server: s, id: append([]byte(nil), m.id...), key: idKey(m.id), batch: reply}
	s.mutex.Lock()
	inUse := s.calls[c.key] != nil
	s.mutex.Unlock()
	if inUse {
		s.refuse(nil, reply, fault(CodeNotRequest, "the id %s is in use", m.id))
		return nil, false
	}
	params := m.params
	slow = reply != nil || len(params) > largeParams
	if slow {
		params = append([]byte(nil), params...)
	}
	if err := s.prepare(c, m, params, slow); err != nil {
		s.refuse(c.id, reply, err)
		return nil, false
	}
	return c, slow
}

// prepare finds out what a request wants, and reads its parameters, or has it
// done later.
func (s *server) prepare(c *call, m *message, params []byte, later bool) *Error {
	method := unquote(m.method)
	var ok bool
	if c.terms, ok = parseTerms(m.weir); !ok {
		return fault(CodeNotRequest, "a member of \"weir\" has a wrong value")
	}
	if c.fn = s.find(method); c.fn == nil {
		return fault(CodeNoMethod, "no method %q", method)
	}
	streams := c.fn.input != "" || c.fn.output || c.input
	switch {
	case c.batch != nil && streams:
		return fault(CodeStreamRule, "%q has a stream: it cannot be called in a batch", method)
	case c.input && c.fn.input == "":
		return fault(CodeParams, "%q takes no input stream", method)
	case !c.input && c.fn.input != "":
		return fault(CodeParams, "argument %q is missing: an input stream", c.fn.input)
	case c.hasDeadline && c.deadlineMS == 0:
		return fault(CodeDeadline, "the deadline is over")
	}
	if later {
		c.invoke = func(c *call, to []byte) ([]byte, error) {
			invoke, err := s.bind(c.fn, params)
			if err != nil {
				return to, wireError{err}
			}
			return invoke(c, to)
		}
		return nil
	}
	var err *Error
	c.invoke, err = s.bind(c.fn, params)
	return err
}

// bind reads parameters; UnmarshalJSON of the author's may panic in it.
func (s *server) bind(fn *Function, params []byte) (invoke invocation, err *Error) {
	defer func() {
		if value := recover(); value != nil {
			err = fromPanic(value)
		}
	}()
	return fn.bind(params)
}

// begin lets a call run, or wait. It returns whether we still lead.
func (s *server) begin(c *call, slow bool) bool {
	c.begin(s.base)
	if c.input {
		c.in = newInbox(0, c.grant)
	}
	if c.fn.output {
		c.out = newSender(c.credit)
	}
	s.mutex.Lock()
	s.calls[c.key] = c
	if s.running >= s.worker.concurrency {
		s.waiting = append(s.waiting, c)
		if c.hasDeadline {
			c.timer = time.AfterFunc(time.Until(c.ends), func() {
				s.stop(c, fault(CodeDeadline, "the deadline was over before the call's turn"))
			})
		}
		s.mutex.Unlock()
		return true
	}
	s.running++
	c.state = running
	s.mutex.Unlock()
	if slow || c.in != nil || c.out != nil {
		go s.work(c)
		return true
	}
	turn := s.lendOut(&c.fn.pace)
	s.run(c)
	if next := s.done(); next != nil {
		go s.work(next)
	}
	if s.lent.CompareAndSwap(turn, 0) {
		return true
	}
	s.out.push() // the leader of now does not know of our answer
	return false
}

// work runs a call, and those that wait for their turn, in a goroutine of its own.
func (s *server) work(c *call) {
	for c != nil {
		began := time.Now()
		s.run(c)
		c.fn.took(time.Since(began))
		if c = s.done(); c != nil {
			s.out.kick()
		} else {
			s.out.push()
		}
	}
}

// done gives up a place, or takes the next call into it.
func (s *server) done() *call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for len(s.waiting) > 0 {
		c := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		if c.state == queued {
			c.state = running
			if c.timer != nil {
				c.timer.Stop()
			}
			return c
		}
	}
	s.waiting = nil
	s.running--
	if s.running == 0 {
		s.quiet.Broadcast()
	}
	return nil
}

// results are the buffers that results are written into.
var results = sync.Pool{New: func() any { return new([]byte) }}

// run calls the function and answers.
func (s *server) run(c *call) {
	buffer := results.Get().(*[]byte)
	gone := true
	defer func() {
		if gone { // runtime.Goexit ends this goroutine; if it leads, the watch finds another
			s.settle(c, nil, errGone())
			s.out.push()
			if next := s.done(); next != nil {
				go s.work(next)
			}
		}
	}()
	result, err := c.do(c.invoke, (*buffer)[:0])
	gone = false
	s.settle(c, result, err)
	if cap(result) <= outboxSpare {
		*buffer = result
		results.Put(buffer)
	}
}

// settle answers a call: with what stopped it, its error or its result.
func (s *server) settle(c *call, result []byte, err error) {
	const envelope = 64
	s.mutex.Lock()
	c.state = over
	stopped := c.stopped
	delete(s.calls, c.key)
	s.mutex.Unlock()
	late := c.hasDeadline && !time.Now().Before(c.ends)
	c.cancel()
	if c.out != nil {
		c.out.close(context.Canceled)
	}

	var failure *Error
	switch {
	case stopped != nil && stopped.Code == CodeStreamRule:
		failure = stopped
	case late:
		failure = fault(CodeDeadline, "the deadline is over")
	case errors.Is(err, errDry):
		failure = fault(CodeCancelled, "%v", err)
	case err != nil && stopped != nil:
		failure = stopped
	case err != nil:
		failure = fromFunction(err)
	case len(result)+len(c.id)+envelope > maxLine:
		failure = fault(CodeTooLong, "a result of %d bytes would make a line longer than 64 MiB", len(result))
	}
	s.respond(c, result, failure)
}

func (s *server) respond(c *call, result []byte, failure *Error) {
	var n int
	switch {
	case failure != nil:
		response := appendFailure(nil, c.id, failure)
		if len(response) > maxLine && failure.Data != nil {
			response = appendFailure(nil, c.id, failure.withoutData(errors.New("it is too long")))
		}
		if len(response) > maxLine {
			response = appendFailure(nil, c.id, fault(CodeTooLong, "the error would make a line longer than 64 MiB"))
		}
		n = s.deliver(c.batch, c, response, c.id)
	case c.batch != nil:
		n = s.deliver(c.batch, c, appendResult(nil, c.id, result), c.id)
	default:
		n = s.out.add(func(to []byte) []byte {
			c.answered = true
			return append(appendResult(to, c.id, result), '\n')
		})
	}
	if n >= outboxFull {
		_ = s.out.flush()
	}
}

// stop is cancel, a deadline in the queue, or a broken rule.
func (s *server) stop(c *call, why *Error) {
	s.mutex.Lock()
	if c.state == over || c.stopped != nil {
		s.mutex.Unlock()
		return
	}
	c.stopped = why
	waits := c.state == queued
	if waits {
		c.state = over
		delete(s.calls, c.key)
	}
	s.mutex.Unlock()
	c.cancel()
	if waits {
		if c.timer != nil {
			c.timer.Stop()
		}
		s.respond(c, nil, why)
		s.out.kick()
	}
}

// notice handles a notification; unknown ones and those of calls that are over
// are ignored.
func (s *server) notice(m *message) {
	var id, value, n, failure []byte
	members(m.params, func(key string, raw []byte) {
		switch key {
		case "id":
			id = raw
		case "value":
			value = raw
		case "n":
			n = raw
		case "error":
			failure = raw
		}
	})
	if !isGoodID(id) {
		return
	}
	s.mutex.Lock()
	c := s.calls[idKey(id)]
	s.mutex.Unlock()
	if c == nil {
		return
	}
	switch unquote(m.method) {
	case "weir/cancel":
		s.stop(c, ErrCancelled)
	case "weir/credit":
		credit, ok := integer(n)
		if !ok || credit < 1 || credit > maxCredit {
			s.stop(c, fault(CodeStreamRule, "credit is an integer from 1"))
		} else if c.out != nil {
			c.out.add(credit)
		}
	case "weir/chunk":
		if c.in == nil || value == nil || !c.in.push(value) {
			s.stop(c, fault(CodeStreamRule, "a chunk came that was not granted"))
		}
	case "weir/end":
		var err error
		if failure != nil {
			err = parseError(failure)
		}
		if c.in == nil || !c.in.finish(err) {
			s.stop(c, fault(CodeStreamRule, "the end of a stream came where there is none"))
		}
	}
}
