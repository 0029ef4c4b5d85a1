package nat

// node is what the process alone knows of a session or mapping slot; it is
// rebuilt at start and never stored.
type node struct {
	prev, next ref
	guest      ref    // the guest that holds the slot
	sessions   uint32 // of a mapping: how many sessions use it
}

// list is a queue of slots, oldest at the head, linked through their nodes.
type list struct {
	head, tail ref
	n          uint32 // length, kept by push and remove
}

func (l *list) push(nodes []node, r ref) {
	n := &nodes[r-1]
	n.prev, n.next = l.tail, none
	if l.tail == none {
		l.head = r
	} else {
		nodes[l.tail-1].next = r
	}
	l.tail = r
	l.n++
}

func (l *list) remove(nodes []node, r ref) {
	n := &nodes[r-1]
	if n.prev == none {
		l.head = n.next
	} else {
		nodes[n.prev-1].next = n.next
	}
	if n.next == none {
		l.tail = n.prev
	} else {
		nodes[n.next-1].prev = n.prev
	}
	n.prev, n.next = none, none
	l.n--
}

// freeList is a stack of unused slots. Low ones come first, which keeps the
// part of a table that a sweep must visit short.
type freeList struct {
	refs []ref
	high ref // the highest slot ever taken
}

func (f *freeList) take() ref {
	r := f.refs[len(f.refs)-1]
	f.refs = f.refs[:len(f.refs)-1]
	f.high = max(f.high, r)
	return r
}

func (f *freeList) put(r ref) { f.refs = append(f.refs, r) }

func (f *freeList) len() uint32 { return uint32(len(f.refs)) }

// fill makes free those slots of n for which used is false.
func (f *freeList) fill(n int, used func(ref) bool) {
	f.refs = make([]ref, 0, n)
	for r := ref(n); r > none; r-- {
		if !used(r) {
			f.refs = append(f.refs, r)
		} else {
			f.high = max(f.high, r)
		}
	}
}
