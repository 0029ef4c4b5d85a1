package install

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
)

// host is a guest that is a user's host.
type host struct {
	*testnet.Guest
	t *testing.T
}

// boot starts a host with two versions of the package on it, and the versions.
func boot(t *testing.T) *host {
	t.Helper()
	if os.Getenv("UBRIDGE_TEST_FULL") == "" {
		t.Skip("boots Debian under emulation, for minutes: part of make test-full, which sets UBRIDGE_TEST_FULL")
	}
	testnet.Require(t, "qemu-system-x86_64", "dpkg-deb")
	lab := testnet.New(t, "install")
	g := lab.NS("machine").Boot(testnet.GuestConfig{
		Kernel: testnet.Debian, Memory: 1536, CPUs: 2,
		Files: map[string]string{"/root/one.deb": build(t, "1.0"), "/root/two.deb": build(t, "1.1")},
	})
	h := &host{g, t}
	h.eventually("systemd at rest", "systemctl is-system-running --wait || systemctl list-units --failed --no-legend | grep -qv . && test -z \"$(systemctl list-units --failed --no-legend)\"")
	return h
}

// eventually runs a script until it succeeds.
func (h *host) eventually(what, script string) {
	h.t.Helper()
	var err error
	for deadline := time.Now().Add(stepTime); time.Now().Before(deadline); time.Sleep(time.Second) {
		if _, err = h.Try(script); err == nil {
			return
		}
	}
	h.t.Fatalf("%s: %v\n%s", what, err, h.log())
}

func (h *host) log() string {
	out, _ := h.Try("systemctl status --no-pager -n 0 ubridge; journalctl --no-pager -n 60 -u ubridge")
	return out
}

// stepTime is for a step on a machine that emulates, and has others to do.
const stepTime = 4 * time.Minute

// want runs a script, which is to succeed.
func (h *host) want(what, script string) string {
	h.t.Helper()
	out, err := h.TryFor(stepTime, script)
	if err != nil {
		h.t.Errorf("%s: %v\n%s", what, err, h.log())
	}
	return out
}

const active = `systemctl is-active --quiet ubridge && ubridge net list --json | grep -q '"active":true'`

// The package as a user meets it: installed, used, crashed, hung.
func TestInstalled(t *testing.T) {
	h := boot(t)
	h.install()
	h.want("the socket is the group's", `test "$(stat -c '%U:%G %a' /run/ubridge/ubridge.sock)" = "root:ubridge 660"`)
	h.want("state is root's alone", `test "$(stat -c '%U %a' /var/lib/ubridge)" = "root 700"`)
	h.want("a member of the group", "useradd -G ubridge alice && setpriv --reuid alice --regid alice --init-groups ubridge net list")
	if out, err := h.Try("useradd bob && setpriv --reuid bob --regid bob --init-groups ubridge net list"); err == nil {
		t.Errorf("somebody else may use the socket: %s", out)
	}
	t.Log(h.want("exposure", "systemd-analyze security --no-pager ubridge | tail -1"))
	h.guest()
	h.confined()
	h.restarted("a crash", "systemctl kill -s KILL ubridge")
	h.want("a shorter watchdog", `mkdir -p /etc/systemd/system/ubridge.service.d &&
		printf '[Service]\nWatchdogSec=6s\nTimeoutAbortSec=2s\n' >/etc/systemd/system/ubridge.service.d/test.conf && systemctl daemon-reload`)
	h.restarted("a restart", "systemctl restart ubridge")
	h.restarted("a hang", "systemctl kill -s STOP ubridge")
}

// The package comes and goes: upgraded, removed, installed again, purged.
func TestUpgradedAndPurged(t *testing.T) {
	h := boot(t)
	h.install()
	h.guest()
	h.upgraded()
	h.removed()
}

// install installs the first version, and waits for the service that it starts.
func (h *host) install() {
	h.t.Helper()
	h.want("install", "dpkg -i /root/one.deb")
	h.eventually("the service", active)
	h.want("autostart", "systemctl is-enabled ubridge")
}

// guest attaches a guest, a namespace with a lease, and a tap.
func (h *host) guest() {
	h.t.Helper()
	h.want("a guest", `ip netns add guest && ip link add vguest type veth peer name eth0 netns guest &&
		ip link set vguest up && ip -n guest link set lo up && ip -n guest link set eth0 up && ubridge port add default vguest`)
	h.want("a lease", `cat >/root/bound <<'EOF'
#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface"
exit 0
EOF
		chmod +x /root/bound && ip netns exec guest udhcpc -i eth0 -n -q -s /root/bound`)
	h.want("the host", "ip netns exec guest ping -c 2 -W 5 192.168.122.1")
	h.want("a tap for somebody", "ubridge port add default vtap --owner 1000 && ip -d link show vtap | grep -q 'user 1000\\|user alice'")
}

// confined holds the network against the sandbox: what the daemon does to the host
// works in it.
func (h *host) confined() {
	h.t.Helper()
	h.want("sysctls of the port", `test "$(cat /proc/sys/net/ipv6/conf/vguest/disable_ipv6)" = 1`)
	h.want("resolvers are followed", `for n in 1 2; do
			echo "nameserver 192.0.2.$n" >/etc/resolv.new && mv /etc/resolv.new /etc/resolv.conf &&
			for i in $(seq 30); do ubridge net info default | grep -q "192.0.2.$n" && break; sleep 1; done
			ubridge net info default | grep -q "192.0.2.$n" || exit 1
		done`)
	out := h.want("doctor", "ubridge doctor")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "ok" && f[0] != "fix:" && f[1] != "route" && f[1] != "resolvers" {
			h.t.Errorf("doctor: %s", line)
		}
	}
}

// restarted does something to the daemon and waits for another that serves the guest
// as the one before did.
func (h *host) restarted(what, script string) {
	h.t.Helper()
	h.eventually(what, "systemctl show -p MainPID --value ubridge >/root/pid && test \"$(cat /root/pid)\" != 0")
	h.want(what, script)
	h.eventually(what+": another process", fmt.Sprintf(`test "$(systemctl show -p MainPID --value ubridge)" != "$(cat /root/pid)" && %s`, active))
	h.eventually(what+": the guest's port", `ubridge port list default | grep -q 'vguest.* up '`)
	h.want(what+": the lease", `ubridge net leases default | grep -q "$(ip netns exec guest cat /sys/class/net/eth0/address)"`)
	h.want(what+": the guest", "ip netns exec guest ping -c 2 -W 5 192.168.122.1")
}

// upgraded installs the next version over the running one; what the administrator has
// changed stays.
func (h *host) upgraded() {
	h.t.Helper()
	h.want("a change of the configuration", "sed -i 's/^log_level.*/log_level = \"debug\"/' /etc/ubridge/ubridge.toml")
	h.restarted("an upgrade", "dpkg -i /root/two.deb || { cat /etc/ubridge/ubridge.toml; exit 1; }")
	h.want("the version", `dpkg-query -W -f '${Version}' ubridge | grep -qx 1.1`)
	h.want("the configuration is kept", "grep -q debug /etc/ubridge/ubridge.toml")
	h.want("a disabled service", "systemctl disable --now ubridge && dpkg -i /root/one.deb")
	h.want("is not enabled", "! systemctl is-enabled ubridge")
	h.want("again", "systemctl enable --now ubridge")
	h.eventually("the service", active)
}

// removed removes the package, twice, and looks for what is left.
func (h *host) removed() {
	h.t.Helper()
	gone := func(what string) {
		h.want(what+": nothing of it on the host", `! ip link show ubr0 && ip link show vguest && ! tc filter show dev vguest ingress | grep -q . &&
			! ip link show vtap && test ! -e /run/ubridge && ! pgrep -x ubridge`)
	}
	h.want("removal", "dpkg -r ubridge")
	gone("removed")
	h.want("state is kept", "test -e /var/lib/ubridge/state.json && test -e /etc/ubridge/ubridge.toml")
	h.want("installed again", "dpkg -i /root/two.deb")
	h.eventually("the service", active)
	h.eventually("the port is remembered", `ubridge port list default | grep -q 'vguest.* up '`)
	h.want("purge", "dpkg -P ubridge")
	gone("purged")
	h.want("nothing of it in the file system", `left=$(find / -xdev -iname '*ubridge*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/usr/share/doc/*'); echo "$left"; test -z "$left"`)
	h.want("no unit failed", `systemctl daemon-reload; systemctl reset-failed; test -z "$(systemctl list-units --failed --no-legend)"`)
}
