package nat

import (
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// fragKey is what fragments of one datagram share (RFC 791 §3.2).
type fragKey struct {
	src, dst uint32
	id       uint16
	network  uint16 // zero for those from outside
	proto    Proto
	from     side
}

// fate is what is known about a datagram of which fragments came.
type fate uint8

const (
	waiting    fate = iota // the first fragment has not come
	translated             // it has, and the others follow it
	refused                // it has, and the others share its reason
)

// datagram is the record by which fragments without ports are translated.
type datagram struct {
	key         fragKey
	fate        fate
	owner       uint8
	reason      frame.Reason // of a refused one
	addr        wire.IP4     // the source (outbound) or destination (inbound) of a translated one
	guest       Guest        // of an inbound one
	deadline    Time
	seen, total uint32 // payload bytes seen, and in all once the last fragment came
	held        list   // runs of the store
}

// owners is the number of shares that fragment memory is parted in: who sends
// is hashed to one of them.
const owners = 256

// datagrams is the bounded table of such records. An owner's oldest record
// makes way for its own new one.
type datagrams struct {
	records  []datagram
	nodes    []node
	index    index
	unused   freeList
	store    store
	byOwner  [owners]list   // records, oldest first
	nRecords [owners]uint32 // records held
	chunks   [owners]uint32 // store chunks held
	spent    ref            // runs handed to the caller, free at the next Expire
	release  release
	drops    frame.Drops // of fragments that had been held
	sweep    ref
}

// release is the fragments that go out behind the first one just translated.
type release struct {
	head  ref
	owner uint8
	from  side
	addr  wire.IP4
	guest Guest
}

func newDatagrams(records, bytes int) *datagrams {
	d := &datagrams{records: make([]datagram, records), nodes: make([]node, records),
		index: newIndex(records), store: newStore(bytes)}
	d.unused.fill(records, 0, nil)
	return d
}

func (k *fragKey) hash(h *hasher) uint32 {
	return h.sum(uint64(k.src)<<32|uint64(k.dst),
		uint64(k.id)<<48|uint64(k.network)<<16|uint64(k.proto)<<8|uint64(k.from), 3)
}

// owner is the share that a datagram counts against: its sender's.
func (k *fragKey) owner(h *hasher) uint8 {
	return uint8(h.sum(uint64(k.src), uint64(k.network)<<8|uint64(k.from), 4))
}

// find is the record of k, unless its time is over.
func (d *datagrams) find(now Time, h *hasher, k *fragKey) ref {
	hash := k.hash(h)
	for r, at := d.index.probe(hash, hash); r != none; r, at = d.index.probe(hash, at) {
		if d.records[r-1].key != *k {
			continue
		}
		if d.records[r-1].deadline <= now {
			d.remove(h, r, frame.FragmentTimeout)
			return none
		}
		return r
	}
	return none
}

// add makes a record of k, in place of the owner's oldest where it holds its
// share; none where it holds nothing and nothing is left.
func (d *datagrams) add(h *hasher, k *fragKey, deadline Time) ref {
	o := k.owner(h)
	if !mayTake(d.nRecords[o], d.unused.len()) {
		if d.byOwner[o].head == none {
			return none
		}
		d.remove(h, d.byOwner[o].head, frame.FragmentMemory)
	}
	r := d.unused.take()
	d.records[r-1] = datagram{key: *k, owner: o, deadline: deadline}
	d.index.insert(k.hash(h), r)
	d.byOwner[o].push(d.nodes, r)
	d.nRecords[o]++
	return r
}

// remove forgets record r; fragments that still wait for it are dropped.
func (d *datagrams) remove(h *hasher, r ref, why frame.Reason) {
	g := &d.records[r-1]
	d.dropHeld(g, why)
	d.index.remove(g.key.hash(h), r)
	d.byOwner[g.owner].remove(d.nodes, r)
	d.nRecords[g.owner]--
	g.key = fragKey{}
	d.unused.put(r)
}

// hold copies a fragment to wait in g; false where its sender's share of the
// memory is used up.
func (d *datagrams) hold(g *datagram, packet []byte) bool {
	n := uint32(chunksFor(len(packet)))
	if d.chunks[g.owner]+n > d.store.unused {
		return false
	}
	r := d.store.put(packet)
	if r == none {
		return false
	}
	d.chunks[g.owner] += n
	if g.held.tail == none {
		g.held.head = r
	} else {
		d.store.next[g.held.tail-1] = r
	}
	g.held.tail = r
	g.held.n++
	return true
}

// dropHeld frees the fragments that wait in g and counts them.
func (d *datagrams) dropHeld(g *datagram, why frame.Reason) {
	d.drops[why] += uint64(g.held.n)
	d.freeRuns(g.held.head, g.owner)
	g.held = list{}
}

func (d *datagrams) freeRuns(r ref, owner uint8) {
	for r != none {
		next := d.store.next[r-1]
		d.chunks[owner] -= uint32(d.store.free(r))
		r = next
	}
}

// live reports whether g is a record in use.
func (g *datagram) live() bool { return g.key.from != 0 }

// count notes n payload bytes at an offset and reports whether all of the
// datagram has been seen. Fragments that repeat can make that come early; what
// then follows waits in vain and is dropped.
func (g *datagram) count(ip wire.IPv4, n int) (complete bool) {
	g.seen += uint32(n)
	if !ip.MoreFragments() {
		g.total = uint32(ip.FragmentOffset() + n)
	}
	return g.total > 0 && g.seen >= g.total
}
