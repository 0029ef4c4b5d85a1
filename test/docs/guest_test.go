package docs

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
)

// guest is QEMU as the reader has started it, at whose console somebody sits:
// test/guest/init describes what is said there.
type guest struct {
	*testnet.Proc
	t       *testing.T
	console *os.File
	said    int
}

// boot types a QEMU command and waits until the guest is up.
func (s *session) boot(line string) *guest {
	s.t.Helper()
	stdin, console, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer stdin.Close()
	s.t.Cleanup(func() { _ = console.Close() })
	g := &guest{Proc: s.start(line, stdin), t: s.t, console: console}
	g.WaitFor("@@ubridge ready 1", 2*time.Minute)
	return g
}

// run runs a script in the guest, which must succeed.
func (g *guest) run(script string) string {
	g.t.Helper()
	g.say(script)
	m := g.WaitFor(fmt.Sprintf(`(?s)@@ubridge begin %d\r?\n(.*)@@ubridge end %d (\d+)`, g.said, g.said), 90*time.Second)
	out, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(m[1]), ""))
	if err != nil || m[2] != "0" {
		g.t.Fatalf("in the guest: %s: exit code %s, %v\n%s", script, m[2], err, out)
	}
	return string(out)
}

func (g *guest) say(script string) {
	g.t.Helper()
	g.said++
	if _, err := fmt.Fprintf(g.console, "%d 60 %s\n", g.said, base64.StdEncoding.EncodeToString([]byte(script))); err != nil {
		g.t.Fatalf("console: %v", err)
	}
}

// off turns the guest off.
func (g *guest) off() {
	g.t.Helper()
	g.say("reboot -f") // QEMU was told to end then
	if err := g.Wait(30 * time.Second); err != nil {
		g.t.Fatalf("the guest does not go: %v", err)
	}
}
