package fastpath

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/wire"
	"ubridge/nat"
)

var (
	station   = wire.MAC{2, 0, 0, 0, 0, 0xfe}
	nic       = wire.MAC{2, 0, 0, 0, 1, 1}
	nextHop   = wire.MAC{2, 0, 0, 0, 1, 2}
	gatewayIP = wire.IP4{10, 7, 0, 254}
	outside   = wire.IP4{10, 9, 0, 2}
	servers   = []wire.IP4{{198, 51, 100, 1}, {198, 51, 100, 2}}
)

// Ports of the bed: guests, of which the last two are of one group, the host and an
// uplink; guests of a second network, the NIC that they share, which is the uplink, and
// the helper that stands for the host there.
const (
	numGuests   = 4
	hostPort    = numGuests + 1
	uplinkPort  = numGuests + 2
	sharedGuest = numGuests + 3 // and the next one
	helperPort  = numGuests + 5
	nicPort     = numGuests + 6
	lastPort    = nicPort
)

// shared is the second network, and the group of NIC and helper.
const shared = network + 1

// coreBed has the core of user space, all in memory, beside the programs: the core
// learns and translates and tells the programs of it, as the daemon does. The programs
// run for devices that exist but carry nothing.
type coreBed struct {
	path    *Path
	w       *dataplane.Worker
	ports   [lastPort + 1]*memport.Port
	ifindex [lastPort + 1]int
	cpu     int
	ns      *nstest.NS
	put     Flow     // scratch
	bits    []uint64 // of outside ports that are held
	mtu     int32    // of the way outside
}

func newCoreBed(t testing.TB) *coreBed {
	t.Helper()
	b := &coreBed{ns: nstest.New(t), mtu: 1400}
	b.start(t, 0)
	return b
}

// start makes devices, opens the path and starts the core. slow is as for Open.
func (b *coreBed) start(t testing.TB, slow int) {
	t.Helper()
	for i := 1; i < nicPort; i++ {
		mac := vmMAC(i)
		if i == uplinkPort {
			mac = nic
		}
		b.ns.Run(fmt.Sprintf("ip link add d%d address %s type veth peer name e%d", i, mac, i))
		b.ns.Must(func() error {
			link, err := net.InterfaceByName(fmt.Sprintf("d%d", i))
			b.ifindex[i] = link.Index
			return err
		})
		b.ports[i] = polledPort(t)
	}
	b.ports[nicPort], b.ifindex[nicPort] = polledPort(t), b.ifindex[uplinkPort]
	b.ns.Must(func() (err error) { b.path, err = Open(Options{Stations: 64, Flows: 1024}, slow); return err })
	t.Cleanup(func() { _ = b.path.Close() })
	b.core(t)
	check(t, b.tell())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func polledPort(t testing.TB) *memport.Port {
	p, err := memport.NewPolled(frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: true, MTU: 1500})
	check(t, err)
	return p
}

func vmMAC(n int) wire.MAC { return wire.MAC{2, 0, 0, 0, 0, byte(n)} }
func vmIP(n int) wire.IP4  { return wire.IP4{10, 7, 0, byte(n)} }

// core starts user space's core.
func (b *coreBed) core(t testing.TB) {
	table, err := nat.New(nat.Config{Sessions: 1024, FirstPort: 61000, LastPort: 65535, Seed: [2]uint64{1, 2}, PortBits: b.bits})
	check(t, err)
	stations, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, MaxPorts: 16})
	check(t, err)
	r := gateway.NewRouter(gateway.Config{NAT: table,
		Resolve: func(dataplane.PortID, wire.IP4) bool { return true },
		Local:   func(a wire.IP4) bool { return a == outside },
	})
	b.w, err = dataplane.NewWorker(r, 1)
	check(t, err)
	b.w.AddBridge(network, dataplane.BridgeConfig{FDB: stations, Station: station, TakeDHCP: true, JudgeHost: true, Told: b.told})
	for i := 1; i <= hostPort; i++ {
		b.w.AddPort(dataplane.PortID(i), network, "p", b.ports[i])
	}
	b.w.SetHostPort(hostPort)
	b.w.SetPortGroup(numGuests-1, 1)
	b.w.SetPortGroup(numGuests, 1)
	b.w.AddPort(uplinkPort, dataplane.NoBridge, "u", b.ports[uplinkPort])
	b.shareNIC(t)
	r.AddNetwork(gateway.Network{
		Bridge: network, Station: station, Gateway: gatewayIP, Subnet: netip.MustParsePrefix("10.7.0.0/24"), MTU: 1500, KernelFlows: true,
		DHCP: func(dataplane.PortID, wire.MAC, []byte) bool { return true },
		DNS:  func(netip.AddrPort, []byte, func([]byte)) bool { return true },
	})
	r.SetKernel(b)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.w.Run(ctx) }()
	t.Cleanup(func() { cancel(); check(t, <-done) })
	for _, dst := range servers {
		b.w.PostCycle(func(c *dataplane.Cycle) {
			r.SetHop(c, dst, gateway.Hop{State: gateway.HopReady, Port: uplinkPort, Device: int32(b.ifindex[uplinkPort]), MTU: b.mtu, Outside: outside, Dst: nextHop, Src: nic})
		})
	}
}

// shareNIC makes the second network.
func (b *coreBed) shareNIC(t testing.TB) {
	stations, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 2, MaxPorts: 16})
	check(t, err)
	b.w.AddBridge(shared, dataplane.BridgeConfig{FDB: stations, Station: nic, Bare: true, Told: b.toldShared})
	for i := sharedGuest; i <= nicPort; i++ {
		b.w.AddPort(dataplane.PortID(i), shared, "s", b.ports[i])
	}
	b.w.SetHostPort(helperPort)
	b.w.SetPortGroup(helperPort, shared)
	b.w.SetPortGroup(nicPort, shared)
}

// tell tells the programs what the core was made with.
func (b *coreBed) tell() error {
	n := NIC{
		Network: shared, NIC: b.ifindex[nicPort], Helper: b.ifindex[helperPort], Group: shared, Floor: 1500, Echo: 77,
		Filter: b.path.PortFilter(),
	}
	if err := b.path.SetNIC(n); err != nil {
		return err
	}
	if err := b.path.Learn(Station{Network: shared, MAC: nic, Ifindex: n.Helper, Gateway: true}); err != nil {
		return err
	}
	for i := 1; i < helperPort; i++ {
		p := Port{Ifindex: b.ifindex[i], Network: network, Floor: 1500}
		switch {
		case i == hostPort:
			p.Kind = Host
		case i == uplinkPort:
			p.Kind, p.Network = Uplink, 0
		case i >= sharedGuest:
			p.Network = shared
		case i >= numGuests-1:
			p.Group = 1
		}
		if err := b.path.SetPort(p); err != nil {
			return err
		}
	}
	if err := b.path.SetNetwork(network, netip.PrefixFrom(netip.AddrFrom4(gatewayIP), 24), true); err != nil {
		return err
	}
	return b.path.Learn(Station{Network: network, MAC: station, Ifindex: b.ifindex[hostPort], Gateway: true})
}

func (b *coreBed) told(mac wire.MAC, on dataplane.PortID) {
	if mac != station {
		_ = b.path.Learn(Station{Network: network, MAC: mac, Ifindex: b.ifindex[on]})
	}
}

func (b *coreBed) toldShared(mac wire.MAC, on dataplane.PortID) {
	_ = b.path.Learn(Station{Network: shared, MAC: mac, Ifindex: b.ifindex[on]})
}

// The core's Kernel.

func (b *coreBed) fill(f *nat.Offer) *Flow {
	b.put = Flow{
		Slot: f.Slot, Network: f.Network, OutwardOnly: f.OutwardOnly,
		Protocol: [...]uint8{nat.TCP: wire.ProtoTCP, nat.UDP: wire.ProtoUDP, nat.Echo: wire.ProtoICMP}[f.Proto],
		Inside:   f.Inside, Outside: f.Outside, Remote: f.Remote,
		InsidePort: f.InsidePort, OutsidePort: f.OutsidePort, RemotePort: f.RemotePort,
	}
	return &b.put
}

func (b *coreBed) Used(slot int) nat.Time { return nat.Time(b.path.Used(slot)) }
func (b *coreBed) Recall(f *nat.Offer)    { _ = b.path.DropFlow(b.fill(f)) }
func (b *coreBed) Reroute()               { b.path.Reroute() }

func (b *coreBed) Put(f *gateway.Flow) bool {
	to := b.fill(&f.Offer)
	to.Guest, to.Station, to.GuestMTU, to.Generation = f.Guest, f.Station, f.GuestMTU, b.path.Generation()
	to.Uplink, to.NextHop, to.Source, to.MTU, to.OnlyUplink = int(f.Uplink), f.NextHop, f.Source, f.MTU, f.OnlyUplink
	return b.path.PutFlow(to) == nil
}

// decision is what the programs did with a frame: they left it to user space, or sent
// data out of a port.
type decision struct {
	act  uint8
	port int // 0: for user space
	data []byte
}

// enter has the calling goroutine run on one processor for good, in the bed's namespace.
func (b *coreBed) enter() error {
	runtime.LockOSThread()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	for !set.IsSet(b.cpu) {
		b.cpu++
	}
	set.Zero()
	set.Set(b.cpu)
	return unix.SchedSetaffinity(0, &set)
}

// context is how the kernel is told of a frame's device, linux/bpf.h's __sk_buff.
type skContext struct {
	_       [10]uint32
	Ifindex uint32
	_       [33]uint32
	GSOSize uint32
	_       [3]uint32
}

// cannotRun reports whether the kernel does not run a program on a frame for a test: it
// wants whole headers of IP (net/bpf/test_run.c).
func cannotRun(data []byte) bool {
	n := len(data) - wire.EthernetLen
	switch wire.Ethernet(data).Type() {
	case wire.TypeIPv4:
		return n < wire.IPv4Len
	case wire.TypeIPv6:
		return n < 40
	}
	return n < 1
}

// decide runs the program of a port on a frame.
func (b *coreBed) decide(from int, data []byte, gso uint16) (d decision, err error) {
	program, other := b.path.objects.Port, uint32(2) // TC_ACT_SHOT
	switch from {
	case hostPort:
		program, other = b.path.objects.Host, 0xffffffff
	case uplinkPort, nicPort:
		program, other = b.path.objects.Uplink, 0xffffffff
	case helperPort: // what the host sends leaves by the NIC
		program, other, from = b.path.objects.NicHost, 0xffffffff, nicPort
	}
	if cannotRun(data) {
		return decision{data: data}, nil
	}
	d.data = make([]byte, len(data)+256)
	opts := ebpf.RunOptions{Data: data, DataOut: d.data, Context: skContext{Ifindex: uint32(b.ifindex[from]), GSOSize: uint32(gso)}}
	ret, err := program.Run(&opts)
	if err != nil {
		return d, err
	}
	d.data = opts.DataOut
	if ret == other {
		return d, nil
	}
	if ret != 7 { // TC_ACT_REDIRECT
		return d, fmt.Errorf("the program returned %d", ret)
	}
	var each []fastVerdict
	if err := b.path.objects.Decided.Lookup(uint32(0), &each); err != nil {
		return d, err
	}
	v := each[b.cpu]
	d.act, d.port = v.Act, b.portOf(v)
	return d, nil
}

// portOf is the core's port of where a verdict leads.
func (b *coreBed) portOf(v fastVerdict) int {
	for i, ifindex := range b.ifindex {
		switch {
		case ifindex != int(v.Out):
		case i != uplinkPort || v.Act == toOutside:
			return i
		case v.Act == toStack:
			return helperPort
		default:
			return nicPort
		}
	}
	return 0
}

// forward gives a frame to the core and returns what it sent, by port.
func (b *coreBed) forward(from int, f memport.Frame) (sent [lastPort + 1][]memport.Frame, err error) {
	p := b.ports[from]
	p.Inject(f)
	for deadline := time.Now().Add(patience); p.Pending() || p.Lent() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			return sent, fmt.Errorf("the worker does not take a frame")
		}
	}
	if err := b.w.Do(context.Background(), func(*dataplane.Worker) {}); err != nil {
		return sent, err
	}
	for i := 1; i <= lastPort; i++ {
		sent[i] = b.ports[i].Sent()
	}
	return sent, nil
}
