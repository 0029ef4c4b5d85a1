// Package ubridge holds the tests of the tree itself: who may import whom, and
// that every package says what it is.
package ubridge

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath   string
	Doc          string
	Imports      []string
	Deps         []string
	GoFiles      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) (all []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// forbidden are the arrows that must not be: a package (and those below it) on
// the left depends on none on the right.
var forbidden = []struct {
	from string
	to   []string
	why  string
}{
	{"internal/wire", []string{"dataplane", "fdb", "nat", "dhcpd", "dnsfwd", "internal/gateway", "internal/daemon", "internal/hostnet"}, "wire is the leaf that all share"},
	{"dataplane/frame", []string{"fdb", "nat", "dhcpd", "dnsfwd", "internal/gateway", "internal/daemon", "internal/hostnet"}, "frame knows only bytes"},
	{"fdb", []string{"nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/gateway", "internal/daemon"}, "pure cores never import one another"},
	{"nat", []string{"fdb", "dhcpd", "dnsfwd", "internal/hostnet", "internal/gateway", "internal/daemon"}, "pure cores never import one another"},
	{"dhcpd", []string{"fdb", "nat", "dnsfwd", "internal/hostnet", "internal/gateway", "internal/daemon"}, "pure cores never import one another"},
	{"dnsfwd", []string{"fdb", "nat", "dhcpd", "internal/hostnet", "internal/gateway", "internal/daemon"}, "pure cores never import one another"},
	{"dataplane", []string{"nat", "dhcpd", "dnsfwd", "internal/gateway", "internal/hostnet", "internal/daemon"}, "the dataplane knows no service and no router"},
	{"dataplane/loop", []string{"dataplane", "fdb", "internal/wire", "internal/hostnet", "internal/daemon"}, "loop knows only bytes"},
	{"dataplane/tap", []string{"fdb", "dataplane/afpacket", "dataplane/memport"}, "ports know wire and frame only"},
	{"dataplane/afpacket", []string{"fdb", "dataplane/tap", "dataplane/memport"}, "ports know wire and frame only"},
	{"dataplane/memport", []string{"fdb", "dataplane/tap", "dataplane/afpacket"}, "ports know wire and frame only"},
	{"internal/gateway", []string{"internal/daemon", "internal/hostnet", "internal/config", "internal/api"}, "the router is told of the host, it does not look"},
	{"internal/hostnet", []string{"dataplane", "nat", "internal/gateway", "internal/daemon", "internal/config"}, "hostnet knows the kernel only"},
	{"internal/config", []string{"dataplane", "internal/hostnet", "internal/daemon"}, "the model is pure"},
	{"internal/importer", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/importer/ifupdown", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/importer/ifcfg", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/importer/netplan", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/importer/dnsmasq", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/importer/libvirt", []string{"dataplane", "nat", "dhcpd", "dnsfwd", "internal/hostnet", "internal/daemon", "internal/api"}, "importers read files and give a model"},
	{"internal/config/libvirtxml", []string{"internal/config", "internal/api"}, "the form knows nothing of the model"},
	{"internal/plan", []string{"dataplane", "internal/hostnet", "internal/daemon", "internal/api"}, "plans are pure"},
	{"internal/netupdate", []string{"dataplane", "internal/hostnet", "internal/daemon", "internal/api"}, "updates are pure"},
	{"internal/cli", []string{"internal/daemon", "internal/hostnet", "dataplane"}, "the command line talks to the API"},
	{"internal/api", []string{"internal/daemon", "internal/hostnet", "dataplane"}, "the API is types and transport"},
	{"internal/libvirtfiles", []string{"internal/daemon", "internal/hostnet", "dataplane", "dhcpd", "internal/config"}, "it knows libvirt's form, not ours"},
	{"internal/libvirthook", []string{"internal/daemon", "internal/hostnet", "dataplane", "internal/api", "internal/config"}, "it knows libvirt's form, not ours"},
	{"internal/taphelper", []string{"internal/daemon", "internal/hostnet", "dataplane", "internal/config"}, "it knows who may, not what a tap is"},
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "ubridge/")
		for _, rule := range forbidden {
			if name != rule.from {
				continue
			}
			for _, dep := range p.Deps {
				dep = strings.TrimPrefix(dep, "ubridge/")
				for _, to := range rule.to {
					if within(dep, to) && !within(dep, rule.from) && dep != "dataplane/frame" {
						t.Errorf("%s depends on %s, which it must not: %s", name, dep, rule.why)
					}
				}
			}
		}
	}
}

// rawAllowed are the places that may use x/sys/unix or unsafe.
var rawAllowed = []string{
	"dataplane", "internal/shm", "internal/hostnet", "internal/api", "internal/testnet",
	"bench/traffic",
}

func TestRawSystemCallsStayAtTheEdges(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "ubridge/")
		if slices.ContainsFunc(rawAllowed, func(dir string) bool { return within(name, dir) }) {
			continue
		}
		for _, imp := range p.Imports {
			if imp == "golang.org/x/sys/unix" || imp == "unsafe" {
				t.Errorf("%s imports %s: ask the kernel through hostnet, shm or a port", name, imp)
			}
		}
	}
}

func TestOnlyCmdImportsTheDaemon(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "ubridge/")
		for _, imp := range p.Imports {
			imp = strings.TrimPrefix(imp, "ubridge/")
			if (within(imp, "internal/daemon") || within(imp, "bench") && !within(name, "bench")) && !within(name, "cmd") && !within(name, imp) {
				t.Errorf("%s imports %s, which only cmd may", name, imp)
			}
		}
	}
}

func TestLibrariesStayInTheirPlace(t *testing.T) {
	places := map[string][]string{
		"github.com/miekg/dns":         {"dnsfwd"},
		"github.com/insomniacslk/dhcp": {"dhcpd", "internal/hostnet/nic"},
		"github.com/spf13/cobra":       {"internal/cli", "cmd"},
		"github.com/google/gopacket":   {"internal/testnet", "bench", "test"},
		"github.com/cilium/ebpf":       {"internal/hostnet"},
		"go.yaml.in/yaml/v3":           {"internal/importer/netplan"},
	}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "ubridge/")
		for _, imp := range p.Imports {
			for lib, dirs := range places {
				if within(imp, lib) && !slices.ContainsFunc(dirs, func(d string) bool { return within(name, d) }) {
					t.Errorf("%s imports %s, which only %s may", name, imp, strings.Join(dirs, ", "))
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && len(p.Doc) < 20 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
