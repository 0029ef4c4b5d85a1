package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
)

// state is what the daemon remembers beyond definitions and leases. It is
// written whole, before what it describes is done.
type state struct {
	Networks map[string]*netState `json:"networks"`
	Ports    []*portState         `json:"ports"`
	KeptOff  []keptOff            `json:"kept_off,omitempty"`

	// Boot is the boot of the host in which it was written: how devices were is
	// true in that one only.
	Boot string `json:"boot"`

	path     string
	rebooted bool // since it was written
}

// netState is what a network keeps across restarts.
type netState struct {
	Bridge  string       `json:"bridge"`            // device of the host port
	MAC     wire.MAC     `json:"mac"`               // of the gateway
	Address netip.Prefix `json:"address,omitempty"` // last used, where it was chosen
	Running bool         `json:"running"`           // to be started again after a crash
	ID      uint16       `json:"id"`                // of the bridge in the worker; NAT flows name it
	HostID  uint16       `json:"host_id"`           // of the host port in the worker
	NICID   uint16       `json:"nic_id,omitempty"`  // of a shared NIC in the worker

	// NIC is the shared NIC as it was before; nil while none is shared.
	NIC *nicRecord `json:"nic,omitempty"`

	// UUID is what libvirt's form calls the network, where its definition does not
	// say it.
	UUID string `json:"uuid,omitempty"`
	// Transient is the definition, in TOML, of a network that runs and is defined
	// nowhere: its name in the daemon that comes after a crash.
	Transient string `json:"transient,omitempty"`
	// StatusFile is libvirt's lease file that we made, not one that libvirt left.
	StatusFile string `json:"status_file,omitempty"`
}

// portState is a port that was added and is to be attached whenever its device
// is there.
type portState struct {
	Network string   `json:"network"`
	Name    string   `json:"name"`
	ID      uint16   `json:"id"`             // in the worker; the fdb's entries name it
	Made    *madeTap `json:"made,omitempty"` // the tap that we made; nil for a device that was there

	// Transient is set for a port that is remembered only as long as its device
	// exists.
	Transient *transient `json:"transient,omitempty"`

	Guest *portGuest `json:"guest,omitempty"` // who is behind it, where that is known

	// Before is the device as it was before it was attached; nil while it is
	// not. HadClsact says that it had a clsact qdisc then, which stays.
	Before    *hostnet.Attachment `json:"before,omitempty"`
	HadClsact bool                `json:"had_clsact,omitempty"`

	// Fast says that the program on the device is the fast path's.
	Fast bool `json:"fast,omitempty"`
}

// madeTap is how a tap of ours is made again after a stop removed it.
type madeTap struct {
	Owner  *uint32 `json:"owner,omitempty"`
	Group  *uint32 `json:"group,omitempty"`
	Queues int     `json:"queues,omitempty"`
}

// loadState reads the state file; none is an empty state. What was written in
// another boot of the host than this one is forgotten as far as it tells of
// devices: those were made anew since, perhaps with the same index.
func loadState(path, boot string) (*state, error) {
	s := &state{path: path}
	if err := readJSON(path, s); err != nil {
		return nil, err
	}
	if s.Networks == nil {
		s.Networks = map[string]*netState{}
	}
	s.rebooted, s.Boot = s.Boot != boot, boot
	if s.rebooted {
		s.Ports = slices.DeleteFunc(s.Ports, func(p *portState) bool { return p.Transient != nil })
		s.KeptOff = nil
	}
	for _, p := range s.Ports {
		if s.rebooted {
			p.Before, p.HadClsact = nil, false
		}
	}
	for _, n := range s.Networks {
		if s.rebooted {
			n.NIC = nil
		}
	}
	return s, nil
}

// bootID names the present boot of the host (random(4)).
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("tell one boot of the host from another: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// save makes the state durable.
func (s *state) save() error { return writeJSON(s.path, s) }

// readJSON reads a state file into v; one that does not exist leaves v as it is.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("state file %s is damaged (%w): move it away to start without what it remembers", path, err)
	}
	return nil
}

// writeJSON replaces a state file.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return writeFile(path, append(b, '\n'))
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, werr := f.Write(data)
	err = errors.Join(werr, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// network is what is remembered of a network, made on first use.
func (s *state) network(name string) *netState {
	n := s.Networks[name]
	if n == nil {
		n = &netState{}
		s.Networks[name] = n
	}
	return n
}

// port is the remembered port with a device's name, nil for none.
func (s *state) port(device string) *portState {
	at := slices.IndexFunc(s.Ports, func(p *portState) bool { return p.Name == device })
	if at < 0 {
		return nil
	}
	return s.Ports[at]
}

// freeNetworkID is the lowest identifier that no remembered network has.
func (s *state) freeNetworkID() uint16 {
	taken := map[uint16]bool{}
	for _, n := range s.Networks {
		taken[n.ID] = true
	}
	id := uint16(1)
	for taken[id] {
		id++
	}
	return id
}

// firstUplinkID divides identifiers of the worker's ports: below are ports of
// networks, remembered; from it on uplinks, which are not.
const firstUplinkID = 4096

// freeID is the lowest identifier that no remembered port has.
func (s *state) freeID() uint16 {
	taken := map[uint16]bool{}
	for _, n := range s.Networks {
		taken[n.HostID], taken[n.NICID] = true, true
	}
	for _, p := range s.Ports {
		taken[p.ID] = true
	}
	id := uint16(1)
	for taken[id] {
		id++
	}
	return id
}

func (s *state) removePort(device string) {
	s.Ports = slices.DeleteFunc(s.Ports, func(p *portState) bool { return p.Name == device })
}
