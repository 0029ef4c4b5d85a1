package dhcpd

// rename gives the binding the name it is due and returns the change to the
// lease that loses it, if one does.
//
// A reservation's name belongs to its host. Any other name belongs to the
// client that last configured itself under it: a renewal does not take a name
// from another live lease, or two guests of one name would take it from each
// other at every renewal.
func (e *Engine) rename(b *binding, r *request, restarted bool) []Change {
	name := e.nameFor(b, r, restarted)
	loser := e.ledger.byName[name]
	if name == "" || loser == nil || loser == b {
		e.ledger.name(b, name)
		return nil
	}
	e.ledger.name(loser, "")
	e.ledger.name(b, name)
	return []Change{{Put, loser.record()}}
}

func (e *Engine) nameFor(b *binding, r *request, restarted bool) string {
	if r.host != nil && r.host.Name != "" {
		return e.reservedName(b, r.host)
	}
	if e.mayTake(b, r.hostname, restarted) {
		return r.hostname
	}
	if e.mayTake(b, b.lease.Hostname, false) {
		return b.lease.Hostname
	}
	return ""
}

// reservedName is the host's name, unless a clone of the host asks while the
// host itself has its address.
func (e *Engine) reservedName(b *binding, h *Host) string {
	holder := e.ledger.byName[h.Name]
	if holder != nil && holder != b && holder.addr == h.IP {
		return ""
	}
	return h.Name
}

// mayTake reports whether a client without a named reservation may be called
// name.
func (e *Engine) mayTake(b *binding, name string, restarted bool) bool {
	if name == "" || e.reserved.byName[name] != nil {
		return false
	}
	holder := e.ledger.byName[name]
	return holder == nil || holder == b || restarted
}
