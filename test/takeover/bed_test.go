package takeover

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// bed is a host with libvirt, or what plays it, and an ubridge daemon.
type bed struct {
	*lab.Net
	t      *testing.T
	daemon *lab.Daemon
	inner  int // pid of a process in the host's mount namespace
	path   string
}

// lay makes the mount namespace; prepare is a script that runs in it, of which
// the last command stays.
func lay(t *testing.T, prepare string) *bed {
	t.Helper()
	b := &bed{Net: lab.New(t, "take"), t: t, path: os.Getenv("PATH")}
	work := filepath.Join(b.Dir(), "layers")
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	p := b.Host.Start("sh", "-ec", `
		W=`+work+`
		mount -t tmpfs layers $W
		for dir in etc usr; do
			mkdir -p $W/$dir/upper $W/$dir/work
			lower=/$dir
			if [ -n "$UBRIDGE_LIBVIRT" ]; then
				mkdir -p $W/$dir/lower
				cp -a "$UBRIDGE_LIBVIRT/$dir/." $W/$dir/lower/
				lower=$W/$dir/lower:/$dir
			fi
			mount -t overlay overlay -o lowerdir=$lower,upperdir=$W/$dir/upper,workdir=$W/$dir/work /$dir
		done
		mount -t tmpfs -o mode=0755 lib /var/lib
		mount -t tmpfs -o mode=0755 cache /var/cache
		mount -t tmpfs -o mode=0755 log /var/log
		mount -t tmpfs -o mode=0755 run /run
		mkdir -p /etc/libvirt/qemu/networks/autostart /var/lib/libvirt/dnsmasq /run/libvirt/network /run/lock
		`+prepare)
	p.WaitFor("laid", 20*time.Second)
	b.inner = p.Pid()
	return b
}

// in runs a command in the host's mount namespace.
func (b *bed) in(args ...string) lab.Result {
	return b.Try("nsenter", append([]string{"--mount", "--target", strconv.Itoa(b.inner), "--", "env", "PATH=" + b.path}, args...)...)
}

// must is in for a command that must succeed.
func (b *bed) must(args ...string) string {
	b.t.Helper()
	r := b.in(args...)
	if r.Code != 0 {
		b.t.Fatalf("%q: exit code %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// ubridge is a command of the command line, typed there.
func (b *bed) ubridge(args ...string) []string {
	return append([]string{testnet.Binary(b.t), "--socket", b.daemon.Socket()}, args...)
}

// write makes a file there.
func (b *bed) write(path, text string) {
	b.t.Helper()
	from := filepath.Join(b.Dir(), "file")
	if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.must("install", "-D", "-m", "0644", from, path)
}

// definition is libvirt's default network, with a reservation.
const definition = `<network>
  <name>default</name>
  <uuid>eff3379c-024b-4685-a0a1-b79cd80ad1f9</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:e4:f8:9b'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.100' end='192.168.122.150'/>
      <host mac='52:54:00:00:77:77' name='reserved' ip='192.168.122.77'/>
    </dhcp>
  </ip>
</network>
`

// played is a host on which a script plays virsh, with the network running and
// ubridge beside it.
func played(t *testing.T) *bed {
	t.Helper()
	b := lay(t, "echo laid; exec sleep infinity")
	bin := filepath.Join(b.Dir(), "bin")
	script, err := os.ReadFile("testdata/virsh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "virsh"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	b.path = bin + ":" + b.path
	b.write("/etc/libvirt/qemu/networks/default.xml", definition)
	b.begin()
	return b
}

// begin has libvirt run its network, and starts ubridge.
func (b *bed) begin() {
	b.t.Helper()
	b.must("virsh", "net-start", "default")
	b.must("virsh", "net-autostart", "default")
	b.daemon = b.Start(lab.Options{})
}

// guest is a guest of libvirt's on a tap in virbr0, with a lease of it.
func (b *bed) guest(name, tap string) *lab.Guest {
	b.t.Helper()
	g := b.TapGuest(name, tap)
	b.Host.Run("ip", "link", "set", tap, "master", "virbr0", "up")
	g.Lease()
	return g
}

// wantLease wants the guest to be given the address that it has.
func wantLease(t *testing.T, g *lab.Guest, by string) {
	t.Helper()
	had := g.Addr
	if got := g.Lease()["ip"]; got != had {
		t.Errorf("guest %s had %s, and is given %s by %s", g.Host, had, got, by)
	}
}

func (b *bed) wantReach(g *lab.Guest, addr string) {
	b.t.Helper()
	b.Eventually(10*time.Second, g.Host+" reaches "+addr, func() error { return g.Reach(addr) })
}

// links are the host's devices, what is in virbr0, and its address, in short.
func (b *bed) links() string {
	return strings.TrimSpace(b.Host.Run("sh", "-c",
		"ip -br link | awk '{print $1}' | sort; ip -br link show master virbr0 | awk '{print $1}'; ip -br addr show virbr0 | awk '{print $1, $3}'"))
}
