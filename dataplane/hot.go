package dataplane

import (
	"golang.org/x/sys/unix"
)

// A worker of many ports looks only at those that have traffic: looking at a ring
// costs a cache line that is not there, and polling a descriptor some ten
// nanoseconds, for each port and round. The others are cold: one epoll descriptor
// stands for all of them among those that are polled. A port that epoll reports
// becomes hot and leaves epoll, whose callback would cost each of its frames; one
// that had no frame from one tick to the next becomes cold again.

// fewPorts is up to how many ports all are always hot.
const fewPorts = 8

// cold is the epoll descriptor of the cold ports.
type cold struct {
	fd     int // -1 while all ports are hot
	events [16]unix.EpollEvent
}

func (c *cold) open() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		fd = -1 // all ports stay hot, which is slower and nothing else
	}
	c.fd = fd
	return fd >= 0
}

func (c *cold) close() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
	}
	c.fd = -1
}

// add makes p cold; false for a port that cannot be polled.
func (c *cold) add(p *port) bool {
	fd := p.FD()
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.id)} // what epoll gives back: the port, not the descriptor
	return fd >= 0 && unix.EpollCtl(c.fd, unix.EPOLL_CTL_ADD, fd, &event) == nil
}

// sort puts the owned ports on the hot side or the cold one.
func (w *Worker) sort() {
	w.poll.cold.close()
	w.hot = w.hot[:0]
	many := len(w.active) > fewPorts && w.poll.cold.open()
	for _, p := range w.active {
		if !many || p.ready || !p.up || !w.poll.cold.add(p) {
			w.hot = append(w.hot, p)
		}
	}
}

// heat makes the cold ports hot that have frames or an error. Those that do not
// fit the list of events follow with the next call.
func (w *Worker) heat() {
	c := &w.poll.cold
	n, err := unix.EpollWait(c.fd, c.events[:], 0)
	if err != nil || n <= 0 {
		return
	}
	for _, e := range c.events[:n] {
		p := w.ports[e.Fd]
		if unix.EpollCtl(c.fd, unix.EPOLL_CTL_DEL, p.FD(), nil) == nil {
			p.ready = true
			w.hot = append(w.hot, p)
		}
	}
	w.watch()
}

// cool makes the hot ports cold that had no frame since the last call.
func (w *Worker) cool() {
	if w.poll.cold.fd < 0 {
		return
	}
	keep := w.hot[:0]
	for _, p := range w.hot {
		still := p.counters.RxFrames == p.before && p.up && !p.ready
		p.before = p.counters.RxFrames
		if !still || !w.poll.cold.add(p) {
			keep = append(keep, p)
		}
	}
	if len(keep) < len(w.hot) {
		w.hot = keep
		w.watch()
	}
}
