package daemon

import (
	"context"
	"errors"
	"sync"

	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/taphelper"
)

// serveHelper answers ubridge-bridge-helper until ctx is cancelled, if it is to be
// answered. Peers that may use the control socket need no line in the ACL: they
// could add the port themselves.
func (d *Daemon) serveHelper(ctx context.Context, control *api.Listener, tasks *sync.WaitGroup) error {
	if !d.cfg.Helper.Enabled {
		return nil
	}
	l, err := taphelper.Listen(d.cfg.HelperSocket())
	if err != nil {
		return err
	}
	makeTap := func(_ context.Context, peer api.Peer, r taphelper.Request) (taphelper.Tap, error) {
		return d.makeHelperTap(peer, r, control.MayChange(peer))
	}
	tasks.Go(func() { d.ended("bridge helper", taphelper.Serve(ctx, l, makeTap, d.log)) })
	return nil
}

// makeHelperTap makes a tap for a guest of the peer and attaches it.
func (d *Daemon) makeHelperTap(peer api.Peer, r taphelper.Request, trusted bool) (tap taphelper.Tap, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.networkOrBridge(r.Bridge)
	if err != nil {
		return tap, err
	}
	if !trusted {
		if err := taphelper.Check(d.cfg.Helper.ACL, peer, n.def.Name, n.device); err != nil {
			return tap, err
		}
	}
	if have := d.helperTaps(peer.UID); peer.UID != 0 && have >= d.cfg.Helper.Taps {
		return tap, api.Errorf(api.Failed, "uid %d has %d taps already, which is as many as helper.taps_per_user allows", peer.UID, have)
	}
	file, dev, err := hostnet.OpenGuestTap(r.VnetHdr, n.linkMTU())
	if err != nil {
		return tap, err
	}
	if err := d.joinHelperTap(n, dev, peer); err != nil {
		return tap, errors.Join(err, file.Close())
	}
	n.log.Info("tap is made for a guest", "port", dev.Name, "uid", peer.UID, "pid", peer.PID)
	return taphelper.Tap{File: file, Port: dev.Name}, nil
}

func (d *Daemon) joinHelperTap(n *network, dev hostnet.Device, peer api.Peer) error {
	st, err := d.transientPort(n, dev, byHelper)
	if err != nil {
		return err
	}
	st.Transient.UID = peer.UID
	return d.join(n, st)
}

// networkOrBridge finds a running network by its name or its host port's.
func (d *Daemon) networkOrBridge(name string) (*network, error) {
	for _, n := range d.nets {
		if n.device == name && d.nets[name] == nil {
			return n, nil
		}
	}
	return d.runningNetwork(name)
}

// helperTaps is how many taps of a user there are.
func (d *Daemon) helperTaps(uid int) (count int) {
	for _, st := range d.state.Ports {
		if st.Transient != nil && st.Transient.By == byHelper && st.Transient.UID == uid {
			count++
		}
	}
	return count
}

// closedBecause tells that nobody holds a helper's tap open any more: a user may
// have made it persistent, so that it is still there.
func (d *Daemon) closedBecause(st *portState) string {
	dev, err := hostnet.DeviceInfo(st.Name)
	if err != nil || dev.Carrier || st.Transient.By != byHelper {
		return ""
	}
	switch err := hostnet.RemoveTap(st.Name); {
	case errors.Is(err, hostnet.ErrTapInUse):
		return ""
	case err != nil:
		d.log.Warn("tap of a guest that has ended stays", "port", st.Name, "err", err)
		return ""
	}
	return "its guest has ended"
}
