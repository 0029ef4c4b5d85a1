package leasefile

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ubridge/dhcpd"
)

// fileMode lets everyone on the host read who has which address, as dnsmasq's
// lease file does.
const fileMode = 0o644

// File is an open lease file. See the package comment.
type File struct {
	path    string
	leases  []dhcpd.Lease // ordered by IP
	unsaved bool          // the disk is behind leases
}

// Damage is a line that could not be read and was moved to the .bad file.
type Damage struct {
	Line int    // from 1
	Text string // as it was
	Err  error  // what is wrong with it
}

// String says what happened, for the log.
func (d Damage) String() string { return fmt.Sprintf("line %d: %v: %q", d.Line, d.Err, d.Text) }

// Open reads the lease file at path; one that does not exist is empty. The
// directory must exist. Damaged lines are set aside in path.bad before the
// file is rewritten without them.
func Open(path string) (*File, []Damage, error) {
	if err := removeLeftover(path); err != nil {
		return nil, nil, fmt.Errorf("lease file %s: remove what a crash left: %w; remove it by hand", path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, nil, fmt.Errorf("lease file %s: %w; create its directory", path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("lease file %s: %w; make it a file that the daemon can read, or remove it", path, err)
	}
	f := &File{path: path}
	damage := f.read(string(text))
	if len(damage) == 0 {
		return f, nil, nil
	}
	if err := setAside(path+".bad", damage); err != nil {
		return nil, damage, fmt.Errorf("lease file %s: keep damaged lines: %w; make room, or remove those lines", path, err)
	}
	f.unsaved = true
	return f, damage, f.save()
}

// read takes the file's text and returns the lines that it could not take. Of
// two lines for one address the later stands.
func (f *File) read(text string) []Damage {
	var damage []Damage
	number := 0
	for line := range strings.Lines(text) {
		number++
		lease, err := parseLine(line)
		if err == nil && !strings.HasSuffix(line, "\n") {
			err = errors.New("cut short")
		}
		if err != nil {
			damage = append(damage, Damage{number, strings.TrimSuffix(line, "\n"), err})
			continue
		}
		f.put(lease)
	}
	return damage
}

// setAside appends the damaged lines to the file at path, durably.
func setAside(path string, damage []Damage) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, d := range damage {
		text.WriteString(d.Text + "\n")
	}
	_, err = out.WriteString(text.String())
	return errors.Join(err, out.Sync(), out.Close())
}

// Leases returns all leases, live and former, ordered by address.
func (f *File) Leases() []dhcpd.Lease { return slices.Clone(f.leases) }

// Apply makes the changes, in order, and returns when they are on disk. If it
// fails they are kept in memory and the next Apply tries again.
func (f *File) Apply(changes []dhcpd.Change) error {
	for _, c := range changes {
		switch c.Kind {
		case dhcpd.Put, dhcpd.Release:
			f.put(c.Lease)
		case dhcpd.Remove:
			f.remove(c.Lease.IP)
		default: // a lapse is in the stored expiry already
			continue
		}
		f.unsaved = true
	}
	return f.save()
}

// Replace makes leases the whole content, and returns when it is on disk. Of
// two for one address the later stands.
func (f *File) Replace(leases []dhcpd.Lease) error {
	f.leases, f.unsaved = nil, true
	for _, l := range leases {
		f.put(l)
	}
	return f.save()
}

func (f *File) put(l dhcpd.Lease) {
	i, found := f.find(l.IP)
	if found {
		f.leases[i] = l
		return
	}
	f.leases = slices.Insert(f.leases, i, l)
}

func (f *File) remove(ip netip.Addr) {
	if i, found := f.find(ip); found {
		f.leases = slices.Delete(f.leases, i, i+1)
	}
}

func (f *File) find(ip netip.Addr) (int, bool) {
	return slices.BinarySearchFunc(f.leases, ip, func(l dhcpd.Lease, ip netip.Addr) int {
		return l.IP.Compare(ip)
	})
}

// save writes the file if it is behind.
func (f *File) save() error {
	if !f.unsaved {
		return nil
	}
	var text []byte
	for _, l := range f.leases {
		text = appendLine(text, l)
	}
	r := &replacement{path: f.path, data: text}
	if err := r.run(); err != nil {
		return fmt.Errorf("lease file %s: %w; free space or make its directory writable: no lease is confirmed until it is stored", f.path, err)
	}
	f.unsaved = false
	return nil
}
