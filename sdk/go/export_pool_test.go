package weir

// WithoutLending sends the calls of a pool through weir.
func WithoutLending() PoolOption { return func(o *poolOptions) { o.notLent = true } }

// Lends tells whether a pool calls its workers itself.
func Lends(p *Pool) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.process != nil && p.process.lent != nil
}
