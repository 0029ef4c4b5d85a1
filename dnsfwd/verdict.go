package dnsfwd

// A Verdict names what became of a message. The names label counters.
type Verdict uint8

// Verdicts of queries, of upstream responses, and of what was refused.
const (
	// Local: answered from hosts, reverse zones or the local-only domain.
	Local Verdict = iota
	// CacheHit: answered from the cache.
	CacheHit
	// Forwarded: asked of an upstream for the first time.
	Forwarded
	// Joined: the same question is in flight; the client waits for its answer.
	Joined
	// Resolved: answered with what an upstream said.
	Resolved
	// RetryTCP: the upstream's UDP answer was truncated; asked again over TCP.
	RetryTCP
	// Failover: asked again because an upstream was silent or failed.
	Failover
	// Released: an ask is over.
	Released

	// MalformedQuery: answered FORMERR.
	MalformedQuery
	// UnknownOpcode: answered NOTIMP.
	UnknownOpcode
	// UnknownEDNS: the client's EDNS version is not 0; answered BADVERS.
	UnknownEDNS
	// Transfer: AXFR or IXFR; answered REFUSED.
	Transfer
	// Closed: not answered locally, and nothing is forwarded; answered REFUSED.
	Closed
	// Busy: too many questions in flight; answered SERVFAIL.
	Busy
	// ClientBusy: this client waits for too many answers; answered SERVFAIL.
	ClientBusy
	// WaitersFull: too many clients wait for this question; answered SERVFAIL.
	WaitersFull
	// NoUpstream: no resolver is known; answered SERVFAIL.
	NoUpstream
	// Unanswered: no upstream gave an answer; SERVFAIL or the last failure.
	Unanswered

	// RuntQuery: shorter than a header, or without a port to answer to; dropped.
	RuntQuery
	// NotQuery: a response sent as a query; dropped, a reply could loop.
	NotQuery
	// Retransmitted: the client repeats a query that it waits for; dropped.
	Retransmitted
	// StrayResponse: belongs to no question in flight; dropped.
	StrayResponse
	// MismatchedResponse: id, flags or question differ from the ask; dropped.
	MismatchedResponse
	// MalformedResponse: cannot be decoded; the next upstream is asked.
	MalformedResponse

	// NumVerdicts is the number of verdicts, for arrays indexed by them.
	NumVerdicts
)

var verdictNames = [NumVerdicts]string{
	Local:              "local",
	CacheHit:           "cache",
	Forwarded:          "forwarded",
	Joined:             "joined",
	Resolved:           "resolved",
	RetryTCP:           "retry-tcp",
	Failover:           "failover",
	Released:           "released",
	MalformedQuery:     "malformed-query",
	UnknownOpcode:      "unknown-opcode",
	UnknownEDNS:        "unknown-edns-version",
	Transfer:           "transfer-refused",
	Closed:             "closed",
	Busy:               "busy",
	ClientBusy:         "client-busy",
	WaitersFull:        "waiters-full",
	NoUpstream:         "no-upstream",
	Unanswered:         "unanswered",
	RuntQuery:          "runt-query",
	NotQuery:           "not-a-query",
	Retransmitted:      "retransmitted",
	StrayResponse:      "stray-response",
	MismatchedResponse: "mismatched-response",
	MalformedResponse:  "malformed-response",
}

// String returns the verdict's counter label.
func (v Verdict) String() string {
	if v < NumVerdicts {
		return verdictNames[v]
	}
	return "unknown"
}
