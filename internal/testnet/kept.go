package testnet

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Keep makes the lab outlive the test and the process: namespaces stay, and
// processes go on. It must be called before the first namespace is made. Sweep
// leaves kept labs alone; RemoveKept does not.
func (l *Lab) Keep() {
	l.t.Helper()
	if len(l.spaces) > 0 {
		l.t.Fatalf("Keep after the first namespace: names have been given already")
	}
	l.kept = true
	pid := strings.Split(strings.TrimPrefix(l.id, mark), "-")[1]
	l.id = strings.Replace(l.id, "-"+pid+"-", "-kept"+pid+"-", 1)
	_ = os.Remove(l.dir) // it is named like what Sweep may remove
	l.makeDir()
}

// Release undoes Keep: the lab is removed when the test ends.
func (l *Lab) Release() { l.kept = false }

// RemoveKept removes the kept labs with this prefix: it asks their processes to
// end by SIGTERM and waits, then removes namespaces and scratch directories,
// each of which last gets to see before. It returns the names removed.
func RemoveKept(prefix string, last func(dir string) error) (removed []string, err error) {
	spaces, dirs := kept(spacesDir, prefix), kept(os.TempDir(), prefix)
	endInside(spaces)
	var errs []error
	for _, name := range spaces {
		errs = append(errs, removeSpace(name))
	}
	for _, name := range kept(etcDir, prefix) {
		errs = append(errs, os.RemoveAll(filepath.Join(etcDir, name)))
	}
	for _, name := range dirs {
		dir := filepath.Join(os.TempDir(), name)
		errs = append(errs, last(dir), os.RemoveAll(dir))
	}
	return append(spaces, dirs...), errors.Join(errs...)
}

// kept lists the names in dir that kept labs have given.
func kept(dir, prefix string) (names []string) {
	ours := regexp.MustCompile("^" + mark + prefix + `-kept\d+-\d+-`)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none, or it is not ours to read
	}
	for _, e := range entries {
		if ours.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// endInside asks the processes of namespaces to end, and waits a while: they
// may be taking down devices in one that others still use.
func endInside(spaces []string) {
	inside := func() (pids []int) {
		for _, name := range spaces {
			pids = append(pids, pidsInside(name)...)
		}
		return pids
	}
	for _, pid := range inside() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	for deadline := time.Now().Add(stopGrace); len(inside()) > 0 && time.Now().Before(deadline); {
		time.Sleep(pollEvery)
	}
}
