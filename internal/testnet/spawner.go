package testnet

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

var errLabClosed = errors.New("the lab has been removed")

// spawner forks from a thread of its own. The parent-death signal is tied to
// the forking thread (prctl(2), PR_SET_PDEATHSIG); one of the runtime's threads
// may end at any time, when some goroutine exits while locked to it.
type spawner struct {
	requests chan func()
	quit     chan struct{} // closed by stop
	ended    chan struct{} // closed when the thread is about to end
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{})}
	go s.run()
	return s
}

// run never unlocks its thread, so the thread ends with it, and with the
// thread every child that is still there.
func (s *spawner) run() {
	runtime.LockOSThread()
	defer close(s.ended)
	for {
		select {
		case request := <-s.requests:
			request()
		case <-s.quit:
			return
		}
	}
}

// start starts cmd in a process group of its own: a Ctrl-C at the terminal is
// for the test, which then stops its children in order. A detached child gets
// its own session and no parent-death signal.
func (s *spawner) start(cmd *exec.Cmd, detached bool) error {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if detached {
		attr = &syscall.SysProcAttr{Setsid: true}
	}
	cmd.SysProcAttr = attr
	result := make(chan error)
	select {
	case s.requests <- func() { result <- cmd.Start() }:
		return <-result
	case <-s.quit:
		return errLabClosed
	}
}

func (s *spawner) stop() {
	close(s.quit)
	<-s.ended
}
