package daemon

import (
	"context"
	"errors"

	"ubridge/dataplane"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// kernelFlows is the router's Kernel: flows that are established go by the fast path.
// The worker calls it.
type kernelFlows struct {
	path    *fastpath.Path
	scratch fastpath.Flow
}

// protocols of IP, by the table's.
var protocols = [...]uint8{nat.TCP: wire.ProtoTCP, nat.UDP: wire.ProtoUDP, nat.Echo: wire.ProtoICMP}

func (k *kernelFlows) fill(f *nat.Offer) *fastpath.Flow {
	k.scratch = fastpath.Flow{
		Slot: f.Slot, Network: f.Network, Protocol: protocols[f.Proto], OutwardOnly: f.OutwardOnly,
		Inside: f.Inside, Outside: f.Outside, Remote: f.Remote,
		InsidePort: f.InsidePort, OutsidePort: f.OutsidePort, RemotePort: f.RemotePort,
	}
	return &k.scratch
}

// Put implements gateway.Kernel. A flow for which there is no room stays with the
// router.
func (k *kernelFlows) Put(f *gateway.Flow) bool {
	to := k.fill(&f.Offer)
	to.Guest, to.Station, to.GuestMTU = f.Guest, f.Station, f.GuestMTU
	to.Generation, to.Uplink, to.NextHop, to.Source = k.path.Generation(), int(f.Uplink), f.NextHop, f.Source
	to.MTU, to.OnlyUplink = f.MTU, f.OnlyUplink
	return k.path.PutFlow(to) == nil
}

// Recall implements nat.Kernel. What fails is not there.
func (k *kernelFlows) Recall(f *nat.Offer) { _ = k.path.DropFlow(k.fill(f)) }

// Used implements nat.Kernel.
func (k *kernelFlows) Used(slot int) nat.Time { return nat.Time(k.path.Used(slot)) }

// Reroute implements gateway.Kernel.
func (k *kernelFlows) Reroute() { k.path.Reroute() }

// fastOpened gives flows to the fast path that was just opened, and puts the uplinks
// that are open on it.
func (d *Daemon) fastOpened() {
	k := &kernelFlows{path: d.fast.path}
	if !d.worker.Post(func(*dataplane.Worker) { d.router.SetKernel(k) }) {
		return
	}
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	for _, u := range d.out.uplinks {
		if u.port != nil {
			d.ended("fast path", d.speedUpUplink(u))
		}
	}
}

// fastFlows says that the network's flows may go by the fast path.
func (d *Daemon) fastFlows(n *network) bool {
	return n.fast.mode != config.FastPathOff && n.def.Mode == config.ModeNAT
}

// openedFast is the fast path, nil while there is none. It needs no lock.
func (d *Daemon) openedFast() *fastpath.Path {
	select {
	case <-d.fast.opened:
		return d.fast.path
	default:
		return nil
	}
}

// speedUpUplink puts an open uplink on the fast path; one without Ethernet stays as it
// is. out.mu is held.
func (d *Daemon) speedUpUplink(u *uplink) error {
	path := d.openedFast()
	if path == nil || u.l3 {
		return d.steer.DetachUplinkForward(u.ifindex) // of a daemon that was killed
	}
	// The port comes last: until then both programs leave everything to user space.
	err := u.port.SetFilter(path.UplinkFilter())
	if err == nil {
		err = d.steer.AttachUplinkForward(u.ifindex, path.UplinkProgram())
	}
	if err == nil {
		err = path.SetPort(fastpath.Port{Ifindex: u.ifindex, Kind: fastpath.Uplink})
	}
	if err != nil {
		return errors.Join(err, d.slowDownUplink(u))
	}
	d.fast.join(u.id, fastMember{ifindex: u.ifindex, kind: fastpath.Uplink})
	return nil
}

// uplinkFilter is the program for the packet socket of an uplink, -1 for none. It is
// there from the socket's first frame on: a daemon that was killed may have left flows
// in the kernel.
func (d *Daemon) uplinkFilter(u *uplink) int {
	if path := d.openedFast(); path != nil && !u.l3 {
		return path.UplinkFilter()
	}
	return d.steer.FilterFD()
}

// slowDownUplink takes an uplink off the fast path. out.mu is held.
func (d *Daemon) slowDownUplink(u *uplink) error {
	path := d.openedFast()
	if path == nil {
		return nil
	}
	d.fast.join(u.id, fastMember{})
	return errors.Join(path.RemovePort(u.ifindex, fastpath.Uplink), d.steer.DetachUplinkForward(u.ifindex))
}

// forsakeFlows gives flows that a dead daemon had put in back to the router, when their
// networks run again: it puts in anew what still holds.
func (d *Daemon) forsakeFlows() error {
	var clearErr error
	err := d.worker.Do(context.Background(), func(w *dataplane.Worker) {
		clearErr = d.fast.path.ClearFlows()
		d.router.NAT().Forsake(nat.Time(w.Now().Seconds()))
	})
	return errors.Join(err, clearErr)
}
