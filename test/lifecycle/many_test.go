package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/test/lab"
)

const (
	manyPorts = 256
	manyBound = 100 << 20 // bytes of receive rings
)

// TestManyPortsPinLittle attaches 256 taps: the kernel pins the memory of their
// receive rings, so that of many ports is shorter.
func TestManyPortsPinLittle(t *testing.T) {
	n := lab.Quiet(t, "lifemany")
	var batch, names strings.Builder
	for i := range manyPorts {
		fmt.Fprintf(&batch, "tuntap add dev m%d mode tap\nlink set m%d up\n", i, i)
		fmt.Fprintf(&names, "'m%d', ", i)
	}
	file := filepath.Join(t.TempDir(), "batch")
	if err := os.WriteFile(file, []byte(batch.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Host.Run("ip", "-batch", file)
	start := time.Now()
	d := n.Start(lab.Options{Config: map[string]string{"networks.d/default.toml": "ports = [" + names.String() + "]\n"}})
	t.Logf("%d ports after %v: %d MiB of rings, %d MiB resident", manyPorts, time.Since(start), d.RingBytes()>>20, d.Resident()>>20)
	if got := len(d.Ports()); got < manyPorts {
		t.Errorf("%d ports", got)
	}
	if b := d.RingBytes(); b < manyPorts<<17 || b > manyBound {
		t.Errorf("%d bytes of receive rings, want at most %d, and a ring for each port", b, manyBound)
	}
	d.Stop()
}
