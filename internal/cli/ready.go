package cli

import (
	"fmt"
	"os"
	"strings"

	"ubridge/internal/api"
)

// firstPort is the port that the first guest is told to use.
const firstPort = "vnet0"

// readyText says which networks are up and how a first guest is started.
func readyText(networks []api.NetworkInfo) string {
	var b strings.Builder
	first := ""
	for _, n := range networks {
		if !n.Active {
			continue
		}
		if first == "" {
			first = n.Name
		}
		fmt.Fprintf(&b, "network %s: %s, %s, gateway %s on %s", n.Name, n.Mode, strings.Join(n.Subnets, " "), n.Gateway, n.Bridge)
		if n.DHCP {
			fmt.Fprintf(&b, ", leases %s", strings.Join(n.LeaseRange, " "))
		}
		b.WriteString("\n")
	}
	if first == "" {
		return "no network is active; see: ubridge net list\n"
	}
	fmt.Fprintf(&b, "a first guest, in another terminal:\n\n  sudo ubridge port add %s %s%s\n", first, firstPort, ownerFlag())
	fmt.Fprintf(&b, "  qemu-system-x86_64 -m 1G -drive file=DISK,if=virtio \\\n    %s\n\n", strings.Join(pairs(QEMUArgs(firstPort, 1)), " \\\n    "))
	return b.String()
}

// ownerFlag names the user behind sudo, who will run QEMU.
func ownerFlag() string {
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" {
		return " --owner " + user
	}
	return ""
}
