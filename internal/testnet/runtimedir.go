package testnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// RuntimeDir makes a runtime directory for a daemon, which goes away with t. It is
// on a tmpfs, as /run is, so that the daemon keeps its tables in it and leaves
// nothing elsewhere, however it ends.
func RuntimeDir(t T) string {
	t.Helper()
	sweepRuntime()
	dir, err := os.MkdirTemp("/dev/shm", fmt.Sprintf("%s%d-", runtimeMark, os.Getpid()))
	if err != nil {
		t.Fatalf("runtime directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// runtimeMark begins the names of runtime directories; the process id follows.
const runtimeMark = "ubridge-lab-"

// sweepRuntime removes what processes that are gone have left behind.
var sweepRuntime = sync.OnceFunc(func() {
	left, _ := filepath.Glob("/dev/shm/" + runtimeMark + "*-*")
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), runtimeMark), "-")
		if _, err := os.Stat("/proc/" + pid); err != nil {
			_ = os.RemoveAll(dir)
		}
	}
})
