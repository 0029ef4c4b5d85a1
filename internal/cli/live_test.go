package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
)

func status(rx, tx uint64) api.Status {
	return api.Status{Totals: api.NetworkStatus{
		Counts:   api.Counts{Ports: 3, PortsUp: 2, Leases: 1, Flows: 7},
		Counters: api.Counters{RxBytes: rx, TxBytes: tx, Drops: api.Drops{"runt": 2, "no-port": 3}},
	}}
}

func TestStatusLine(t *testing.T) {
	got := statusLine(status(1000, 0), status(1000+125_000_000, 500), 2*time.Second)
	if want := "ports 2/3  leases 1  flows 7  rx 500 Mb/s  tx 2 kb/s  drops 5"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRate(t *testing.T) {
	tests := []struct {
		before, after uint64
		since         time.Duration
		want          string
	}{
		{0, 0, time.Second, "0 b/s"}, {0, 100, time.Second, "800 b/s"}, {0, 125, time.Second, "1 kb/s"},
		{0, 3_125_000_000, time.Second, "25.0 Gb/s"}, {0, 124_999_999, time.Second, "1.0 Gb/s"},
		{9, 3, time.Second, "-"}, {0, 9, 0, "-"},
	}
	for _, tt := range tests {
		if got := rate(tt.before, tt.after, tt.since); got != tt.want {
			t.Errorf("%d to %d in %v: %s, want %s", tt.before, tt.after, tt.since, got, tt.want)
		}
	}
}

// On a terminal the log pushes the line down and never runs into it.
func TestLiveLineStaysLast(t *testing.T) {
	var screen bytes.Buffer
	l := &Live{terminal: true, out: &screen, log: &screen}
	l.Show(status(0, 0))
	if _, err := l.Write([]byte("log\n")); err != nil {
		t.Fatal(err)
	}
	l.say("text\n")
	l.clear()
	line := l.lastShown(screen.String())
	want := line + eraseLine + "log\n" + line + eraseLine + "text\n" + line + eraseLine
	if screen.String() != want || line == "" {
		t.Errorf("got  %q\nwant %q", screen.String(), want)
	}
}

// lastShown is the line that the screen began with.
func (l *Live) lastShown(screen string) string {
	line, _, _ := strings.Cut(screen, eraseLine)
	return line
}

func TestLiveWithoutATerminalPassesTheLog(t *testing.T) {
	var out, log bytes.Buffer
	l := newLive(&out, &log)
	l.Show(status(0, 0))
	_, _ = l.Write([]byte("log\n"))
	l.clear()
	if out.String() != "" || log.String() != "log\n" {
		t.Errorf("out %q, log %q", out.String(), log.String())
	}
}
