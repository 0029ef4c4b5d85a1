package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Bounds of what one import reads.
const (
	MaxFile  = 1 << 20 // bytes of one file
	MaxFiles = 1024    // files that one import reads, those read twice counted twice
)

// Files are the files of the host whose networks are imported.
type Files struct {
	fsys fs.FS
	read int
}

// NewFiles reads below the root of fsys: /etc/hosts is its etc/hosts.
func NewFiles(fsys fs.FS) *Files { return &Files{fsys: fsys} }

// within is an absolute path as an fs.FS wants it.
func within(file string) string {
	name := strings.TrimPrefix(path.Clean("/"+file), "/")
	if name == "" {
		return "."
	}
	return name
}

// Read is the content of the file at an absolute path. A path that leads nowhere
// is fs.ErrNotExist.
func (f *Files) Read(file string) ([]byte, error) {
	if f.read++; f.read > MaxFiles {
		return nil, fmt.Errorf("%s: more than %d files are included; name the one that is meant", file, MaxFiles)
	}
	in, err := f.fsys.Open(within(file))
	if err != nil {
		return nil, named(file, err)
	}
	defer in.Close()
	if s, err := in.Stat(); err == nil && !s.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", file)
	}
	text, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return nil, named(file, err)
	}
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%s: larger than 1 MiB; check that it is a configuration file", file)
	}
	return text, nil
}

// named puts the path that a user knows into an error of an fs.FS.
func named(file string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// List are the absolute paths of the files in a directory, by name; none where
// there is no directory. Directories and hidden files are passed over.
func (f *Files) List(dir string) (list []string) {
	entries, err := fs.ReadDir(f.fsys, within(dir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			list = append(list, path.Join("/", dir, e.Name()))
		}
	}
	return list
}

// Names are the names of all entries of a directory.
func (f *Files) Names(dir string) (list []string) {
	entries, _ := fs.ReadDir(f.fsys, within(dir)) // none where there is no directory
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// Glob are the absolute paths that match a pattern of path.Match, by name.
func (f *Files) Glob(pattern string) []string {
	list, err := fs.Glob(f.fsys, within(pattern))
	if err != nil {
		return nil
	}
	for i := range list {
		list[i] = "/" + list[i]
	}
	slices.Sort(list)
	return list
}

// Exists reports whether there is a file at an absolute path.
func (f *Files) Exists(file string) bool {
	_, err := fs.Stat(f.fsys, within(file))
	return err == nil
}
