// Package dnsfwd is the pure core of a DNS forwarder: it takes a query and a
// time and says what to do with it. It answers the names of leased guests
// itself, serves what it remembers from a cache, and has everything else asked
// of the host's resolvers.
//
// # Theory of operation
//
// A [Forwarder] turns three kinds of event into [Action] values:
//
//	Query     a client's message        → answer it | ask an upstream | wait | drop
//	Response  an upstream's message     → answer everyone who waits | ask again | drop
//	Tick      time has passed           → ask the next upstream | give up with SERVFAIL
//	Failed    an Ask could not be sent  → as if it had timed out, at once
//
// A query goes through these steps, the first that knows an answer wins:
//
//  1. parse: a message that is not one well-formed question is answered with
//     the fitting error, or dropped where a reply could start a loop
//  2. local names: hosts and records, the reverse of hosts, the reverse zones of
//     the network's own subnets, everything below a local-only domain, and, where
//     it is said, names of one label
//  3. the cache, keyed by the folded question and the DO and CD bits
//  4. a question already in flight: the client joins its waiters
//  5. an upstream of the zone that the name lies in, else a common one, in
//     configured order; those that lately stayed silent last
//
// What an upstream says is decoded, validated and packed anew before anyone
// sees it; a stored answer holds no OPT record and no id, so one form serves
// every client: the reply takes the client's id, spelling of the question, RD
// and CD, counts the TTLs down, adds OPT where the client sent one, and is cut
// to the client's size over UDP.
//
// Every Ask is matched by its [Ask] value: the edge opens a socket for it and
// keeps the socket until the Release of the same Ask. A late answer of an
// upstream that was given up is thereby still welcome while its client waits.
//
// # Bounds
//
// Guests are hostile: the questions in flight, those of one client, the
// waiters of one question, the cache's entries and bytes, and the options
// passed upstream all have limits, each with a named [Verdict].
//
// # What it does not do
//
// No recursion, no DNSSEC validation (AD is passed on as the upstream set it),
// no zone transfers, no 0x20 mixing of case.
//
// # Concurrency
//
// None inside: calls must not overlap. Time must not run backwards. Slices
// given to it are read only during the call; slices in an Action belong to the
// caller.
//
// # Standards
//
// RFC 1035 (messages, §4), RFC 2181 §8 and §9 (TTL range, TC), RFC 2308 §5
// (negative caching), RFC 3597 (unknown types), RFC 5452 (response matching),
// RFC 6840 §5.7 (AD in queries), RFC 6891 (EDNS), RFC 7766 §5 (TCP after TC),
// RFC 7873 (cookies are hop by hop), RFC 9619 (one question). Strict order of
// upstreams and local names follow dnsmasq as libvirt starts it.
package dnsfwd
