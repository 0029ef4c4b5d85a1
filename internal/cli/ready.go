package cli

import (
	"fmt"
	"os"
	"strings"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// firstPort is the port that the first guest is told to use.
const firstPort = "vnet0"

// readyText says which networks are up and how a first guest is started.
// self is how the user called this binary, socket the flag that finds its daemon.
func readyText(networks []api.NetworkInfo, self, socket string) string {
	var b strings.Builder
	first := ""
	for _, n := range networks {
		if !n.Active {
			continue
		}
		if first == "" {
			first = n.Name
		}
		fmt.Fprintf(&b, "network %s: %s, %s\n", n.Name, n.Mode, whereabouts(n))
	}
	if first == "" {
		return fmt.Sprintf("no network is active; see: %s%s net list\n", self, socket)
	}
	fmt.Fprintf(&b, "a first guest, in another terminal:\n\n  sudo %s%s port add %s %s%s\n", self, socket, first, firstPort, ownerFlag())
	fmt.Fprintf(&b, "  qemu-system-x86_64 -m 1G -drive file=DISK,if=virtio \\\n    %s\n\n", strings.Join(pairs(QEMUArgs(firstPort, GuestMAC(firstPort), 1)), " \\\n    "))
	return b.String()
}

// whereabouts says which addresses guests of the network have.
func whereabouts(n api.NetworkInfo) string {
	if len(n.Subnets) == 0 {
		return "guests are on the LAN of " + n.Uplink
	}
	text := fmt.Sprintf("%s, gateway %s on %s", strings.Join(n.Subnets, " "), n.Gateway, n.Bridge)
	if n.DHCP {
		text += ", leases " + strings.Join(n.LeaseRange, " ")
	}
	return text
}

// ownerFlag names the user behind sudo, who will run QEMU.
func ownerFlag() string {
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" {
		return " --owner " + user
	}
	return ""
}

// socketFlag is what a client needs to find the daemon that o starts; nothing
// where it is in its usual place.
func socketFlag(o RunOptions) string {
	switch {
	case o.Socket != "":
		return " --socket " + o.Socket
	case o.RuntimeDir != "":
		return " --socket " + config.Daemon{RuntimeDir: o.RuntimeDir}.SocketPath()
	}
	return ""
}

// calledAs is this binary as the user named it, fit for a command to be copied.
func calledAs() string {
	if strings.Contains(os.Args[0], "/") {
		return os.Args[0]
	}
	return "ubridge"
}
