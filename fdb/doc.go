// Package fdb is a network's forwarding database: behind which port each
// station was last seen (IEEE 802.1Q clause 8.8).
//
//	frame ──▶ Learn(source, port, now)    ──▶ verdict, counted
//	      └─▶ Lookup(destination, now)    ──▶ a port, or flood
//	tick  ──▶ Expire(now, budget)         ──▶ stations gone
//
// It does what the Linux bridge does (net/bridge/br_fdb.c): stations age out
// after 300 s, a station seen on another port moves at once, a static entry
// never moves, and a frame whose source cannot be remembered is forwarded all
// the same. A port number is only a number here, and there are no VLANs: one
// table is one network.
//
// # Theory of operation
//
// The table is open addressing with linear probing over a slice of fixed-size
// entries that the caller hands in, and that may lie in a mapped file (see
// internal/shm). It is never more than half full, so that a probe looks at two
// or three entries on average, mostly in one cache line. The hash is keyed: a
// guest that chooses its addresses cannot choose where they fall.
//
// The invariant is that no free entry lies between the home of a station (where
// its hash points) and its place. Then a search that meets a free entry may
// stop. Insertion fills the first free entry at or behind the home, so it keeps
// the invariant. Removal makes a hole, which would break it for those stations
// behind whose homes lie at or before the hole; the first such station is moved
// into the hole, which moves the hole there, until a free entry ends the run
// (backward shift; Knuth, vol. 3, section 6.4, algorithm R). There are no
// tombstones, and so a table that churns does not slow down.
//
// A station's age is kept to the second and written at most once a second, so
// that steady traffic does not dirty cache lines. Ageing is decided in Lookup;
// Expire only gives the entries back. Until then, an aged station counts
// towards its port's limit.
//
// # Surviving the process
//
// A process may be killed between any two stores. Whoever writes an entry makes
// its sequence word odd first and even last; New drops entries found odd. A kill
// in the middle of a removal may leave a station twice, or a free entry where
// none may be; New therefore takes nothing for granted and builds the table
// anew from the entries that are whole, the youngest of two winning. A change of
// the age alone is one aligned store and needs no mark. Times must come from a
// clock that goes on across processes (CLOCK_MONOTONIC); the caller sees to it
// that the file is not used across a reboot.
//
// # Concurrency
//
// Several workers share a table. Each looks up and learns; one of them expires;
// the rest is called from anywhere. None of them is ordered by the caller, except
// that Expire is called by one goroutine at a time.
//
// What every frame does takes no lock. Address and port are one word, so that a
// search reads both or neither. A station that is known on its port, a port that
// has its share, and a lookup write nothing, but for the age once a second: one
// store, which two workers may make in any order. In the worst case it lands on
// a station that has just been moved to this place, and makes that one younger.
//
// Who changes more holds a mutex. Learn only tries to take it, for about as long as
// another's write takes, and otherwise says Busy: a frame never waits for a worker
// that lost its processor, and with one worker it never has to. The others hold it
// for one station at a time.
//
// A change of what is there (a move, a removal, a static entry) makes the
// generation odd before and even after, as a seqlock does. It serves two ends. A
// search that finds nothing while the generation changed may have been overtaken
// by a station on its way to another place, since a removal moves them against
// the direction of the search; it is repeated a few times, and if the table never
// stands still, the frame is flooded. And workers that keep results mark them with
// it, see Gen. A search that finds its station needs no second look. A new
// station is written before it is linked, by the store of its word, and takes no
// place that a search passes through; the generation stays.
//
// Whether an entry is static is kept a second time in a bit map, since a byte
// cannot be read atomically; it is looked at only where an entry seems aged.
// Learn, Lookup and Expire do not allocate.
package fdb
