package nat

import "ubridge/internal/wire"

// Exclude keeps a port from being given out, as one found bound on the host. A
// mapping that holds it keeps it.
func (t *Table) Exclude(p Proto, port uint16) { t.pools[p].exclude(port) }

// AddPorts lets ports be given out: single ones that the daemon has taken from
// the host by holder sockets, or excluded ones that came free.
func (t *Table) AddPorts(p Proto, ports []uint16) {
	for _, port := range ports {
		t.pools[p].add(port)
	}
}

// Pressure tells how many ports of a protocol are held and how many there are.
// When half are held, the daemon looks for more.
func (t *Table) Pressure(p Proto) (held, total int) {
	return t.pools[p].held, t.pools[p].members
}

// Strays calls yield for each port that a resumed mapping holds though it may
// not be given out: a holder socket of the process before held it, and the
// daemon should bind it again and call AddPorts.
func (t *Table) Strays(yield func(Proto, uint16)) {
	for i := range t.mappings[:t.freeMappings.high] {
		m := &t.mappings[i]
		if !m.live {
			continue
		}
		if w, mask := bit(m.outsidePort); t.pools[m.proto].member[w]&mask == 0 {
			yield(m.proto, m.outsidePort)
		}
	}
}

// Flush ends all sessions of a network. Its ports stay held for the
// quarantine, so that the host stays silent towards the remotes. It visits every
// slot.
func (t *Table) Flush(now Time, network uint16) {
	t.endSessions(now, func(k *tuple) bool { return k.network == network })
}

// DropOutside ends all flows of an outside address that is no longer the
// host's, and frees their ports at once: nothing can come for them. It visits
// every slot.
func (t *Table) DropOutside(now Time, addr wire.IP4) {
	gone := addr.Uint32()
	t.endSessions(now, func(k *tuple) bool { return k.outside == gone })
	for i := range t.mappings[:t.freeMappings.high] {
		if m := &t.mappings[i]; m.live && m.outside == gone {
			t.freeMapping(ref(i + 1))
		}
	}
}

func (t *Table) endSessions(now Time, match func(*tuple) bool) {
	for i := range t.sessions[:t.freeSessions.high] {
		if s := &t.sessions[i]; s.state != free && match(&s.tuple) {
			t.removeSession(now, ref(i+1))
		}
	}
}
