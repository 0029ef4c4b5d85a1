package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
)

// runner is a testnet.T outside of a test: fatal errors are panics that finish
// turns back into errors, after everything is cleaned up.
type runner struct{ cleanups []func() }

type fatal struct{ err error }

// Helper, Name, Logf, Errorf, Fatalf and Cleanup implement testnet.T.
func (r *runner) Helper()                   {}
func (r *runner) Name() string              { return "bench" }
func (r *runner) Logf(f string, a ...any)   { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (r *runner) Errorf(f string, a ...any) { fmt.Fprintf(os.Stderr, "error: "+f+"\n", a...) }
func (r *runner) Fatalf(f string, a ...any) { panic(fatal{fmt.Errorf(f, a...)}) }
func (r *runner) Cleanup(fn func())         { r.cleanups = append(r.cleanups, fn) }

// clean runs what was to be cleaned up, latest first.
func (r *runner) clean() {
	for _, fn := range slices.Backward(r.cleanups) {
		fn()
	}
	r.cleanups = nil
}

// finish cleans up and gives what ended the run.
func (r *runner) finish(recovered any, err error) error {
	r.clean()
	switch v := recovered.(type) {
	case nil:
		return err
	case fatal:
		return errors.Join(v.err, err)
	default:
		return fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}
