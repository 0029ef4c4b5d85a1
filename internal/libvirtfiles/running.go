package libvirtfiles

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxDefinition is the size in bytes beyond which a definition is not read.
const maxDefinition = 1 << 20

// runningOn names the network of libvirt's that runs with a bridge, "" for none.
// dir holds a file NAME.xml for each running network (networkObj's status file).
func runningOn(dir, bridge string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		name, isXML := strings.CutSuffix(e.Name(), ".xml")
		if !isXML {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // stopped meanwhile
		}
		if err != nil {
			return "", err
		}
		has := hasBridge(io.LimitReader(f, maxDefinition), bridge)
		f.Close()
		if has {
			return name, nil
		}
	}
	return "", nil
}

// hasBridge looks for <bridge name='…'/>; what is no XML has none.
func hasBridge(r io.Reader, bridge string) bool {
	for d := xml.NewDecoder(r); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "bridge" {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "name" && a.Value == bridge {
				return true
			}
		}
	}
}
