package fdb

// Verdict is what became of a frame's source address. The frame is to be
// forwarded whatever the verdict, except that a bridge drops RefusedSource.
type Verdict uint8

// Verdicts of Learn.
const (
	Refreshed     Verdict = iota // known there already
	Learned                      // new
	Moved                        // was known on another port
	RefusedSource                // a group address or zero, which no station has
	Static                       // set on another port, where it stays
	PortLimit                    // not remembered: the port has its share of stations
	Busy                         // not remembered this time: another worker is writing; the next frame does it
	TableFull                    // not remembered: no place left
)

var verdictNames = [...]string{
	Refreshed: "refreshed", Learned: "learned", Moved: "moved", RefusedSource: "refused-source",
	Static: "static", PortLimit: "port-limit", Busy: "busy", TableFull: "table-full",
}

// String is the verdict's name in metrics.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "unknown"
}
