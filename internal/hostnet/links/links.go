// Package links tells when network devices came, went or changed.
//
// # Theory of operation
//
// Watch subscribes to the kernel's link notifications and calls back once for
// any number of them that arrive close together: a device that a guest opens
// makes several. It does not say what changed; the caller looks at the devices
// it cares for, which is right whatever was missed. When the subscription
// breaks (ENOBUFS), it is made anew and counts as a change.
//
// # Network namespaces and concurrency
//
// Open subscribes in the network namespace of the calling thread. Run is one
// goroutine and calls back on it.
package links

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// settle is how long notifications are gathered before the callback: guests do
// not notice it, and it spares a look at every port for each of the messages
// that one change makes.
const settle = 20 * time.Millisecond

// Watch is a subscription.
type Watch struct {
	ns      netns.NsHandle
	updates chan netlink.LinkUpdate
	done    chan struct{}
	broken  chan error
}

// Open subscribes; changes from now on count.
func Open() (*Watch, error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("watch network devices: %w", err)
	}
	w := &Watch{ns: ns}
	if err := w.subscribe(); err != nil {
		ns.Close()
		return nil, fmt.Errorf("watch network devices: %w", err)
	}
	return w, nil
}

func (w *Watch) subscribe() error {
	w.updates = make(chan netlink.LinkUpdate, 64)
	w.done = make(chan struct{})
	w.broken = make(chan error, 1)
	broken := w.broken
	return netlink.LinkSubscribeWithOptions(w.updates, w.done, netlink.LinkSubscribeOptions{
		Namespace: w.elsewhere(),
		ErrorCallback: func(err error) {
			select {
			case broken <- err:
			default:
			}
		},
	})
}

// elsewhere is the namespace to subscribe in, nil where the calling thread is in
// it already: entering even that one needs CAP_SYS_ADMIN, which a daemon with
// the network's capabilities alone does not have.
func (w *Watch) elsewhere() *netns.NsHandle {
	here, err := netns.Get()
	if err != nil {
		return &w.ns
	}
	defer here.Close()
	if here.Equal(w.ns) {
		return nil
	}
	return &w.ns
}

// Run calls changed after changes, until ctx is cancelled.
func (w *Watch) Run(ctx context.Context, changed func()) error {
	defer w.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.updates:
			if !ok {
				w.renew(ctx)
			}
		case <-w.broken:
			w.renew(ctx)
		}
		w.drain(ctx)
		if ctx.Err() == nil {
			changed()
		}
	}
}

// drain passes over what arrives within the settling time.
func (w *Watch) drain(ctx context.Context) {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case _, ok := <-w.updates:
			if !ok {
				return
			}
		}
	}
}

// renew ends the subscription, whose socket stays open otherwise, and subscribes
// again, trying until it works or ctx is cancelled.
func (w *Watch) renew(ctx context.Context) {
	w.end()
	for ctx.Err() == nil {
		if err := w.subscribe(); err == nil {
			return
		}
		w.updates = nil
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// end ends the subscription, if there is one, and waits until the library has
// let go of it.
func (w *Watch) end() {
	if w.updates == nil {
		return
	}
	close(w.done)
	for range w.updates { // the library closes it when its socket is closed
	}
	w.updates = nil
}

func (w *Watch) close() {
	w.end()
	w.ns.Close()
}
