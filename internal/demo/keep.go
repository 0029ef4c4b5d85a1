package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ubridge/internal/shm"
	"ubridge/internal/testnet"
)

// handOver tells how to play in a kept tour and how to end it.
func (t *tour) handOver() {
	say := func(format string, args ...any) { fmt.Fprintf(t.screen.out, format+"\n", args...) }
	enter := func(n *testnet.NS) string { return "sudo ip netns exec " + n.Name + " sh" }
	say("\nAll of it worked, and stays up.")
	say("  guest1   %s", enter(t.first))
	say("  guest2   %s", enter(t.second))
	if t.guest() != nil {
		say("  guest3   sudo ip netns exec %s busybox telnet %s", t.first.Name, t.lease)
	}
	say("  host     %s", enter(t.host))
	say("  server   %s", enter(t.server))
	say("  daemon   sudo %s --socket %s net leases", t.opts.Self, t.socket())
	say("  log      sudo tail -f %s", t.daemon.OutputFile())
	say("Remove it all:")
	say("  sudo %s demo --clean", t.opts.Self)
}

// clean removes what kept tours have left.
func clean(out io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("removing namespaces needs root: run it by sudo")
	}
	kept, err := testnet.RemoveKept(prefix, forgetTables)
	for _, name := range kept {
		fmt.Fprintf(out, "removed %s\n", name)
	}
	if len(kept) == 0 && err == nil {
		fmt.Fprintln(out, "no demo has been kept")
	}
	return err
}

// forgetTables removes the mapped tables of a daemon that had to be killed.
func forgetTables(labDir string) error {
	dir, _, err := shm.Dir(runtimeDir(labDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the tour did not come that far
	} else if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Clean(dir))
}
