package dhcpd

import (
	"net/netip"
	"time"
)

// Lease is one address and who holds, or last held, it.
type Lease struct {
	IP       netip.Addr
	MAC      [6]byte
	ClientID []byte    // option 61 as sent, with its type byte; nil if none was sent
	Hostname string    // one lower-case DNS label, or empty
	Expires  time.Time // whole seconds, UTC; zero: never
}

// Live reports whether the lease is in force at now.
func (l Lease) Live(now time.Time) bool {
	return l.Expires.IsZero() || now.Before(l.Expires)
}

// ChangeKind says what happened to a lease.
type ChangeKind uint8

// The kinds of change. Put and Release store Change.Lease in place of any
// record for the same IP, Remove deletes the record for that IP, and Lapse
// needs no writing, since the stored expiry already says it.
const (
	Put     ChangeKind = iota + 1 // granted, renewed, or its name changed
	Release                       // given back early; Expires is the moment of that
	Remove                        // declined, or its holder moved to another address
	Lapse                         // ran out
)

// String returns the kind's name.
func (k ChangeKind) String() string {
	switch k {
	case Put:
		return "put"
	case Release:
		return "release"
	case Remove:
		return "remove"
	case Lapse:
		return "lapse"
	}
	return "unknown"
}

// Change is one step of the lease table. Changes are applied in order.
type Change struct {
	Kind  ChangeKind
	Lease Lease
}
