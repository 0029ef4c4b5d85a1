package bench

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"ubridge/bench/tool"
)

// Machine is what the figures depend on.
type Machine struct {
	CPU        string                       `json:"cpu"`
	CPUs       int                          `json:"cpus"`
	Kernel     string                       `json:"kernel"`
	Ubridge    string                       `json:"ubridge"`
	Go         string                       `json:"go"`
	Versions   map[string]string            `json:"versions"`
	Congestion string                       `json:"tcp_congestion_control"`
	Netfilter  string                       `json:"br_netfilter"`
	MTU        int                          `json:"mtu"`
	Qdisc      string                       `json:"default_qdisc"`
	Qdiscs     map[string]string            `json:"qdiscs"`   // of a's eth0, by peer
	Offloads   map[string]map[string]string `json:"offloads"` // of a's eth0, by peer
}

// versionCommands say how a program tells its version.
var versionCommands = map[string][]string{
	"iperf3": {"iperf3", "--version"}, "trafgen": {"trafgen", "--version"}, "sockperf": {"sockperf", "--version"},
	"ovs": {"ovs-vswitchd", "--version"}, "pasta": {"pasta", "--version"}, "slirp4netns": {"slirp4netns", "--version"},
	"gvproxy": {"gvproxy", "-version"}, "dnsmasq": {"dnsmasq", "--version"}, "iproute2": {"ip", "-V"},
	"nft": {"nft", "--version"}, "iptables": {"iptables", "--version"}, "vde": {"vde_switch", "--version"},
}

func machine(version string) Machine {
	m := Machine{
		CPU: cpuModel(), CPUs: runtime.NumCPU(), Kernel: firstLine("/proc/sys/kernel/osrelease"),
		Ubridge: version, Go: runtime.Version(), MTU: 1500,
		Netfilter: netfilter(), Qdisc: firstLine("/proc/sys/net/core/default_qdisc"),
		Versions: map[string]string{}, Offloads: map[string]map[string]string{}, Qdiscs: map[string]string{},
	}
	for _, name := range []string{"ubridge", "ubridge-kernel", "ubridge-tap"} {
		m.Versions[name] = version // the same binary
	}
	for name, command := range versionCommands {
		if v := versionOf(command); v != "" {
			m.Versions[name] = v
		}
	}
	return m
}

// versionOf is the first line that a program says of itself.
func versionOf(command []string) string {
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(line)
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// netfilter says whether bridged frames pass iptables, which costs the kernel
// bridge.
func netfilter() string {
	b, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if err != nil {
		return "not loaded"
	}
	return "off in the bench's namespaces (" + strings.TrimSpace(string(b)) + " is this host's setting)"
}

// qdiscOf is the queueing discipline of a's device.
func qdiscOf(b *bed) string {
	out, err := b.a.Try("ip", "-o", "link", "show", "dev", "eth0")
	if err != nil {
		return "unknown: " + err.Error()
	}
	_, rest, _ := strings.Cut(out, " qdisc ")
	name, _, _ := strings.Cut(rest, " ")
	return name
}

// offloadsOf reads those of a's device.
func offloadsOf(b *bed) map[string]string {
	out, err := b.a.Try("ethtool", "-k", "eth0")
	if err != nil {
		return map[string]string{"unknown": err.Error()}
	}
	return tool.ReadOffloads([]byte(out))
}
