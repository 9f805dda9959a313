package weir

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"
)

// Bounded ends the program when a test takes longer than any should, and names it: what hangs is
// in the list of goroutines. A soak that is asked for by its variable has the time of go test.
func Bounded(t *testing.T) { BoundedBy(t, time.Minute) }

func BoundedBy(t *testing.T, most time.Duration) {
	if os.Getenv("WEIR_STORM") != "" || os.Getenv("WEIR_KILLS") != "" {
		return
	}
	name := t.Name()
	timer := time.AfterFunc(most, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("%s hangs: it is not over after %v", name, most))
	})
	t.Cleanup(func() { timer.Stop() })
}
