package lab

import (
	"os"
	"regexp"
	"strconv"
	"time"

	"ubridge/internal/testnet"
)

// Pings are echo requests from a guest, fifty in a second, until Lost ends them.
type Pings struct {
	net  *Net
	proc *testnet.Proc
}

// Pings begins to ping an address, and returns when the first answer is there.
func (g *Guest) Pings(addr string) *Pings {
	g.net.T.Helper()
	p := &Pings{net: g.net, proc: g.NS.Start("ping", "-n", "-i", "0.02", addr)}
	p.proc.WaitFor("bytes from", 10*time.Second)
	return p
}

var pingSummary = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)

// Lost ends the pings and gives how many were sent, and how many of them nobody
// has answered.
func (p *Pings) Lost() (sent, lost int) {
	p.net.T.Helper()
	time.Sleep(100 * time.Millisecond) // the last answer is on its way
	p.proc.Signal(os.Interrupt)
	_ = p.proc.Wait(10 * time.Second) // its exit code tells less than its summary
	m := pingSummary.FindStringSubmatch(p.proc.Output())
	if m == nil {
		p.net.T.Fatalf("ping without a summary:\n%s", p.proc.Output())
	}
	sent, _ = strconv.Atoi(m[1])
	got, _ := strconv.Atoi(m[2])
	// One that was sent in the very last moment is not missed.
	return sent, max(0, sent-got-1)
}
