package leasefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replacement is one atomic exchange of a file's content. Its steps leave the
// old content at path until the rename, and the new one after it.
type replacement struct {
	path string
	data []byte
	temp *os.File
}

// step is one system call of a replacement, in the order in which a crash may
// fall between them.
type step struct {
	name string
	do   func() error
}

// tempPath is fixed, as there is one writer: what a crash leaves behind is
// overwritten by the next write.
func tempPath(path string) string { return path + ".tmp" }

func (r *replacement) steps() []step {
	return []step{
		{"create the temporary file", r.create},
		{"write", r.write},
		{"sync", r.sync},
		{"close", r.close},
		{"rename", r.rename},
		{"sync the directory", r.syncDirectory},
	}
}

func (r *replacement) create() (err error) {
	r.temp, err = os.OpenFile(tempPath(r.path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	return err
}

func (r *replacement) write() error {
	_, err := r.temp.Write(r.data)
	return err
}

func (r *replacement) sync() error { return r.temp.Sync() }

func (r *replacement) close() error {
	temp := r.temp
	r.temp = nil
	return temp.Close()
}

func (r *replacement) rename() error { return os.Rename(tempPath(r.path), r.path) }

func (r *replacement) syncDirectory() error {
	dir, err := os.Open(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// run does all steps and cleans up after one that fails.
func (r *replacement) run() error {
	for _, s := range r.steps() {
		if err := s.do(); err != nil {
			r.abandon()
			return err
		}
	}
	return nil
}

func (r *replacement) abandon() {
	if r.temp != nil {
		r.temp.Close()
	}
	os.Remove(tempPath(r.path)) // gone already if the rename was done
}

// removeLeftover removes the temporary file of a crashed write.
func removeLeftover(path string) error {
	if err := os.Remove(tempPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
