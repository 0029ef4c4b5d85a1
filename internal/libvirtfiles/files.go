package libvirtfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// pace is the least time between two writes.
const pace = 100 * time.Millisecond

// Options say which files are written.
type Options struct {
	Dir    string // made if it is missing
	Bridge string // device of the host port, which names the files

	// Ours says that an earlier run of this daemon made the files.
	Ours bool

	// Running is where libvirt keeps the definitions of its running networks;
	// empty for /run/libvirt/network.
	Running string

	Log *slog.Logger
}

// Files are the files of one network.
type Files struct {
	dir, base string
	ours      bool
	log       *slog.Logger
	changed   chan struct{}

	mu    sync.Mutex
	files [2]file
}

// file is one of the two.
type file struct {
	suffix  string
	content []byte // as it should be; nil before it is known
	written []byte
	failed  bool // and it was said
}

// Open prepares to write; nothing is written before Run. A running network of
// libvirt's with the same bridge is an error.
func Open(o Options) (*Files, error) {
	if o.Running == "" {
		o.Running = "/run/libvirt/network"
	}
	if name, err := runningOn(o.Running, o.Bridge); err != nil || name != "" {
		return nil, errors.Join(err, inUse(name, o))
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("libvirt's lease file: %w", err)
	}
	f := &Files{dir: o.Dir, base: o.Bridge, ours: o.Ours, log: o.Log, changed: make(chan struct{}, 1)}
	f.files = [2]file{{suffix: ".status"}, {suffix: ".macs"}}
	if _, err := os.Lstat(f.path(&f.files[0])); errors.Is(err, fs.ErrNotExist) {
		f.ours = true
	}
	return f, nil
}

func inUse(name string, o Options) error {
	if name == "" {
		return nil
	}
	return fmt.Errorf("%s belongs to libvirt's running network %s: `virsh net-destroy %s`, or name another bridge",
		filepath.Join(o.Dir, o.Bridge+".status"), name, name)
}

// Ours reports whether the files go with the network: there were none before.
func (f *Files) Ours() bool { return f.ours }

func (f *Files) path(file *file) string { return filepath.Join(f.dir, f.base+file.suffix) }

// SetLeases gives the content of BRIDGE.status.
func (f *Files) SetLeases(list []Lease) { set(f, 0, list) }

// SetGuests gives the content of BRIDGE.macs.
func (f *Files) SetGuests(list []Guest) { set(f, 1, list) }

func set[T any](f *Files, which int, list []T) {
	content, err := layout(list)
	if err != nil {
		f.log.Error("libvirt's files", "err", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.Equal(f.files[which].content, content) {
		return
	}
	f.files[which].content = content
	select {
	case f.changed <- struct{}{}:
	default: // Run has not begun with the change before
	}
}

// Run writes the files whenever they changed, until ctx is cancelled, and then
// removes those that are ours.
func (f *Files) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return f.end()
		case <-f.changed:
			f.write()
		}
		select {
		case <-ctx.Done():
			return f.end()
		case <-time.After(pace):
		}
	}
}

// write writes what changed. A failure, which guests do not feel, is said once.
func (f *Files) write() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.files {
		file := &f.files[i]
		if file.content == nil || bytes.Equal(file.content, file.written) {
			continue
		}
		err := replace(f.path(file), file.content)
		if err == nil {
			file.written, file.failed = file.content, false
		} else if !file.failed {
			file.failed = true
			f.log.Warn("libvirt's file is not written; leases are given all the same", "err", err)
		}
	}
}

// end leaves the last leases to libvirt, or removes the files.
func (f *Files) end() error {
	if !f.ours {
		f.write()
	}
	var errs []error
	for i := range f.files {
		path := f.path(&f.files[i])
		errs = append(errs, ignoreMissing(os.Remove(draft(path))))
		if f.ours || i > 0 { // .macs is ours in any case
			errs = append(errs, ignoreMissing(os.Remove(path)))
		}
	}
	return errors.Join(errs...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// draft is where a file is written before it is renamed. It has one name, so that what
// a daemon leaves that is killed in between is overwritten by the next one.
func draft(path string) string {
	return filepath.Join(filepath.Dir(path), ".ubridge-"+filepath.Base(path))
}

// replace writes a file by a rename. It need not be durable: what is in it is
// written again by the next start.
func replace(path string, content []byte) error {
	err := os.WriteFile(draft(path), content, 0o644)
	if err == nil {
		err = os.Chmod(draft(path), 0o644) // whatever the umask is
	}
	if err == nil {
		err = os.Rename(draft(path), path)
	}
	if err != nil {
		_ = os.Remove(draft(path)) // the first error tells more
	}
	return err
}
