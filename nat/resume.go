package nat

import (
	"cmp"
	"slices"

	"ubridge/internal/wire"
)

// resume builds all that is derived from the stored entries and clears those
// that cannot be trusted. The process before may have been killed between any
// two stores.
func (t *Table) resume(stored State, now Time, valid func(uint16, wire.IP4) bool) {
	if valid == nil {
		valid = func(uint16, wire.IP4) bool { return true }
	}
	sessions, mappings := len(t.sessions)-stored.ZeroSessions, len(t.mappings)-stored.ZeroMappings
	for i := range mappings {
		if !t.resumeMapping(ref(i+1), valid) {
			t.mappings[i] = Mapping{}
		}
	}
	t.freeMappings.fill(len(t.mappings), mappings, func(r ref) bool { return t.mappings[r-1].live })
	for _, r := range t.byAge(sessions) {
		if !t.resumeSession(now, r) {
			t.sessions[r-1].state = free
		}
	}
	t.freeSessions.fill(len(t.sessions), sessions, func(r ref) bool { return t.sessions[r-1].state != free })
	t.quarantineOrphans(now)
}

// resumeMapping enters a stored mapping and reports whether it did.
func (t *Table) resumeMapping(r ref, valid func(uint16, wire.IP4) bool) bool {
	m := &t.mappings[r-1]
	if !m.live || !m.whole() || m.proto >= numProtos || !valid(m.network, wire.IP4FromUint32(m.outside)) {
		return false
	}
	k := m.tuple()
	if t.pools[m.proto].owner[m.outsidePort] != none || t.hasMapping(&k) {
		return false
	}
	t.enterMapping(r)
	return true
}

// hasMapping reports whether k's inside endpoint has a mapping, in use or not.
func (t *Table) hasMapping(k *tuple) bool {
	h := k.mappingHash(&t.hash)
	for r, at := t.mappingIndex.probe(h, h); r != none; r, at = t.mappingIndex.probe(h, at) {
		if t.mappings[r-1].is(k) {
			return true
		}
	}
	return false
}

// byAge lists the sessions stored in the first slots, least recently used first,
// and clears those that are torn. Being used last, they enter the lists of their
// guests in order.
func (t *Table) byAge(slots int) []ref {
	var refs []ref
	for i := range slots {
		s := &t.sessions[i]
		switch {
		case !s.whole():
			*s = Session{}
		case s.state != free:
			refs = append(refs, ref(i+1))
		}
	}
	slices.SortFunc(refs, func(a, b ref) int { return cmp.Compare(t.sessions[a-1].used, t.sessions[b-1].used) })
	return refs
}

// resumeSession enters a stored session and reports whether it did. One whose
// time is over still says for how long its mapping keeps the port.
func (t *Table) resumeSession(now Time, r ref) bool {
	s := &t.sessions[r-1]
	k := &s.tuple
	if s.mapping == none || int(s.mapping) > len(t.mappings) || s.used > now ||
		k.proto >= numProtos || !s.state.fits(k.proto) {
		return false
	}
	m := &t.mappings[s.mapping-1]
	if !m.live || !m.owns(k) || t.findInbound(0, k) != none {
		return false
	}
	if end := t.deadline(s); end <= now {
		t.keepPort(s, end)
		return false
	}
	t.enterSession(r)
	return true
}

// quarantineOrphans gives mappings that no session uses, and whose end is not
// known, the quarantine from now on.
func (t *Table) quarantineOrphans(now Time) {
	for i := range t.mappings[:t.freeMappings.high] {
		if m := &t.mappings[i]; m.live && t.mappingNodes[i].sessions == 0 && m.expires <= now {
			m.expires = now + t.timers.quarantine
		}
	}
}
