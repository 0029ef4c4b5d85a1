package hostnet

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// silent are the sysctls of a guest's device: the belt for the moments in which
// no steering program is attached.
var silent = []sysctl{
	{"ipv6", "disable_ipv6", "1"},
	{"ipv6", "accept_ra", "0"},
	{"ipv6", "autoconf", "0"},
	{"ipv4", "arp_ignore", "8"}, // answer for no local address
	{"ipv4", "arp_announce", "2"},
	{"ipv4", "forwarding", "0"},
}

// Attachment is how a device was before we prepared it, fit for a state file.
type Attachment struct {
	Name    string            `json:"name"`
	Ifindex int               `json:"ifindex"`
	Up      bool              `json:"up"`
	Sysctls map[string]string `json:"sysctls"` // FAMILY/KEY → value

	// Promiscuous says that Prepare makes it so: a card takes frames for its own address
	// only, while a tap or a veth takes all. What packet sockets ask for would end with
	// the process, and with it what the kernel forwards for a daemon that is dead.
	Promiscuous bool `json:"promiscuous,omitempty"`
}

// Snapshot checks that the device can be attached and notes how it is; nothing
// is changed. After a crash use the snapshot of the state file instead, for the
// device is prepared already: compare Ifindex with that of DeviceInfo, since a
// device that vanished and returned is a new one.
func Snapshot(name string) (Attachment, error) {
	d, err := DeviceInfo(name)
	if err != nil {
		return Attachment{}, err
	}
	if err := d.Attachable(); err != nil {
		return Attachment{}, err
	}
	values, err := readDevice(name, silent)
	if err != nil {
		return Attachment{}, err
	}
	a := Attachment{Name: name, Ifindex: d.Ifindex, Up: d.Up, Sysctls: values}
	if d.Kind != "tap" && d.Kind != "veth" {
		already, err := Promiscuous(d.Ifindex)
		if err != nil {
			return Attachment{}, err
		}
		a.Promiscuous = !already
	}
	return a, nil
}

// Prepare keeps the host's stack off the device as far as sysctls can, and
// brings the device up. Idempotent. The caller attaches steer's silence before
// and its packet socket after.
func Prepare(a Attachment) error {
	link, err := linkByName(a.Name)
	if err != nil {
		return err
	}
	if link.Attrs().Index != a.Ifindex {
		return fmt.Errorf("%s is device %d now, was %d: take a new snapshot", a.Name, link.Attrs().Index, a.Ifindex)
	}
	if err := writeDevice(a.Name, silent); err != nil {
		return fmt.Errorf("prepare %s: %w", a.Name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", a.Name, err)
	}
	if a.Promiscuous {
		return SetPromiscuous(a.Ifindex, true)
	}
	return nil
}

// Restore puts the device back as it was at the snapshot. A device that is gone
// or was made anew since then needs nothing.
func Restore(a Attachment) error {
	link, err := linkByName(a.Name)
	if err != nil || link.Attrs().Index != a.Ifindex {
		return ignoreMissing(err)
	}
	if a.Promiscuous {
		if err := SetPromiscuous(a.Ifindex, false); err != nil {
			return fmt.Errorf("restore %s: %w", a.Name, err)
		}
	}
	if !a.Up {
		if err := netlink.LinkSetDown(link); err != nil {
			return fmt.Errorf("restore %s: set down: %w", a.Name, err)
		}
	}
	return a.restoreSysctls()
}

func (a Attachment) restoreSysctls() error {
	var old []sysctl
	for _, s := range silent {
		if value, ok := a.Sysctls[s.family+"/"+s.key]; ok {
			old = append(old, sysctl{s.family, s.key, value})
		}
	}
	if err := writeDevice(a.Name, old); err != nil {
		return fmt.Errorf("restore %s: %w", a.Name, err)
	}
	return nil
}
