package guests

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// nobody is the user that QEMU runs as.
const nobody = 65534

// bed is a daemon and the machines on its default network.
type bed struct {
	*lab.Net
	d *lab.Daemon
}

func newBed(t *testing.T) *bed {
	t.Helper()
	if testing.Short() {
		t.Skip("machines take seconds to boot")
	}
	testnet.Require(t, "qemu-system-x86_64", "setpriv")
	n := lab.New(t, "gu")
	return &bed{n, n.Start(lab.Options{})}
}

// machine is a guest in QEMU.
type machine struct {
	*testnet.Guest
	b    *bed
	tap  string
	addr string // leased
}

// launch adds a port with a new tap and starts a machine on it.
func (b *bed) launch(name string, nic testnet.NIC, more ...string) *machine {
	b.T.Helper()
	nic.Tap = "vnet-" + name
	args := []string{"port", "add", "default", nic.Tap, "--owner", fmt.Sprint(nobody)}
	if nic.Queues > 1 {
		args = append(args, "--queues", fmt.Sprint(nic.Queues))
	}
	b.d.Run(args...)
	config := testnet.GuestConfig{Name: name, User: nobody, NICs: []testnet.NIC{nic}, QEMU: more}
	return &machine{Guest: b.Host.Launch(config), b: b, tap: nic.Tap}
}

// pair boots two machines with the same card and gives them their leases.
func (b *bed) pair(one, two testnet.NIC, more ...string) (*machine, *machine) {
	b.T.Helper()
	m, n := b.launch("one", one, more...), b.launch("two", two)
	m.WaitReady()
	n.WaitReady()
	m.lease()
	n.lease()
	return m, n
}

// lease has the machine's udhcpc take a lease, and holds the daemon's list to it.
func (m *machine) lease() {
	m.b.T.Helper()
	m.b.d.AwaitPort(m.tap, api.StateUp)
	m.Run("udhcpc -i eth0 -n -q -t 20 -T 1 -x hostname:" + m.Config.Name)
	m.addr = strings.TrimSpace(m.Run(`. /run/udhcpc.eth0; echo $ip`))
	for _, l := range m.b.d.Leases("default") {
		if l.IP == m.addr && l.MAC == m.Config.NICs[0].MAC && l.Hostname == m.Config.Name {
			return
		}
	}
	m.b.T.Fatalf("no lease for %s at %s in %+v", m.Config.Name, m.addr, m.b.d.Leases("default"))
}

// lookup asks the machine's resolver, by its own nslookup.
func (m *machine) lookup(name, want string) {
	m.b.T.Helper()
	if out := m.Run("nslookup -type=a " + name); !strings.Contains(out, "Address: "+want) {
		m.b.T.Errorf("%s: %s is not %s:\n%s", m.Config.Name, name, want, out)
	}
}

// download fetches bytes from the server outside by its name.
func (m *machine) download(size int64) {
	m.b.T.Helper()
	out := m.Run(fmt.Sprintf("wget -q -O - http://%s/bytes/%d | sha256sum", lab.ServerName, size))
	if got, _, _ := strings.Cut(out, " "); got != lab.Digest(size) {
		m.b.T.Errorf("%s: download of %d bytes has SHA-256 %s, want %s", m.Config.Name, size, got, lab.Digest(size))
	}
}

// ping must be answered.
func (m *machine) ping(addr string) {
	m.b.T.Helper()
	m.Run("ping -c 3 -W 5 " + addr)
}

// session talks to the machine over TCP as ssh does: connects from the host,
// and each line comes back.
func (m *machine) session() {
	m.b.T.Helper()
	m.Run("(nc -l -p 22 -e cat >/dev/null 2>&1 &)")
	var c net.Conn
	m.b.Eventually(10*time.Second, "a listener in the guest", func() error {
		return m.b.Host.Do(func() (err error) {
			c, err = net.DialTimeout("tcp", m.addr+":22", 2*time.Second)
			return err
		})
	})
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for i := range 5 {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 3000))
		got := make([]byte, len(line))
		if _, err := c.Write([]byte(line)); err != nil {
			m.b.T.Fatal(err)
		}
		for n := 0; n < len(got); {
			k, err := c.Read(got[n:])
			if err != nil {
				m.b.T.Fatalf("line %d from %s: %v", i, m.Config.Name, err)
			}
			n += k
		}
		if string(got) != line {
			m.b.T.Errorf("line %d came back changed", i)
		}
	}
}

// toHost has the machine read from a server on the host's gateway address.
func (m *machine) toHost() {
	m.b.T.Helper()
	var l net.Listener
	if err := m.b.Host.Do(func() (err error) { l, err = net.Listen("tcp", lab.Gateway+":7777"); return err }); err != nil {
		m.b.T.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			fmt.Fprintln(c, "this is the host, you are", c.RemoteAddr())
			c.Close()
		}
	}()
	if out := m.Run("nc -w 10 " + lab.Gateway + " 7777 </dev/null"); !strings.Contains(out, "you are "+m.addr+":") {
		m.b.T.Errorf("the host was read as %q", out)
	}
}
