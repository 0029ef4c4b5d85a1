package ifcfg

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"ubridge/internal/importer"
)

// DefaultDir is where the files are.
const DefaultDir = "/etc/sysconfig/network-scripts"

// leftover are names that the network scripts pass over: what editors and rpm
// leave behind.
var leftover = regexp.MustCompile(`(~|\.bak|\.old|\.orig|\.rpmnew|\.rpmorig|\.rpmsave|\.swp)$`)

// Read reads the ifcfg files of a directory, or of the directory of one that is
// named. A bridge that cannot be made a network is in the plan's notes; the error
// is for files that cannot be read.
func Read(files *importer.Files, dir string) (importer.Plan, error) {
	var plan importer.Plan
	if strings.HasPrefix(path.Base(dir), "ifcfg-") {
		dir = path.Dir(dir)
	}
	var all []*file
	for _, name := range files.List(dir) {
		if !strings.HasPrefix(path.Base(name), "ifcfg-") || leftover.MatchString(name) {
			continue
		}
		text, err := files.Read(name)
		if err != nil {
			return plan, err
		}
		all = append(all, parse(&plan, name, text))
	}
	if len(all) == 0 {
		return plan, fmt.Errorf("%s: no ifcfg files: %w", dir, fs.ErrNotExist)
	}
	for _, f := range all {
		if strings.EqualFold(f.get("TYPE"), "bridge") {
			b := &bridge{files: files, plan: &plan, dir: dir, file: f, all: all, at: importer.At{Network: f.device, File: f.path}}
			b.build()
		}
	}
	return plan, nil
}
