package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"math"
	"strings"
	"time"

	"ubridge/dataplane"
	"ubridge/dhcpd"
	"ubridge/fdb"
	"ubridge/internal/api"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// chunk is how many table entries are copied between two batches: few enough
// that frames do not wait for a listing.
const chunk = 512

// whole is a whole table, for who looks at it beside the workers.
const whole = math.MaxInt

// selected are the running networks that a list is about.
func (d *Daemon) selected(name string) (list []*network, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.known(name); err != nil {
		return nil, err
	}
	for _, net := range sortedNames(d.nets) {
		if name == "" || net == name {
			list = append(list, d.nets[net])
		}
	}
	return list, nil
}

// Leases implements api.Backend.
func (b backend) Leases(ctx context.Context, name string) iter.Seq2[api.Lease, error] {
	return func(yield func(api.Lease, error) bool) {
		nets, err := b.d.selected(name)
		if err != nil {
			yield(api.Lease{}, err)
			return
		}
		for _, n := range nets {
			if n.dhcp == nil {
				continue
			}
			leases, err := n.dhcp.Leases(ctx)
			if errors.Is(err, gateway.ErrServiceEnded) {
				continue // stopped since it was selected
			}
			if err != nil {
				yield(api.Lease{}, err)
				return
			}
			for _, l := range leases {
				if !yield(leaseLine(n, l), nil) {
					return
				}
			}
		}
	}
}

func leaseLine(n *network, l dhcpd.Lease) api.Lease {
	out := api.Lease{
		Network: n.name, MAC: wire.MAC(l.MAC).String(), IP: l.IP.String(), Prefix: n.addr.Bits(),
		Hostname: l.Hostname, ClientID: clientID(l.ClientID), Protocol: "ipv4",
	}
	if !l.Expires.IsZero() {
		out.Expires = l.Expires.Unix()
	}
	return out
}

// clientID is a client identifier as dnsmasq and virsh print it: hex pairs.
func clientID(id []byte) string {
	pairs := make([]string, len(id))
	for i, b := range id {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(pairs, ":")
}

// FDB implements api.Backend.
func (b backend) FDB(ctx context.Context, name string) iter.Seq2[api.Station, error] {
	return func(yield func(api.Station, error) bool) {
		nets, err := b.d.selected(name)
		if err != nil {
			yield(api.Station{}, err)
			return
		}
		_, _ = b.d.tendStations() // the ages that the kernel knows; what fails is tried again
		for _, n := range nets {
			if !b.d.stations(ctx, n, yield) {
				return
			}
		}
	}
}

// stations yields a network's stations, copying a chunk at a time.
func (d *Daemon) stations(ctx context.Context, n *network, yield func(api.Station, error) bool) bool {
	for cursor := 0; ; {
		var list []api.Station
		err := d.worker.Do(ctx, func(w *dataplane.Worker) {
			b := w.Bridge(n.bridge)
			if b == nil {
				cursor = 0
				return
			}
			cursor = b.FDB().Walk(cursor, chunk, w.Now().Seconds(), func(s fdb.Station) {
				info, _ := w.Port(dataplane.PortID(s.Port))
				list = append(list, api.Station{
					Network: n.name, MAC: s.MAC.String(), Port: info.Name, Age: float64(s.Age), Static: s.Static,
				})
			})
		})
		if err != nil {
			return yield(api.Station{}, err) && false
		}
		for _, s := range list {
			if !yield(s, nil) {
				return false
			}
		}
		if cursor == 0 {
			return true
		}
	}
}

// Flows implements api.Backend.
func (b backend) Flows(ctx context.Context, name string) iter.Seq2[api.Flow, error] {
	return func(yield func(api.Flow, error) bool) {
		nets, err := b.d.selected(name)
		if err != nil {
			yield(api.Flow{}, err)
			return
		}
		for _, n := range nets {
			if !b.d.flowsOf(ctx, n, yield) {
				return
			}
		}
	}
}

// flowsOf yields a network's flows, copying a chunk at a time.
func (d *Daemon) flowsOf(ctx context.Context, n *network, yield func(api.Flow, error) bool) bool {
	buf := make([]nat.Flow, chunk)
	for start := 0; start >= 0; {
		var got int
		err := d.worker.Do(ctx, func(w *dataplane.Worker) {
			now := nat.Time(w.Now().Seconds())
			got, start = d.router.NAT().Flows(now, nat.Networks{One: uint16(n.bridge)}, start, buf)
		})
		if err != nil {
			return yield(api.Flow{}, err) && false
		}
		for _, f := range buf[:got] {
			if !yield(flowLine(n, f), nil) {
				return false
			}
		}
	}
	return true
}

func flowLine(n *network, f nat.Flow) api.Flow {
	return api.Flow{
		Network: n.name, Proto: f.Proto.String(), Inside: f.Inside.String(), Outside: f.Outside.String(),
		Remote: f.Remote.String(), State: f.State.String(), ExpiresIn: float64(f.ExpiresIn),
	}
}

// Status implements api.Backend.
func (b backend) Status(ctx context.Context) (api.Status, error) {
	nets, err := b.d.selected("")
	if err != nil {
		return api.Status{}, err
	}
	out := b.d.identity()
	out.Totals.Drops = map[string]uint64{}
	for _, n := range nets {
		st := b.d.status(ctx, n)
		st.Uplink, _ = b.d.uplinkOf(n)
		out.Networks = append(out.Networks, st)
		out.Totals = plus(out.Totals, st)
	}
	return out, nil
}

// status is a network's counts and counters.
func (d *Daemon) status(ctx context.Context, n *network) api.NetworkStatus {
	st := api.NetworkStatus{Name: n.name, Active: true}
	st.Drops = map[string]uint64{}
	if n.dhcp != nil {
		// An error means that the daemon is stopping: no leases to count.
		leases, _ := n.dhcp.Leases(ctx)
		st.Leases = len(leases)
	}
	d.mu.Lock()
	st.Ports = len(n.ports)
	for _, a := range n.ports {
		if a.port != nil && a.carrier {
			st.PortsUp++
		}
	}
	d.mu.Unlock()
	var members []dataplane.PortID
	_ = d.worker.Do(ctx, func(w *dataplane.Worker) {
		if b := w.Bridge(n.bridge); b != nil {
			st.Stations = b.FDB().Len()
			for _, m := range b.Members() {
				info, _ := w.Port(m)
				st.Counters = sum(st.Counters, &info.Counters)
				members = append(members, m)
			}
		}
		st.Flows = d.router.NAT().SessionsOf(uint16(n.bridge))
	})
	for _, m := range members {
		d.addFast(&st.Counters, m)
	}
	return st
}

func sum(to api.Counters, c *dataplane.Counters) api.Counters {
	to.RxFrames += c.RxFrames
	to.RxBytes += c.RxBytes
	to.TxFrames += c.TxFrames
	to.TxBytes += c.TxBytes
	for reason, n := range drops(c) {
		to.Drops[reason] += n
	}
	return to
}

func plus(a, b api.NetworkStatus) api.NetworkStatus {
	a.Ports += b.Ports
	a.PortsUp += b.PortsUp
	a.Stations += b.Stations
	a.Leases += b.Leases
	a.Flows += b.Flows
	a.RxFrames += b.RxFrames
	a.RxBytes += b.RxBytes
	a.TxFrames += b.TxFrames
	a.TxBytes += b.TxBytes
	for reason, n := range b.Drops {
		a.Drops[reason] += n
	}
	return a
}

// identity is what a status says of the daemon itself.
func (d *Daemon) identity() api.Status {
	return api.Status{Version: d.opts.Version, PID: pid, Started: d.started.Truncate(time.Second).Unix(), Networks: []api.NetworkStatus{}}
}
