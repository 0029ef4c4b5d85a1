package config

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
const DefaultFastPath = FastPathOff

// FastPathMode is the word in force, where def is the daemon's.
func (n Network) FastPathMode(def FastPath) FastPath {
	if n.FastPath != "" {
		return n.FastPath
	}
	return def
}

// ParseFastPath reads a word of the command line.
func ParseFastPath(word string) (FastPath, error) {
	var p FastPath
	f := faults{}
	f.fastPath("fastpath", &word, &p)
	return p, f.err()
}

func (f *faults) fastPath(key string, raw *string, to *FastPath) {
	if raw == nil {
		return
	}
	*to = FastPath(*raw)
	f.checkFastPath(key, *to)
}

func (f *faults) checkFastPath(key string, p FastPath) {
	switch p {
	case FastPathOff, FastPathAuto, FastPathKernel:
	default:
		f.add(key, "use off, auto or kernel", "there is no fast path named %q", p)
	}
}
