package fastpath

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
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

// The twins are a switch and router in user space, on ports in memory, and the programs
// in the kernel, told what the former has learned. Each frame is given to both.

// Ports of the twins: guests, two of whom are isolated, the host's, and an uplink.
const (
	portA dataplane.PortID = 1 + iota
	portB
	portIsolated
	portIsolated2
	portHost
	portUplink
	numTwinPorts
)

var (
	twinStation = wire.MAC{0x52, 0x54, 0, 0, 0, 1}
	twinNext    = wire.MAC{2, 9, 0, 0, 0, 1} // next hop
	twinGateway = netip.MustParsePrefix("192.168.122.1/24")
	twinOutside = wire.IP4{203, 0, 113, 7}
	twinRemote  = wire.IP4{198, 51, 100, 80}
)

type twins struct {
	t       testing.TB
	ns      *nstest.NS
	path    *Path
	w       *dataplane.Worker
	router  *gateway.Router
	table   *fdb.Table
	ports   [numTwinPorts]*memport.Port
	devices [numTwinPorts]int
	uplink  wire.MAC // address of the uplink's device
}

func newTwins(t testing.TB) *twins {
	w := &twins{t: t, ns: nstest.New(t)}
	for id := portA; id < numTwinPorts; id++ { // the programs ask for devices that are there
		name := fmt.Sprintf("t%d", id)
		w.ns.Run(fmt.Sprintf("ip link add %s type veth peer name x%d", name, id))
		w.ns.Must(func() error {
			i, err := net.InterfaceByName(name)
			if err == nil {
				w.devices[id] = i.Index
				copy(w.uplink[:], i.HardwareAddr) // the last one's
			}
			return err
		})
	}
	w.ns.Must(func() (err error) { w.path, err = Open(Options{Stations: 64, Flows: 4096}, 0); return err })
	t.Cleanup(func() { w.ns.Must(w.path.Close) })
	w.makeUserSpace()
	must(t, w.path.SetNetwork(network, twinGateway, true))
	for id := portA; id < numTwinPorts; id++ {
		p := Port{Ifindex: w.devices[id], Network: network, MTU: 1500, Floor: 1500, Group: group(id)}
		switch id {
		case portHost:
			p.Kind = Host
		case portUplink:
			p.Kind, p.Network = Uplink, 0
		}
		must(t, w.path.SetPort(p))
	}
	must(t, w.path.Learn(Station{Network: network, MAC: twinStation, Ifindex: w.devices[portHost], Gateway: true}))
	return w
}

func group(id dataplane.PortID) uint8 {
	if id == portIsolated || id == portIsolated2 {
		return 1
	}
	return 0
}

func (w *twins) makeUserSpace() {
	nats, err := nat.New(nat.Config{Sessions: 4096, Mappings: 4096, FirstPort: 61000, LastPort: 65535, Seed: [2]uint64{1, 2}})
	must(w.t, err)
	w.router = gateway.NewRouter(gateway.Config{NAT: nats, Resolve: func(dataplane.PortID, wire.IP4) bool { return true }})
	w.table, err = fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, MaxPorts: int(numTwinPorts)})
	must(w.t, err)
	w.w, err = dataplane.NewWorker(w.router, 1)
	must(w.t, err)
	w.w.AddBridge(network, dataplane.BridgeConfig{FDB: w.table, Station: twinStation, TakeDHCP: true, JudgeHost: true, Told: w.told})
	for id := portA; id < numTwinPorts; id++ {
		w.ports[id], err = memport.NewPolled(frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: true, MTU: 1500})
		must(w.t, err)
		br := dataplane.BridgeID(network)
		if id == portUplink {
			br = dataplane.NoBridge
		}
		w.w.AddPort(id, br, "p", w.ports[id])
		if br != dataplane.NoBridge {
			w.w.SetPortGroup(id, group(id))
		}
	}
	w.w.SetHostPort(portHost)
	w.router.AddUplink(portUplink, int32(w.devices[portUplink]))
	w.router.AddNetwork(gateway.Network{
		Bridge: network, Station: twinStation, Gateway: wire.IP4(twinGateway.Addr().As4()), Subnet: twinGateway.Masked(),
		MTU: 1500, KernelFlows: true,
	})
	w.router.SetKernel(w)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.w.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	w.setHop(1500)
}

// setHop says how the remote is reached.
func (w *twins) setHop(mtu int32) {
	done := make(chan bool)
	w.w.PostCycle(func(c *dataplane.Cycle) {
		w.router.SetHop(c, twinRemote, gateway.Hop{
			State: gateway.HopReady, Port: portUplink, Device: int32(w.devices[portUplink]), MTU: mtu,
			Outside: twinOutside, Dst: twinNext, Src: w.uplink,
		})
		close(done)
	})
	<-done
}

func (w *twins) told(mac wire.MAC, on dataplane.PortID) {
	if err := w.path.Learn(Station{Network: network, MAC: mac, Ifindex: w.devices[on]}); err != nil {
		_ = w.path.Forget(network, mac)
	}
}

// The twins' Kernel.

func (w *twins) flow(f *nat.Offer) *Flow {
	return &Flow{
		Slot: f.Slot, Network: f.Network, Protocol: [...]uint8{6, 17, 1}[f.Proto], OutwardOnly: f.OutwardOnly,
		Inside: f.Inside, Outside: f.Outside, Remote: f.Remote,
		InsidePort: f.InsidePort, OutsidePort: f.OutsidePort, RemotePort: f.RemotePort,
	}
}

func (w *twins) Put(f *gateway.Flow) bool {
	to := w.flow(&f.Offer)
	to.Guest, to.Station, to.GuestMTU, to.Uplink, to.NextHop, to.Source, to.MTU = f.Guest, f.Station, f.GuestMTU, int(f.Uplink), f.NextHop, f.Source, f.MTU
	to.Generation = w.path.Generation()
	return w.path.PutFlow(to) == nil
}
func (w *twins) Recall(f *nat.Offer)    { _ = w.path.DropFlow(w.flow(f)) }
func (w *twins) Used(slot int) nat.Time { return nat.Time(w.path.Used(slot)) }
func (w *twins) Reroute()               { w.path.Reroute() }

// user gives a frame to user space and tells what came out, by port.
func (w *twins) user(in dataplane.PortID, data []byte) (out [numTwinPorts][][]byte) {
	before := w.counted(in)
	w.ports[in].Inject(memport.Frame{Data: data})
	for deadline := time.Now().Add(patience); w.counted(in) == before; {
		if time.Now().After(deadline) {
			w.t.Fatalf("user space does not take % x", data)
		}
	}
	for id := portA; id < numTwinPorts; id++ {
		for _, f := range w.ports[id].Sent() {
			out[id] = append(out[id], f.Data)
		}
	}
	return out
}

func (w *twins) counted(id dataplane.PortID) (n uint64) {
	must(w.t, w.w.Do(w.t.Context(), func(w *dataplane.Worker) {
		info, _ := w.Port(id)
		n = info.Counters.RxFrames + info.Counters.Drops[frame.Runt]
	}))
	return n
}

// skBuff is struct __sk_buff (linux/bpf.h), of which the device and the size of
// segments may be given.
type skBuff struct {
	_       [40]byte
	Ifindex uint32
	_       [132]byte
	GSOSize uint32
	_       [12]byte
}

// Verdicts, as in fast.c.
const (
	toUser = iota
	toPort
	toHost
	toOutside
	toGuest
	toNobody
)

// kernel gives a frame to a port's classifier and tells what it does with it: where the
// frame goes, and what it then is.
func (w *twins) kernel(in dataplane.PortID, data []byte) (act int, to dataplane.PortID, out []byte) {
	w.t.Helper()
	program := w.path.objects.Port
	switch in {
	case portUplink:
		program = w.path.objects.Uplink
	case portHost:
		program = w.path.objects.Host
	}
	run := ebpf.RunOptions{Data: data, DataOut: make([]byte, len(data)+256), Context: skBuff{Ifindex: uint32(w.devices[in])}}
	w.ns.Must(func() error { // on a thread of its own
		var set unix.CPUSet
		set.Set(onlyCPU)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return err
		}
		_, err := program.Run(&run)
		return err
	})
	var each []fastVerdict
	must(w.t, w.path.objects.Decided.Lookup(uint32(0), &each))
	v := each[onlyCPU]
	if v.Act == toUser || v.Act == toNobody {
		return int(v.Act), 0, nil
	}
	for id := portA; id < numTwinPorts; id++ {
		if uint32(w.devices[id]) == v.Out {
			return int(v.Act), id, run.DataOut
		}
	}
	w.t.Fatalf("% x is sent to device %d, which is no port", data, v.Out)
	return 0, 0, nil
}

// onlyCPU is the processor that the programs run on, as what is decided is left there.
const onlyCPU = 0

// TestTheProgramDecidesAsUserSpace: whatever the program sends on, user space sends to
// that port and no other, byte for byte the same.
func TestTheProgramDecidesAsUserSpace(t *testing.T) {
	w, r := newTwins(t), rand.New(rand.NewPCG(3, 4))
	w.introduce()
	var acts [toNobody + 1]int
	for i := range 20000 {
		in, data := w.frame(r)
		act, to, got := w.kernel(in, data)
		acts[act]++
		out := w.user(in, data)
		if act == toUser {
			continue
		}
		for id := portA; id < numTwinPorts; id++ {
			switch {
			case id == to && len(out[id]) == 1 && bytes.Equal(out[id][0], got):
			case id != to && len(out[id]) == 0:
			default:
				t.Fatalf("frame %d, in by %d: % x\nthe program sends to %d % x\nuser space sends to %d % x", i, in, data, to, got, id, out[id])
			}
		}
	}
	t.Logf("verdicts: %v", acts)
	for _, act := range []int{toUser, toPort, toHost, toOutside, toGuest} {
		if acts[act] < 200 {
			t.Errorf("verdict %d came %d times only", act, acts[act])
		}
	}
}

func ip4(a wire.IP4) []byte { return a[:] }

// guestMAC and guestIP are those of the guest on a port.
func guestMAC(id dataplane.PortID) wire.MAC { return wire.MAC{2, 0, 0, 0, 0, byte(id)} }
func guestIP(id dataplane.PortID) wire.IP4  { return wire.IP4{192, 168, 122, 10 + byte(id)} }

// introduce has everybody heard once, and opens flows to the remote, which answers.
func (w *twins) introduce() {
	for id := portA; id <= portIsolated2; id++ {
		w.user(id, ether(wire.Broadcast, guestMAC(id), 0x88b5, make([]byte, 46)))
		for n := range uint16(4) {
			w.converse(id, wire.ProtoUDP, 5000+n)
			w.converse(id, wire.ProtoICMP, 5000+n)
			w.converse(id, wire.ProtoTCP, 5000+n)
		}
	}
}

// converse opens a flow: some packets either way. The outside port is the guest's own
// where that is in the pool, else what the answer goes to is found out.
func (w *twins) converse(id dataplane.PortID, proto byte, port uint16) {
	w.t.Helper()
	for i := range 8 {
		flags := byte(wire.TCPAck)
		if i == 0 {
			flags = wire.TCPSyn
		}
		out := w.user(id, w.fromGuest(id, twinRemote, proto, port, 80, flags))
		if len(out[portUplink]) != 1 {
			w.t.Fatalf("packet %d of protocol %d does not leave", i, proto)
		}
		sent := wire.Ethernet(out[portUplink][0])
		if flags = wire.TCPAck; i == 0 {
			flags |= wire.TCPSyn
		}
		outside := outsidePort(sent)
		w.user(portUplink, w.fromRemote(proto, 80, outside, flags))
		if i > 1 {
			w.opened(proto, outside)
		}
	}
}

var openedPorts = map[byte][]uint16{}

func (w *twins) opened(proto byte, port uint16) {
	openedPorts[proto] = append(openedPorts[proto], port)
}

// outsidePort is the source port, or the identifier, of a packet that left.
func outsidePort(e wire.Ethernet) uint16 {
	if e[23] == wire.ProtoICMP {
		return binary.BigEndian.Uint16(e[38:])
	}
	return binary.BigEndian.Uint16(e[34:])
}

func ether(dst, src wire.MAC, typ uint16, payload []byte) []byte {
	b := append(append([]byte{}, dst[:]...), src[:]...)
	return append(binary.BigEndian.AppendUint16(b, typ), payload...)
}

func (w *twins) fromGuest(id dataplane.PortID, dst wire.IP4, proto byte, sport, dport uint16, flags byte) []byte {
	return ether(twinStation, guestMAC(id), wire.TypeIPv4, packet(guestIP(id), dst, proto, sport, dport, flags, false))
}

func (w *twins) fromRemote(proto byte, sport, dport uint16, flags byte) []byte {
	return ether(w.uplink, twinNext, wire.TypeIPv4, packet(twinRemote, twinOutside, proto, sport, dport, flags, true))
}

// packet is an IPv4 packet with finished checksums; of an echo, the identifier is the
// guest's port.
func packet(src, dst wire.IP4, proto byte, sport, dport uint16, flags byte, reply bool) []byte {
	l4 := make([]byte, 40)
	binary.BigEndian.PutUint16(l4, sport)
	binary.BigEndian.PutUint16(l4[2:], dport)
	at := 16
	switch proto {
	case wire.ProtoTCP:
		l4[12], l4[13] = 5<<4, flags
	case wire.ProtoUDP:
		at = 6
		binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	case wire.ProtoICMP:
		at = 2
		clear(l4[:4])
		l4[0] = wire.ICMPEcho
		binary.BigEndian.PutUint16(l4[4:], sport)
		if reply {
			l4[0] = wire.ICMPEchoReply
			binary.BigEndian.PutUint16(l4[4:], dport)
		}
	}
	pseudo := []byte{}
	if proto != wire.ProtoICMP {
		pseudo = append(append(append(pseudo, src[:]...), dst[:]...), 0, proto, 0, byte(len(l4)))
	}
	binary.BigEndian.PutUint16(l4[at:], sum(append(pseudo, l4...)))
	h := make([]byte, 20)
	h[0], h[8], h[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(l4)))
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	binary.BigEndian.PutUint16(h[10:], sum(h))
	return append(h, l4...)
}

// sum is the Internet checksum (RFC 1071).
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	s = s&0xffff + s>>16
	return ^uint16(s + s>>16)
}

// frame makes one of any content: a plain one of somebody known, or that one damaged.
func (w *twins) frame(r *rand.Rand) (in dataplane.PortID, data []byte) {
	in, data = w.plain(r)
	switch r.IntN(8) {
	case 0: // any bytes
		for range 1 + r.IntN(4) {
			data[r.IntN(len(data))] ^= byte(1 << r.IntN(8))
		}
	case 1: // cut, to no less than BPF_PROG_TEST_RUN takes of IPv4
		data = data[:34+r.IntN(len(data)-33)]
	case 2: // tagged, in the frame itself
		tag := []byte{0x81, 0, 0, byte(r.IntN(3))}
		data = append(data[:12:12], append(tag, data[12:]...)...)
	case 3: // padding
		data = append(data, make([]byte, r.IntN(30))...)
	case 4: // another header that is right
		w.spoil(r, data)
	}
	return in, data
}

// spoil changes a header field and makes its checksum right again.
func (w *twins) spoil(r *rand.Rand, data []byte) {
	if len(data) < 34 || data[12] != 8 || data[13] != 0 {
		return
	}
	h := data[14:34]
	switch r.IntN(6) {
	case 0:
		h[8] = byte(r.IntN(3)) // TTL
	case 1:
		binary.BigEndian.PutUint16(h[6:], uint16(r.Uint32())) // fragments
	case 2:
		copy(h[12:], ip4(guestIP(dataplane.PortID(r.IntN(8))))) // source
	case 3:
		h[15] = byte(r.Uint32())
	case 4:
		h[0] = 0x46 // options
	case 5:
		binary.BigEndian.PutUint16(h[2:], uint16(r.IntN(80))) // length
	}
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], sum(h))
}

// plain makes a frame as the stations of the twins send it.
func (w *twins) plain(r *rand.Rand) (in dataplane.PortID, data []byte) {
	proto := []byte{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP}[r.IntN(3)]
	flags := byte(wire.TCPAck)
	if r.IntN(10) == 0 {
		flags = byte(r.Uint32())
	}
	from, to := portA+dataplane.PortID(r.IntN(4)), portA+dataplane.PortID(r.IntN(5))
	port := uint16(5000 + r.IntN(5))
	switch r.IntN(6) {
	case 0, 1:
		payload := packet(guestIP(from), guestIP(to), proto, port, port, flags, false)
		return from, ether(guestMAC(to), guestMAC(from), wire.TypeIPv4, payload)
	case 2:
		dport := []uint16{22, 53, 67}[r.IntN(3)]
		return from, w.fromGuest(from, wire.IP4(twinGateway.Addr().As4()), proto, port, dport, flags)
	case 3:
		return from, w.fromGuest(from, twinRemote, proto, port, 80, flags)
	case 4:
		list := openedPorts[proto]
		return portUplink, w.fromRemote(proto, 80, list[r.IntN(len(list))], flags)
	}
	src := []wire.IP4{wire.IP4(twinGateway.Addr().As4()), twinRemote}[r.IntN(2)]
	payload := packet(src, guestIP(from), proto, port, port, flags, true)
	return portHost, ether(guestMAC(from), twinStation, wire.TypeIPv4, payload)
}
