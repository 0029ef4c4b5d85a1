package dataplane

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// doze is how a worker waits after a second without traffic: in the Go runtime's
// poller. A thread that blocks in ppoll keeps its share of the runtime (its P),
// and the runtime's monitor thread looks at it every 20 µs, then less often, for
// 10 ms each time; that is most of what an idle process costs. The way back takes
// a thread more, some ten microseconds, which the first frame after a silence
// pays.
//
// The runtime polls one epoll descriptor, which holds those of the worker. It
// exists only while the worker dozes, since epoll costs every frame on a
// descriptor in it.
type doze struct {
	file *os.File // the epoll descriptor; nil while awake
}

// sleep waits up to d for one of fds, of which negative ones do not count. It
// reports false where the kernel refuses what it takes; the caller then waits in
// its own way.
func (z *doze) sleep(fds []unix.PollFd, d time.Duration) bool {
	if z.file == nil && !z.enter(fds) {
		return false
	}
	if z.file.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	conn, err := z.file.SyscallConn()
	if err != nil {
		return false
	}
	// The error is that d is over.
	_ = conn.Read(func(fd uintptr) bool {
		var event [1]unix.EpollEvent
		n, err := unix.EpollWait(int(fd), event[:], 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
	return true
}

// enter makes the epoll descriptor.
func (z *doze) enter(fds []unix.PollFd) bool {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	for _, p := range fds {
		if p.Fd >= 0 && err == nil {
			err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, int(p.Fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: p.Fd})
		}
	}
	if err != nil || unix.SetNonblock(ep, true) != nil { // non-blocking: what os.NewFile gives to the poller
		_ = unix.Close(ep)
		return false
	}
	z.file = os.NewFile(uintptr(ep), "doze")
	return true
}

// end takes the descriptors off epoll. It is called before they are closed, and
// when frames have come.
func (z *doze) end() {
	if z.file != nil {
		_ = z.file.Close()
		z.file = nil
	}
}
