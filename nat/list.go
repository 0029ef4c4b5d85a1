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

// freeList is the unused slots: a stack of those that were given back, and all
// above the highest ever taken, which are not written down, so that a table that
// is hardly used costs hardly any memory. Low slots come first, which keeps the
// part of a table that a sweep must visit short.
type freeList struct {
	refs []ref
	high ref // the highest slot ever taken
	size ref // the number of slots
}

func (f *freeList) take() ref {
	if n := len(f.refs); n > 0 {
		r := f.refs[n-1]
		f.refs = f.refs[:n-1]
		return r
	}
	f.high++
	return f.high
}

func (f *freeList) put(r ref) { f.refs = append(f.refs, r) }

func (f *freeList) len() uint32 { return uint32(len(f.refs)) + uint32(f.size-f.high) }

// fill makes free those slots of n for which used is false; those behind the
// first known ones are.
func (f *freeList) fill(n, known int, used func(ref) bool) {
	f.refs = make([]ref, 0, n) // room for all, lest put allocate; untouched so far
	f.size, f.high = ref(n), none
	for r := ref(known); r > none; r-- {
		switch {
		case used(r):
			f.high = max(f.high, r)
		case f.high != none:
			f.refs = append(f.refs, r)
		}
	}
}
