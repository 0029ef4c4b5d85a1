package probe

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Capabilities are the effective ones that ubridge needs.
type Capabilities struct {
	NetAdmin bool // CAP_NET_ADMIN: devices, filters, neighbours
	NetRaw   bool // CAP_NET_RAW: packet sockets
	BPF      bool // CAP_BPF, or CAP_SYS_ADMIN, which the kernel takes as well
}

// EffectiveCapabilities reads those of this process.
func EffectiveCapabilities() (Capabilities, error) {
	set, err := cap.GetPID(0)
	if err != nil {
		return Capabilities{}, fmt.Errorf("read own capabilities: %w", err)
	}
	var failed error
	has := func(v cap.Value) bool {
		on, err := set.GetFlag(cap.Effective, v)
		if err != nil {
			failed = fmt.Errorf("read own capability %s: %w", v, err)
		}
		return on
	}
	c := Capabilities{
		NetAdmin: has(cap.NET_ADMIN),
		NetRaw:   has(cap.NET_RAW),
		BPF:      has(cap.BPF) || has(cap.SYS_ADMIN),
	}
	return c, failed
}
