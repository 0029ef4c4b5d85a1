package libvirt

import (
	"testing"
	"testing/fstest"

	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

// read reads all networks that there are.
func read(files *importer.Files) (importer.Plan, error) {
	plan, _, err := Read(files, Names(files)...)
	return plan, err
}

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzNetwork(f *testing.F) { importertest.Fuzz(f, "etc/libvirt/qemu/networks/default.xml", read) }

func FuzzLive(f *testing.F) { importertest.Fuzz(f, "run/libvirt/network/brief.xml", read) }

const minimal = "<network><name>default</name><bridge name='virbr0'/><forward/><ip address='192.168.122.1' prefix='24'><dhcp/></ip></network>"

func FuzzLeases(f *testing.F) {
	f.Add([]byte(`[{"ip-address":"192.168.122.9","mac-address":"52:54:00:00:00:09","expiry-time":7}]`))
	fuzz(f, "var/lib/libvirt/dnsmasq/virbr0.status")
}

func FuzzDomain(f *testing.F) {
	f.Add([]byte(`<domain><name>a</name><devices><interface type='network'><source network='default'/></interface></devices></domain>`))
	fuzz(f, "etc/libvirt/qemu/a.xml")
}

// fuzz varies one file beside a network.
func fuzz(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, text []byte) {
		importertest.Text(t, read, fstest.MapFS{
			"etc/libvirt/qemu/networks/default.xml": {Data: []byte(minimal)}, name: {Data: text},
		})
	})
}

func TestFound(t *testing.T) {
	host := fstest.MapFS{
		"etc/libvirt/qemu/networks/default.xml":           {Data: []byte(minimal)},
		"etc/libvirt/qemu/networks/autostart/default.xml": {},
		"run/libvirt/network/default.xml":                 {Data: []byte("<networkstatus>" + minimal + "</networkstatus>")},
		"sys/class/net/virbr0/brif/vnet3/port_no":         {},
		"sys/class/net/virbr0/brif/virbr0-nic/port_no":    {},
	}
	_, found, err := Read(importer.NewFiles(host), "default")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	f := found[0]
	if !f.Active || !f.Persistent || !f.Autostart || len(f.Taps) != 1 || f.Taps[0] != "vnet3" {
		t.Errorf("%+v", f)
	}
	if _, _, err := Read(importer.NewFiles(host), "none"); err == nil {
		t.Error("a network that is not there is read")
	}
}

func TestTapName(t *testing.T) {
	taken := map[string]bool{}
	for _, want := range []string{"tap-web", "tap-web-1", "tap-web-2"} {
		if got := TapName("web", taken); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := TapName("ein langer Name", taken); got != "tap-ein-lang" {
		t.Error(got)
	}
}
