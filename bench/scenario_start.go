package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ubridge/bench/tool"
)

// start measures how soon a network is there.
var start = scenario{
	name: "start", title: "From the start to the first ping", kind: switching,
	note: "from the exec to the gateway's first answer, asked by one ping after the other, 20 ms each at most; ubridge: \"ubridge run\", then \"ubridge port add\";\n" +
		"virbr0: a script that makes a bridge, its address, nft's masquerade and dnsmasq, then adds the port, as libvirt does",
	metrics: []metric{
		{key: "ms", title: "start to first ping, ms", better: lower, digits: 1},
		{key: "pss", title: "memory at two ports (Pss of the daemon, of dnsmasq), MiB", better: lower, digits: 1},
	},
	peers: []*peer{
		{name: "virbr0", note: "bridge, nft and dnsmasq by a script", needs: []program{{"nft", "nftables"}, {"dnsmasq", "dnsmasq-base"}}, build: startScript},
		{name: "ubridge", note: "the daemon", ours: true, build: startDaemon},
	},
	seconds: func(plan) float64 { return 0.8 },
	run: func(b *bed) {
		text := b.readFile(fmt.Sprintf("/proc/%d/smaps_rollup", b.serverPid))
		bytes, err := tool.ReadPss(text)
		b.check(err)
		b.put("pss", "two ports", float64(bytes)/(1<<20))
	},
}

// untilPing runs fn and notes how long it takes until a has the gateway's first
// answer.
func (b *bed) untilPing(fn func()) {
	// ARP would ask once in a second, give up after three, and ping would pause.
	b.a.Sysctl("net.ipv4.neigh.eth0.retrans_time_ms", "4")
	b.a.Sysctl("net.ipv4.neigh.eth0.mcast_solicit", "1000")
	began := time.Now()
	fn()
	for time.Since(began) < 10*time.Second { // one that runs all the time slows down while nobody answers
		if _, err := b.a.TryContext(b.ctx, "ping", "-n", "-c", "1", "-W", "0.02", gateway); err == nil {
			break
		}
		b.checkContext()
	}
	b.put("ms", "first ping", float64(time.Since(began).Microseconds())/1000)
}

func startDaemon(b *bed) {
	b.fastPath = "auto" // as it comes
	b.veths()
	b.untilPing(func() {
		b.startDaemon()
		for exists(b.socket()) != nil && b.daemon.Running() {
			b.sleep(time.Millisecond)
		}
		b.ubridge("port", "add", "default", "pa")
	})
	b.ubridge("port", "add", "default", "pb")
	b.serverPid = b.daemon.Pid()
}

// virbr0 is what libvirt does for its network "default", in the bed's own mid.
const virbr0 = `
ip link add br0 type bridge
ip addr add ` + gateway + prefix + ` dev br0
ip link set br0 up
echo 1 > /proc/sys/net/ipv4/ip_forward
nft 'add table ip nat; add chain ip nat post { type nat hook postrouting priority srcnat; }; add rule ip nat post ip saddr ` + insideNet + ` masquerade'
dnsmasq --conf-file=/dev/null --user=root --pid-file="$0" --no-resolv --no-hosts --leasefile-ro --bind-interfaces --interface=br0 \
	--except-interface=lo --dhcp-range=192.168.122.100,192.168.122.200
ip link set pa master br0
`

func startScript(b *bed) {
	b.veths()
	pidFile := filepath.Join(b.lab.Dir(), "dnsmasq.pid")
	b.Cleanup(func() { killFrom(pidFile) })
	b.untilPing(func() { b.in(b.mid, "sh", "-ec", virbr0, pidFile) })
	b.mid.Run("ip", "link", "set", "pb", "master", "br0")
	pid, err := pidIn(pidFile)
	b.check(err)
	b.serverPid = pid
}

// pidIn reads a file with a process id.
func pidIn(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid <= 1 {
		err = errors.New(path + " holds no process id")
	}
	return pid, err
}

// killFrom ends the process that has written its id, if it has.
func killFrom(path string) {
	if pid, err := pidIn(path); err == nil {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill() // else it has ended already
		}
	}
}
