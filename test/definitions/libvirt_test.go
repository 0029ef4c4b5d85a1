package definitions

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// The network that libvirt is shipped with.
const shipped = `<network>
  <name>default</name>
  <forward mode='nat'/>
  <bridge name='virbr0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
    </dhcp>
  </ip>
</network>
`

// put writes a file for a command.
func put(n *lab.Net, name, text string) string {
	n.T.Helper()
	path := filepath.Join(n.Dir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		n.T.Fatal(err)
	}
	return path
}

// without takes lines of one element out of a document.
func without(doc, element string) string {
	return regexp.MustCompile(`(?m)^ *<`+element+`[ >].*\n`).ReplaceAllString(doc, "")
}

func find(d *lab.Daemon, name string) api.Network {
	list := d.Networks()
	at := slices.IndexFunc(list, func(n api.Network) bool { return n.Name == name })
	if at < 0 {
		return api.Network{}
	}
	return list[at]
}

// TestDefaultOfLibvirt takes the place of ubridge's own default network with what
// libvirt has, gives a guest a lease in it, and gives it back.
func TestDefaultOfLibvirt(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "defdefault")
	d := n.Start(lab.Options{})
	file := put(n, "anything.xml", shipped)
	d.Refuse(1, "net", "define", put(n, "other.xml", strings.Replace(shipped, "<forward", "<uuid>3e3fce45-4f53-4fa7-bb32-11f34168b82b</uuid><forward", 1)))
	d.Run("net", "stop", "default")
	d.Run("net", "undefine", "default")
	d.Run("net", "define", file)
	if got := find(d, "default"); got.Active || got.Autostart || !got.Persistent || got.Bridge != "virbr0" {
		t.Errorf("defined: %+v", got)
	}
	defined := d.Run("net", "dumpxml", "default", "--inactive")
	if got := without(defined, "uuid"); got != shipped || got == defined {
		t.Errorf("defined as\n%s", defined)
	}
	d.Run("net", "start", "default")
	g := d.Join("one")
	if !strings.HasPrefix(g.Addr, "192.168.122.") {
		t.Errorf("leased %s", g.Addr)
	}
	live := d.Run("net", "dumpxml", "default")
	mac := "  <mac address='" + d.Info("default").GatewayMAC + "'/>\n"
	if want := strings.Replace(defined, "  <ip", mac+"  <ip", 1); live != want {
		t.Errorf("runs as\n%s\nwant\n%s", live, want)
	}
	for range 2 { // the UUID and the MAC are kept
		d.Stop()
		d = d.Again()
		d.Run("net", "start", "default")
		if got := d.Run("net", "dumpxml", "default"); got != live {
			t.Errorf("after a restart it runs as\n%s", got)
		}
	}
}

// TestEveryMode has each mode as libvirt says it defined, run, and given back.
func TestEveryMode(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "defmodes")
	n.Host.Run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")
	n.Host.Run("ip", "link", "set", "nic0", "up")
	n.Host.Run("ip", "link", "set", "nic1", "up")
	d := n.Start(lab.Options{})
	const subnet = "  <ip address='10.55.0.1' netmask='255.255.255.0'/>\n"
	for mode, inside := range map[string]string{
		"isolated":  "  <bridge name='virbr4'/>\n" + subnet,
		"host-only": "  <bridge name='virbr4'/>\n  <port isolated='yes'/>\n" + subnet,
		"route":     "  <forward dev='nic0' mode='route'>\n    <interface dev='nic0'/>\n  </forward>\n  <bridge name='virbr4'/>\n" + subnet,
		"open":      "  <forward mode='open'/>\n  <bridge name='virbr4'/>\n" + subnet,
		"bridge":    "  <forward dev='nic0' mode='bridge'>\n    <interface dev='nic0'/>\n  </forward>\n",
	} {
		doc := "<network>\n  <name>" + mode + "</name>\n" + inside + "</network>\n"
		d.Run("net", "define", put(n, mode+".xml", doc))
		d.Run("net", "start", mode)
		if got := find(d, mode); got.Mode != mode || !got.Active {
			t.Errorf("net list: %+v", got)
		}
		if got := without(without(d.Run("net", "dumpxml", mode), "uuid"), "mac"); got != doc {
			t.Errorf("mode %s runs as\n%s\nwant\n%s", mode, got, doc)
		}
		d.Run("net", "stop", mode)
		d.Run("net", "undefine", mode)
	}
}

// TestKeptIsToldAndGivenBack has a definition that asks for more than ubridge does.
func TestKeptIsToldAndGivenBack(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "defkept")
	d := n.Start(lab.Options{})
	doc := strings.NewReplacer("default", "office", "virbr0'", "virbr5' stp='on' delay='0'", ".122.", ".150.").Replace(shipped)
	said := d.Try("net", "define", put(n, "office.xml", doc))
	if said.Code != 0 || said.Stderr != "ubridge: not in force: bridge@stp='on': ubridge speaks no spanning tree\n" {
		t.Errorf("exit code %d, %q", said.Code, said.Stderr)
	}
	if got := without(d.Run("net", "dumpxml", "office"), "uuid"); got != doc {
		t.Errorf("defined as\n%s", got)
	}
	if info := d.Info("office"); len(info.NotInForce) != 1 || info.UUID == "" {
		t.Errorf("net info: %q, UUID %q", info.NotInForce, info.UUID)
	}
	text, err := os.ReadFile(filepath.Join(d.State, "networks", "office.toml"))
	if err != nil || !strings.Contains(string(text), `"<bridge stp='on' delay='0'/>"`) {
		t.Errorf("%v\n%s", err, text)
	}
	// What is refused changes nothing.
	bad := strings.Replace(doc, "192.168.150.254", "192.168.151.254", 1)
	if said := d.Refuse(2, "net", "define", put(n, "bad.xml", bad)); !strings.Contains(said, "bad.xml:7: ip/dhcp/range: ") {
		t.Errorf("said %s", said)
	}
	if got := without(d.Run("net", "dumpxml", "office"), "uuid"); got != doc {
		t.Errorf("after a refusal it is\n%s", got)
	}
}

// TestTransientNetwork runs until it stops, over the death of the daemon, and is
// never defined.
func TestTransientNetwork(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "deftransient")
	d := n.Start(lab.Options{})
	doc := strings.NewReplacer("default", "brief", "virbr0", "virbr8", ".122.", ".160.").Replace(shipped)
	file := put(n, "brief.xml", doc)
	d.Run("net", "create", file)
	g := n.Guest("one")
	d.Run("port", "add", "brief", g.Port)
	g.Lease()
	if !strings.HasPrefix(g.Addr, "192.168.160.") {
		t.Errorf("leased %s", g.Addr)
	}
	live := d.Run("net", "dumpxml", "brief")
	d.Refuse(1, "net", "create", file)
	d.Refuse(1, "net", "undefine", "brief")
	d.Refuse(1, "net", "start", "brief")
	d.Refuse(1, "net", "create", put(n, "clash.xml", strings.Replace(doc, "brief", "clash", 1)))

	d.Crash()
	d = d.Again()
	if got := find(d, "brief"); !got.Active || got.Persistent || got.Autostart || got.Bridge != "virbr8" {
		t.Errorf("after a crash: %+v", got)
	}
	if got := d.Run("net", "dumpxml", "brief"); got != live {
		t.Errorf("after a crash it runs as\n%s\nbefore\n%s", got, live)
	}
	d.AwaitPort(g.Port, api.StateUp)
	had := g.Addr
	if g.Lease(); g.Addr != had {
		t.Errorf("leased %s, had %s", g.Addr, had)
	}
	d.Run("net", "stop", "brief")
	if got := find(d, "brief"); got.Name != "" {
		t.Errorf("stopped, and still there: %+v", got)
	}

	// A clean stop ends it too, and defining it makes it persistent.
	d.Run("net", "create", file)
	d.Stop()
	d = d.Again()
	if got := find(d, "brief"); got.Name != "" {
		t.Errorf("after a clean stop: %+v", got)
	}
	d.Run("net", "create", file)
	d.Run("net", "define", file)
	d.Crash()
	d = d.Again()
	if got := find(d, "brief"); !got.Active || !got.Persistent {
		t.Errorf("defined while it ran: %+v", got)
	}
	d.Run("net", "undefine", "brief") // transient again
	d.Crash()
	d = d.Again()
	if got := find(d, "brief"); !got.Active || got.Persistent {
		t.Errorf("undefined while it ran: %+v", got)
	}
}
