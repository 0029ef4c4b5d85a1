package docs

import (
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// notRun are commands of the pages that are not typed here.
var notRun = map[string]string{
	"make test": "this is `make test`: it would not end",

	"sudo install -D -m 755 dist/libvirt/qemu-hook /etc/libvirt/hooks/qemu.d/ubridge": "it would write to the machine's /etc; test/libvirt has libvirtd call the hook",
	"sudo install -d /usr/libexec/ubridge /etc/ubridge":                               "it would write to the machine's /usr; test/libvirt has QEMU start the helper",
	"sudo ln -sf /usr/local/bin/ubridge /usr/libexec/ubridge/ubridge-bridge-helper":   "the same",
	"echo 'allow default alice' | sudo tee -a /etc/ubridge/bridge.conf":               "the same",
}

// tour is what is running while the pages are gone through.
type tour struct {
	*session
	before string // the host's devices and filters
	daemon *testnet.Proc
	guest  *guest
}

// A newcomer types every command of the pages, top to bottom.
func TestEveryCommandOfThePages(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds, boots and tours: half a minute")
	}
	testnet.Require(t, "git", "make", "nsenter", "setpriv", "qemu-system-x86_64", "tc")
	r := &tour{session: newSession(t)}
	r.before = r.host()
	typed := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "console" {
				continue
			}
			for _, line := range b.commands() {
				if notRun[line] == "" {
					r.enter(line)
					typed++
				}
			}
		}
	}
	if typed < 8 || r.daemon == nil || r.guest == nil {
		t.Fatalf("%d commands typed, daemon %v, guest %v: is the daemon or the guest gone from the pages?", typed, r.daemon, r.guest)
	}
	r.guest.off()
	r.leave()
	// A tree without a repository has no version to tell.
	if out := r.run("rm ubridge && SETUP=no make build && ubridge version"); !strings.Contains(out, "\nubridge unknown (go") {
		r.t.Errorf("the version that make gives is not shown:\n%s", out)
	}
}

// host is what a daemon changes on a host.
func (r *tour) host() string {
	return r.Host.Run("sh", "-c", "ip -o link | cut -d: -f2; ip -o -4 addr; ip -4 route; tc filter show dev eth0 ingress")
}

// enter types one command and looks at what came of it.
func (r *tour) enter(line string) {
	r.t.Helper()
	r.t.Logf("$ %s", line)
	switch {
	case line == "sudo make run":
		r.runDaemon(line)
	case strings.HasPrefix(line, "qemu-system-x86_64 "):
		r.bootGuest(line)
	default:
		if strings.HasSuffix(line, "ubridge demo") {
			defer r.alone("demo")()
		}
		out := r.run(line)
		for _, want := range expected[line] {
			if !strings.Contains(out, want) {
				r.t.Errorf("$ %s\n%s\nlacks %q", line, out, want)
			}
		}
		if strings.Contains(line, "port add") && strings.Contains(line, "--libvirt") {
			r.compareXML(line, out)
		}
	}
}

// alone waits until no other package's tests do what only one may do at once.
func (r *tour) alone(what string) (release func()) {
	release, err := testnet.Lock(what)
	if err != nil {
		r.t.Fatal(err)
	}
	return release
}

// expected is what commands of the pages must say.
var expected = map[string][]string{
	"sudo ./ubridge port add default vnet0 --owner $USER": {"-netdev tap,", ",ifname=vnet0,script=no,downscript=no", "-device virtio-net-pci,"},
	"sudo ubridge port list":                              {"vnet0", "vnet1", "ubr0", "eth0", "uplink"},
	"sudo ubridge net leases default":                     {guestMAC, "reader"},
	"sudo ubridge fdb default":                            {guestMAC},
	"sudo ubridge nat flows default":                      {lab.ServerAddr + ":80"},
	"sudo ubridge net info default":                       {"Dropped:"},
	"sudo ./ubridge demo":                                 {"All of it worked"},
	"sudo ubridge doctor --uplink eth0 --probe":           {"heard: the gateway "},
	"cat /run/ubridge/libvirt/ubr0.status":                {guestMAC, "reader"},
	"cat /run/ubridge/libvirt/ubr0.macs":                  {"["},
	"sudo ubridge attach --qemu":                          {"helper=/usr/libexec/ubridge/ubridge-bridge-helper", "port add default vnet-guest"},
	"sudo ubridge attach default --libvirt --mac 52:54:00:12:34:56 --target vnet-web": {
		"<target dev='vnet-web' managed='no'/>", `its definition needs adopt = ["vnet*"]`, "urn:ubridge:domain:1",
	},

	"./ubridge import interfaces examples/import/interfaces":                              {"uplink = 'eth1'", "bridge_fd: nothing waits", "post-up: commands are not carried over", "iface eth1 inet static"},
	"./ubridge import netplan examples/import/netplan.yaml":                               {"uplink = 'enp3s0'", "parameters.stp: ubridge speaks no spanning tree", "dhcp4: true"},
	"sudo ubridge import dnsmasq $PWD/examples/import/dnsmasq.conf --name office --apply": {"enable-tftp: ubridge names one file to boot, and serves none", "done: define network office, mode nat"},
	"sudo ubridge net info office":                                                        {"10.77.0.1/24"},
	"sudo ubridge import dnsmasq --undo --name office":                                    {"import of network office"},
}

// guestMAC is of the guest that README starts.
const guestMAC = "52:54:00:00:00:01"

// Every expectation belongs to a command that is still there, and so does every
// reason not to run one.
func TestExpectationsAreOfThePages(t *testing.T) {
	there := map[string]bool{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			for _, line := range b.commands() {
				there[line] = true
				if b.language != "console" {
					t.Errorf("%s: a command stands in a block that is not marked console, so it is not run: %s", p.name, line)
				}
			}
		}
	}
	for line := range expected {
		if !there[line] {
			t.Errorf("no page has: $ %s", line)
		}
	}
	for line := range notRun {
		if !there[line] {
			t.Errorf("no page has: $ %s", line)
		}
	}
}

// runDaemon starts the daemon in the foreground of another terminal.
func (r *tour) runDaemon(line string) {
	r.t.Helper()
	r.daemon = r.start(line, nil)
	r.daemon.WaitFor("a first guest, in another terminal:", patience)
	for _, want := range []string{
		"network default: nat, 192.168.122.0/24, gateway 192.168.122.1/24 on ubr0, leases 192.168.122.2-192.168.122.254",
		"sudo ./ubridge port add default vnet0 --owner " + readerName,
		",ifname=vnet0,script=no,downscript=no",
	} {
		if !strings.Contains(r.daemon.Output(), want) {
			r.t.Errorf("$ %s\n%s\nlacks %q", line, r.daemon.Output(), want)
		}
	}
}

// bootGuest does in the guest what README promises of it.
func (r *tour) bootGuest(line string) {
	r.t.Helper()
	r.guest = r.boot(line)
	out := r.guest.run(`udhcpc -i eth0 -x hostname:reader -n -q -t 10 -T 1 &&
		nslookup -type=a ` + lab.ServerName + ` && nslookup -type=a reader &&
		ping -c 1 -W 5 ` + lab.Gateway + ` && ping -c 1 -W 5 ` + lab.HostAddr + ` &&
		wget -q -O - http://` + lab.ServerName + `/whoami`)
	if !strings.Contains(out, lab.HostAddr+":") {
		r.t.Errorf("the server outside does not see the host's address:\n%s", out)
	}
	if leases := r.run("sudo ubridge net leases default"); !strings.Contains(leases, guestMAC) {
		r.t.Errorf("no lease of README's guest:\n%s", leases)
	}
}

// compareXML holds README's element of a libvirt domain to what is printed.
func (r *tour) compareXML(line, out string) {
	r.t.Helper()
	found := false
	for _, b := range readPage(r.t, "README.md").blocks {
		if b.language != "xml" {
			continue
		}
		found = true
		for _, want := range b.lines {
			if !strings.Contains(out, strings.TrimSpace(want)+"\n") {
				r.t.Errorf("README shows %q; $ %s prints\n%s", want, line, out)
			}
		}
		if _, element, _ := strings.Cut(out, "<interface"); strings.Count("<interface"+element, "\n") != len(b.lines) {
			r.t.Errorf("README leaves lines out; $ %s prints\n%s", line, out)
		}
	}
	if !found {
		r.t.Error("README shows no XML")
	}
}

// leave is Ctrl-C, which takes everything off the host again.
func (r *tour) leave() {
	r.t.Helper()
	r.interrupt(r.daemon)
	select {
	case <-r.daemon.Done():
	case <-time.After(30 * time.Second):
		r.t.Fatalf("Ctrl-C does not end $ sudo make run:\n%s", r.daemon.Output())
	}
	if after := r.host(); after != r.before {
		r.t.Errorf("Ctrl-C leaves\n%s\nbefore there was\n%s", after, r.before)
	}
}
