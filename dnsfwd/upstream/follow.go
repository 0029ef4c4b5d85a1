package upstream

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollEvery finds what notification misses: a target folder that appeared
	// later, a file on a network or overlay file system.
	pollEvery = 3 * time.Second
	// settleFor lets a writer that truncates and writes finish.
	settleFor = 50 * time.Millisecond
)

// A follower keeps the Service's resolvers equal to a resolv.conf.
type follower struct {
	service *Service
	path    string
	watcher *fsnotify.Watcher // nil where the host gives none
	events  <-chan fsnotify.Event
	errors  <-chan error
	folders []string // watched
	servers []netip.AddrPort
	known   bool
}

// newFollower starts notification and reads the file a first time.
func newFollower(s *Service, path string) *follower {
	f := &follower{service: s, path: filepath.Clean(path)}
	if abs, err := filepath.Abs(path); err == nil {
		f.path = abs
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn("no file notification; polling instead", "path", f.path, "error", err)
	} else {
		f.watcher, f.events, f.errors = w, w.Events, w.Errors
	}
	f.load()
	return f
}

// run reads the file again whenever it may have changed.
func (f *follower) run(ctx context.Context) {
	if f.watcher != nil {
		defer f.watcher.Close()
	}
	due := time.NewTimer(pollEvery)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-f.events:
			if f.concerns(e) {
				due.Reset(settleFor)
			}
		case <-f.errors: // events were lost
			due.Reset(settleFor)
		case <-due.C:
			f.load()
			due.Reset(pollEvery)
		}
	}
}

// concerns tells whether an event is about a file on the way to the
// configuration, and not about another in the same folder.
func (f *follower) concerns(e fsnotify.Event) bool {
	return slices.Contains(chain(f.path), e.Name)
}

// load reads the file and puts its servers into use.
func (f *follower) load() {
	f.rewatch()
	servers, err := readServers(f.path)
	f.service.setSource(servers, err)
	if f.known && slices.Equal(servers, f.servers) {
		return
	}
	f.servers, f.known = servers, true
	if len(servers) == 0 {
		f.service.log.Warn("no resolver; names outside the network get SERVFAIL", "path", f.path, "error", err)
		return
	}
	f.service.log.Info("resolvers", "path", f.path, "servers", servers)
}

// rewatch watches the folder of each link on the way to the file, as it is now.
func (f *follower) rewatch() {
	if f.watcher == nil {
		return
	}
	var folders []string
	for _, p := range chain(f.path) {
		dir := filepath.Dir(p)
		if !slices.Contains(folders, dir) && f.watcher.Add(dir) == nil {
			folders = append(folders, dir)
		}
	}
	for _, dir := range f.folders {
		if !slices.Contains(folders, dir) {
			f.watcher.Remove(dir)
		}
	}
	f.folders = folders
}

// chain returns the path and what it links to, step by step.
func chain(path string) []string {
	const most = 8 // links may form a ring
	all := []string{filepath.Clean(path)}
	for len(all) < most {
		last := all[len(all)-1]
		target, err := os.Readlink(last)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(last), target)
		}
		all = append(all, filepath.Clean(target))
	}
	return all
}

func readServers(path string) ([]netip.AddrPort, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no resolver configuration: %w", err)
	}
	defer file.Close()
	servers, _, err := ParseResolvConf(file)
	return servers, err
}

// setSource puts what the file says into use.
func (s *Service) setSource(servers []netip.AddrPort, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pinned {
		return // it was on its way when resolvers were given
	}
	s.sourceErr = err
	s.forwarder.SetUpstreams(servers)
}
