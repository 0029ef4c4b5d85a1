package upstream

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/dnsfwd"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awaitResolver waits until this is the only resolver; "" is none.
func awaitResolver(t *testing.T, s *Service, want string, within time.Duration) {
	t.Helper()
	var got string
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		got = ""
		for _, r := range s.Status().Resolvers {
			got += r.Addr.Addr().String()
		}
		if got == want {
			return
		}
	}
	t.Fatalf("resolver is %q, want %q", got, want)
}

// notified is how long a change may take with notification: well below the
// poll that would also find it.
const notified = pollEvery / 2

func TestFollowsResolvConf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: path})
	awaitResolver(t, s, "", notified)

	write(t, path, "nameserver 127.0.0.1\n")
	awaitResolver(t, s, "127.0.0.1", notified)
	if p := s.Status().Problem; p != "" {
		t.Errorf("problem %q", p)
	}

	write(t, path+".new", "nameserver 127.0.0.2\n")
	must(t, os.Rename(path+".new", path))
	awaitResolver(t, s, "127.0.0.2", notified)

	must(t, os.Remove(path))
	awaitResolver(t, s, "", notified)
	if p := s.Status().Problem; !strings.Contains(p, path) {
		t.Errorf("problem %q does not name %s", p, path)
	}
}

// As systemd-resolved and resolvconf do: the file is a link into another
// folder; the link is replaced, and so is what it links to.
func TestFollowsLinks(t *testing.T) {
	etc, run1, run2 := t.TempDir(), t.TempDir(), t.TempDir()
	path := filepath.Join(etc, "resolv.conf")
	stub, uplink := filepath.Join(run1, "stub.conf"), filepath.Join(run2, "uplink.conf")
	write(t, stub, "nameserver 127.0.0.53\n")
	write(t, uplink, "nameserver 127.0.0.3\n")
	must(t, os.Symlink(stub, path))
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: path})
	awaitResolver(t, s, "127.0.0.53", notified)

	must(t, os.Symlink(uplink, path+".new"))
	must(t, os.Rename(path+".new", path))
	awaitResolver(t, s, "127.0.0.3", notified)

	write(t, uplink+".new", "nameserver 127.0.0.4\n")
	must(t, os.Rename(uplink+".new", uplink))
	awaitResolver(t, s, "127.0.0.4", notified)
}

func TestPollFindsAFolderThatAppears(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: filepath.Join(dir, "resolv.conf")})
	awaitResolver(t, s, "", notified)
	must(t, os.Mkdir(dir, 0o755))
	write(t, filepath.Join(dir, "resolv.conf"), "nameserver 127.0.0.5\n")
	awaitResolver(t, s, "127.0.0.5", 2*pollEvery)
}

func TestLinksInARing(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.Symlink("b", a))
	must(t, os.Symlink("a", b))
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: a})
	for end := time.Now().Add(notified); !strings.Contains(s.Status().Problem, "symbolic links"); {
		if time.Now().After(end) {
			t.Fatalf("problem %q", s.Status().Problem)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPinnedUpstreamsAreNotFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, path, "nameserver 127.0.0.1\n")
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: path, Upstreams: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.9:53")}})
	awaitResolver(t, s, "127.0.0.9", notified)
	time.Sleep(2 * settleFor)
	awaitResolver(t, s, "127.0.0.9", notified)
}
