package dataplane

import (
	"time"

	"golang.org/x/sys/unix"
)

// poller is the worker's way to sleep: the descriptors of its bell, of its cold
// ports together, and of each hot one. ppoll was measured against epoll, whose callback runs for
// every received frame, busy or not, and cost 12–15 % of small frames
// (proofs.md §4).
type poller struct {
	bell      bell
	cold      cold
	fds       []unix.PollFd // the bell's, the cold ports', then those of ports
	ports     []*port       // ports[i] is behind fds[i+others]
	busyUntil Time
	paused    bool // since the last round that found work
	rounds    uint
	doze      doze
}

// others is how many descriptors are polled before those of the hot ports.
const others = 2

// rebuild takes over that ports came or went.
func (w *Worker) rebuild() {
	w.active = w.active[:0]
	for _, p := range w.ports {
		if p != nil && p.owned {
			w.active = append(w.active, p)
		}
	}
	w.sort()
	w.watch()
	w.box.grow(len(w.ports))
	w.ownBox.grow(len(w.ports))
}

// watch lists the descriptors after ports became hot or cold.
func (w *Worker) watch() {
	w.poll.doze.end()
	w.poll.fds = append(w.poll.fds[:0],
		unix.PollFd{Fd: int32(w.poll.bell.fd), Events: unix.POLLIN},
		unix.PollFd{Fd: int32(w.poll.cold.fd), Events: unix.POLLIN}) // ppoll passes over -1
	w.poll.ports = w.poll.ports[:0]
	for _, p := range w.hot {
		if fd := p.FD(); fd >= 0 {
			w.poll.fds = append(w.poll.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			w.poll.ports = append(w.poll.ports, p)
		}
	}
}

// sleep waits up to d for frames, for a ring of the bell, or for what other
// workers hand over.
func (w *Worker) sleep(d time.Duration) {
	switch {
	case !w.rest():
	case w.quiet && w.listen() && w.poll.doze.sleep(w.poll.fds, d):
		w.wait(0)
	default:
		w.wait(d)
	}
	w.rise()
}

// listen names the descriptors to wait for: those of the ports that are up. It
// reports whether all are.
func (w *Worker) listen() (all bool) {
	all = true
	for i, p := range w.poll.ports {
		fd := &w.poll.fds[i+others]
		if fd.Fd = int32(p.FD()); !p.up {
			fd.Fd, all = -1, false
		}
	}
	return all
}

// pause sleeps without looking for frames.
func pause() {
	ts := unix.NsecToTimespec(int64(pace))
	_ = unix.Nanosleep(&ts, nil) // a signal ends it early
}

// wait marks the ports that have frames, sleeping up to d for the first one.
// A port that is down is asked again at the next tick only: its descriptor
// would report an error at once, for ever.
func (w *Worker) wait(d time.Duration) {
	w.listen()
	ts := unix.NsecToTimespec(max(int64(d), 0))
	n, err := unix.Ppoll(w.poll.fds, &ts, nil)
	if err != nil || n == 0 {
		return // EINTR: the next round polls again
	}
	if w.poll.fds[0].Revents != 0 {
		w.poll.bell.drain()
	}
	for i, p := range w.poll.ports {
		if w.poll.fds[i+others].Revents != 0 {
			p.ready = true
		}
	}
	if w.poll.fds[1].Revents != 0 {
		w.heat()
	}
}
