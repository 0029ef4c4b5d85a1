package bench

import (
	"os/exec"
	"path/filepath"
	"time"
)

// ovsPackage starts its daemons where it is installed, so test/setup/openvswitch
// only unpacks it.
const ovsPackage = "openvswitch-switch"

var ovsPrograms = []program{
	{"ovs-vswitchd", ovsPackage}, {"ovs-vsctl", ovsPackage},
	{"ovsdb-server", "openvswitch-common"}, {"ovsdb-tool", "openvswitch-common"},
}

// ovsSchema is the database's. It lies beside the programs: …/sbin/ovs-vswitchd,
// …/share/openvswitch.
func ovsSchema() (string, error) {
	program, err := exec.LookPath("ovs-vswitchd")
	return filepath.Join(filepath.Dir(program), "../share/openvswitch/vswitch.ovsschema"), err
}

// ovsDefault is Open vSwitch's userspace datapath as it comes: it asks devices
// for no offloads and turns theirs off. The endpoints' must be off as well:
// Debian's 3.1 passes their half-made TCP checksums on, and no connection opens.
func ovsDefault(b *bed) {
	b.veths()
	b.a.Offload("eth0", false)
	b.b.Offload("eth0", false)
	b.openVSwitch()
	b.vsctl("--", "add-port", "br0", "pa", "--", "add-port", "br0", "pb")
}

// ovsTSO takes superframes as they are (other_config:userspace-tso-enable),
// which the documentation recommends for veths and taps. It is read once, at
// start.
func ovsTSO(b *bed) {
	b.veths()
	b.openVSwitch("other_config:userspace-tso-enable=true")
	b.vsctl("--", "add-port", "br0", "pa", "--", "add-port", "br0", "pb")
}

// ovsTap is the datapath on taps that it makes itself, moved to the endpoints
// when they are there.
func ovsTap(b *bed) {
	b.openVSwitch()
	for dev, n := range map[string]string{"ta": b.a.Name, "tb": b.b.Name} {
		b.vsctl("--", "add-port", "br0", dev, "--", "set", "interface", dev, "type=tap")
		b.mid.Run("ip", "link", "set", "dev", dev, "netns", n, "name", "eth0")
	}
	b.address()
}

// openVSwitch starts the database and the daemon, with everything they write in
// the lab's directory, and makes the bridge br0.
func (b *bed) openVSwitch(settings ...string) {
	dir := b.lab.Dir()
	db := filepath.Join(dir, "conf.db")
	schema, err := ovsSchema()
	b.check(err)
	b.in(b.mid, "ovsdb-tool", "create", db, schema)
	b.start(b.mid, "env", "OVS_RUNDIR="+dir, "ovsdb-server", db, "--remote=punix:"+b.ovsdb(), "--pidfile="+dir+"/ovsdb.pid",
		"--unixctl="+dir+"/ovsdb.ctl", "--no-chdir")
	b.lab.Eventually(10*time.Second, "the database answers", func() error {
		_, err := b.mid.Try("ovs-vsctl", "--db=unix:"+b.ovsdb(), "--no-wait", "init")
		return err
	})
	for _, s := range settings {
		b.in(b.mid, "ovs-vsctl", "--db=unix:"+b.ovsdb(), "--no-wait", "set", "Open_vSwitch", ".", s)
	}
	b.start(b.mid, "env", "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "ovs-vswitchd", "unix:"+b.ovsdb(), "--pidfile="+dir+"/vswitchd.pid",
		"--unixctl="+dir+"/vswitchd.ctl", "--no-chdir")
	b.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=standalone")
}

func (b *bed) ovsdb() string { return filepath.Join(b.lab.Dir(), "db.sock") }

// vsctl changes the configuration and waits until the daemon has followed.
func (b *bed) vsctl(args ...string) {
	b.in(b.mid, append([]string{"ovs-vsctl", "--db=unix:" + b.ovsdb(), "--timeout=15"}, args...)...)
}
