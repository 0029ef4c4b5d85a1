package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadNetwork reads the definition in the file DIR/NAME.toml. Autostart is on
// unless the file says otherwise: who puts a file beside the configuration
// wants the network. The daemon's own files always say it (Marshal does).
func LoadNetwork(path string) (Network, error) {
	doc, err := readFile(path)
	if err != nil {
		return Network{}, err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".toml")
	n, err := parseNetwork(name, path, doc, true)
	n.Origin.File = path
	return n, err
}

// LoadDir reads every NAME.toml of a directory, in the order of their names. A
// directory that does not exist holds none; hidden files are passed over. The
// faults of all files are reported together, and the networks without any are
// returned beside the error.
func LoadDir(dir string) ([]Network, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("networks directory: %w", err)
	}
	var networks []Network
	var list []error
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".toml" {
			continue
		}
		n, err := LoadNetwork(filepath.Join(dir, e.Name()))
		if err != nil {
			list = append(list, err)
			continue
		}
		networks = append(networks, n)
	}
	return networks, joined(list)
}

// readFile reads a file, no more of it than decode refuses.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return doc, nil
}
