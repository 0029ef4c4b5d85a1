package natting

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"ubridge/internal/api"
)

// TestManyConnections holds 2,000 connections of one guest to one server at
// once, all of them alive.
func TestManyConnections(t *testing.T) {
	const count = 2000
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	streams := make([]*stream, count)
	var dials errgroup.Group
	dials.SetLimit(32)
	for i := range streams {
		dials.Go(func() (err error) {
			if streams[i], err = connect(b.guest, "", serverAddr+":80"); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
			return nil
		})
	}
	err := dials.Wait()
	for _, s := range streams {
		if s != nil {
			defer s.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	outside := map[string]bool{}
	for _, s := range streams {
		outside[s.seen.String()] = true
		b.exchange(s, 10, 10)
	}
	flows := b.flows(func(f api.Flow) bool {
		return f.Proto == "tcp" && f.Remote == serverAddr+":80" && f.ExpiresIn > 4*24*3600
	})
	if len(flows) != count || len(outside) != count {
		t.Errorf("%d established flows are listed, %d outside ports were seen", len(flows), len(outside))
	}
}

// TestGreedyGuest has one guest open 80,000 UDP flows, more than there are
// ports; another guest's old connection and its new ones do not notice.
func TestGreedyGuest(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	old := b.connect(b.other, "", serverAddr+":80")
	udp := b.bindUDP(b.other, ":0")
	seen := b.askUDP(udp, serverAddr+":7", []byte("mine"))
	b.flood(40000)
	if again := b.askUDP(udp, serverAddr+":7", []byte("still mine")); again != seen {
		t.Errorf("the other guest's UDP socket was %s outside and is %s", seen, again)
	}
	b.exchange(old, 1<<20, 1<<20)
	b.flood(40000)
	for range 20 {
		b.exchange(b.connect(b.other, "", serverAddr+":80"), 1000, 1000)
		b.askUDP(b.bindUDP(b.other, ":0"), serverAddr+":7", []byte("new"))
	}
	b.exchange(old, 1<<20, 1<<20)
	b.flow("the old connection", func(f api.Flow) bool { return f.Inside == old.LocalAddr().String() && f.Outside == old.seen.String() })
}

// flood sends one datagram from each of the first n ports above 1023 of the
// guest to a sink of the server.
func (b *bed) flood(n int) {
	b.Helper()
	sink := b.bindUDP(b.server, serverAddr+":0")
	raw := b.openRaw(b.guest)
	mac := b.gatewayMAC()
	before := b.drops("vg1", "ring-full")
	p := datagram("192.168.122.11:1", sink.LocalAddr().String(), []byte("grab"))
	for i := range n {
		binary.BigEndian.PutUint16(p[20:], uint16(1024+i))
		raw.send(mac, p)
		if i%256 == 255 { // let the worker follow: what is lost on the way opens nothing
			time.Sleep(time.Millisecond)
		}
	}
	if lost := b.drops("vg1", "ring-full") - before; lost > uint64(n/2) {
		b.Errorf("%d of %d datagrams did not get to the router", lost, n)
	}
	_ = sink.Close()
}
