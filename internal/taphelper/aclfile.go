package taphelper

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"ubridge/internal/api"
)

// errNotAllowed says that no line allows it.
var errNotAllowed = errors.New("no line allows it")

// Check reports whether a peer may attach a guest to the network that has these
// names, its own first. The error is Permission and names the line to add, or
// Failed where the ACL itself is wrong.
func Check(file string, peer api.Peer, names ...string) error {
	who := callerOf(peer)
	r := aclReader{who: who}
	if err := r.read(file); err != nil {
		return api.Errorf(api.Failed, "nobody is allowed by the helper: %v", err)
	}
	switch err := decide(r.rules, who, names); {
	case err == nil:
		return nil
	case errors.Is(err, errNotAllowed) && r.hidden != "":
		return api.Errorf(api.Permission, "%v may not attach guests to network %s: the lines of %s do not count for who may not read it",
			who, names[0], r.hidden)
	case errors.Is(err, errNotAllowed):
		return api.Errorf(api.Permission, "%v may not attach guests to network %s: add the line `allow %s %s` to %s",
			who, names[0], names[0], who.word(), file)
	default:
		return api.Errorf(api.Permission, "%v may not attach guests to network %s: %v", who, names[0], err)
	}
}

// aclReader gathers the rules of a file and what it includes.
type aclReader struct {
	who    Caller
	files  int
	rules  []rule
	hidden string // a file that the caller may not read
}

// read adds the rules of a file, as far as the caller may read it. A file that is
// not there has none.
func (a *aclReader) read(file string) error {
	if a.files++; a.files > maxIncludes {
		return fmt.Errorf("%s: more than %d files are included", file, maxIncludes)
	}
	text, err := a.text(file)
	if err != nil {
		return err
	}
	rules, err := parseACL(file, text)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.verb != "include" {
			a.rules = append(a.rules, r)
			continue
		}
		if !filepath.IsAbs(r.object) {
			r.object = filepath.Join(filepath.Dir(file), r.object)
		}
		if err := a.read(r.object); err != nil {
			return err
		}
	}
	return nil
}

// text is the content of a file; nothing where it is not there or not for the
// caller to read. A file that others than root may write decides nothing.
func (a *aclReader) text(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", file)
	case owner.Uid != 0 && int(owner.Uid) != os.Geteuid() || info.Mode()&0o022 != 0:
		return nil, fmt.Errorf("%s can be written by others than root: chown root %s && chmod go-w %s", file, file, file)
	case info.Size() > maxACL:
		return nil, fmt.Errorf("%s is longer than %d bytes", file, maxACL)
	case !a.who.mayRead(info.Mode(), int(owner.Uid), int(owner.Gid)):
		a.hidden = file
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(f, maxACL))
}
