package testnet

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
)

// writeArchive writes host files (by their paths in the guest) as a cpio
// archive in newc format, with the directories above them. The kernel unpacks
// archives that follow one another in an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeArchive(w io.Writer, files map[string]string) error {
	a := archive{w: w}
	for _, dir := range parents(files) {
		a.entry(dir, 0o040755, nil)
	}
	for _, name := range sortedKeys(files) {
		a.file(strings.TrimPrefix(path.Clean(name), "/"), files[name])
	}
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

// archive keeps the first error; what follows is not written.
type archive struct {
	w     io.Writer
	inode int
	err   error
}

func (a *archive) file(name, host string) {
	content, err := os.ReadFile(host)
	if err != nil {
		a.fail(err)
		return
	}
	info, err := os.Stat(host)
	if err != nil {
		a.fail(err)
		return
	}
	a.entry(name, 0o100000|uint32(info.Mode()&fs.ModePerm), content)
}

// entry writes thirteen fields of eight hexadecimal digits, the name with its
// zero, and the content, both padded to four bytes.
func (a *archive) entry(name string, mode uint32, content []byte) {
	a.inode++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.padded([]byte(header + name + "\x00"))
	a.padded(content)
}

func (a *archive) padded(b []byte) {
	if a.err != nil {
		return
	}
	if _, err := a.w.Write(b); err != nil {
		a.fail(err)
		return
	}
	_, err := a.w.Write(make([]byte, -len(b)&3))
	a.fail(err)
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// parents lists the directories above the names, outer ones first.
func parents(files map[string]string) []string {
	dirs := map[string]string{}
	for name := range files {
		for dir := path.Dir(path.Clean("/" + name)); dir != "/"; dir = path.Dir(dir) {
			dirs[strings.TrimPrefix(dir, "/")] = ""
		}
	}
	return sortedKeys(dirs)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
