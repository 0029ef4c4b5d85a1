package bench

import (
	"os"
	"path/filepath"
)

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

// exists returns an error while there is nothing at path.
func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

// cache is where test/setup puts programs that are not installed: below the
// directory in which the bench is started, or the one named by UBRIDGE_CACHE.
func cache(name string) string {
	dir := os.Getenv("UBRIDGE_CACHE")
	if dir == "" {
		dir = ".cache"
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil { // the working directory is gone
		return filepath.Join(dir, name)
	}
	return path
}

// extendPath lets programs be found behind what the machine has: those of
// administrators, which a user's PATH leaves out, and those in the cache.
func extendPath() error {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/sbin", "/sbin", cache("openvswitch/usr/sbin"), cache("openvswitch/usr/bin"), cache("gvproxy")} {
		path += string(os.PathListSeparator) + dir
	}
	return os.Setenv("PATH", path)
}
