package testnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	mark      = "ubnet-"     // begins the name of all that this package makes
	spacesDir = "/run/netns" // where iproute2 keeps named namespaces
	etcDir    = "/etc/netns" // what "ip netns exec" binds over /etc
)

// Sweep removes the namespaces and scratch directories that labs with this
// prefix have left behind, where the process that made them is gone.
func Sweep(prefix string) error {
	var errs []error
	for _, name := range leftOvers(spacesDir, prefix) {
		errs = append(errs, removeSpace(name))
	}
	for _, name := range leftOvers(etcDir, prefix) { // a namespace may be gone, its files not
		errs = append(errs, os.RemoveAll(filepath.Join(etcDir, name)))
	}
	for _, name := range leftOvers(os.TempDir(), prefix) {
		errs = append(errs, os.RemoveAll(filepath.Join(os.TempDir(), name)))
	}
	return errors.Join(errs...)
}

// LeftOvers lists the scratch directories that Sweep would remove.
func LeftOvers(prefix string) (dirs []string) {
	for _, name := range leftOvers(os.TempDir(), prefix) {
		dirs = append(dirs, filepath.Join(os.TempDir(), name))
	}
	return dirs
}

// leftOvers lists the names in dir that a dead process has given.
func leftOvers(dir, prefix string) []string {
	ours := regexp.MustCompile("^" + mark + prefix + `-(\d+)-\d+-`)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none, or it is not ours to read
	}
	var names []string
	for _, e := range entries {
		if m := ours.FindStringSubmatch(e.Name()); m != nil && dead(m[1]) {
			names = append(names, e.Name())
		}
	}
	return names
}

func dead(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
}

// removeSpace ends what still runs in a namespace and removes it.
func removeSpace(name string) error {
	if _, err := os.Stat(filepath.Join(spacesDir, name)); errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(filepath.Join(etcDir, name))
	}
	killInside(name)
	if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
		return fmt.Errorf("ip netns del %s: %w: %s", name, err, out)
	}
	if err := os.RemoveAll(filepath.Join(etcDir, name)); err != nil {
		return err
	}
	_ = os.Remove(etcDir) // only when it is empty
	return nil
}

// killInside ends the processes of a namespace: a kernel keeps the devices of
// one that is still in use, whether or not it has a name.
func killInside(name string) {
	for range 50 {
		pids := pidsInside(name)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pidsInside never names this process, which may have a thread in there.
func pidsInside(name string) []int {
	out, err := exec.Command("ip", "netns", "pids", name).Output()
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
