package config

import "fmt"

// FastPath says whether the kernel forwards what user space has decided before.
type FastPath string

// The words of the key fastpath.
const (
	FastPathOff    FastPath = "off"    // user space forwards everything
	FastPathAuto   FastPath = "auto"   // where the kernel allows it
	FastPathKernel FastPath = "kernel" // and say where it does not
)

// DefaultFastPath is what networks have of which neither their definition nor the
// daemon's configuration says anything.
const DefaultFastPath = FastPathAuto

// FastPathMode is the word in force, where def is the daemon's.
func (n Network) FastPathMode(def FastPath) FastPath {
	if n.FastPath != "" {
		return n.FastPath
	}
	return def
}

// ParseFastPath reads a word of the command line.
func ParseFastPath(word string) (FastPath, error) {
	p := FastPath(word)
	if !p.known() {
		return "", fmt.Errorf("there is no fast path named %q; use off, auto or kernel", word)
	}
	return p, nil
}

func (p FastPath) known() bool {
	return p == FastPathOff || p == FastPathAuto || p == FastPathKernel
}

func (f *faults) fastPath(key string, raw *string, to *FastPath) {
	if raw != nil {
		*to = FastPath(*raw)
		f.checkFastPath(key, *to)
	}
}

func (f *faults) checkFastPath(key string, p FastPath) {
	if !p.known() {
		f.add(key, "use off, auto or kernel", "there is no fast path named %q", p)
	}
}
