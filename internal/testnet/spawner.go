package testnet

import (
	"os/exec"
	"runtime"
	"syscall"
)

// spawner forks from a thread of its own. The parent-death signal is tied to
// the forking thread (prctl(2), PR_SET_PDEATHSIG); one of the runtime's threads
// may end at any time, when some goroutine exits while locked to it.
type spawner struct {
	requests chan func()
	ended    chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func()), ended: make(chan struct{})}
	go s.run()
	return s
}

// run never unlocks its thread, so the thread ends with it, and with the
// thread every child that is still there.
func (s *spawner) run() {
	runtime.LockOSThread()
	defer close(s.ended)
	for request := range s.requests {
		request()
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
	s.requests <- func() { result <- cmd.Start() }
	return <-result
}

func (s *spawner) stop() {
	close(s.requests)
	<-s.ended
}
