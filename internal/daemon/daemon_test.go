package daemon

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
)

func TestASecondDaemonLearnsWhoHoldsTheState(t *testing.T) {
	dir := t.TempDir()
	first, err := takeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeLock(dir)
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "ubridge, pid") {
		t.Errorf("the second daemon is told %v", err)
	}
	inChild, err := syscall.Dup(int(first.file.Fd())) // as a fork has it until its exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inChild)
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	again, err := takeLock(dir)
	if err != nil {
		t.Fatalf("after a clean stop: %v", err)
	}
	if err := again.release(); err != nil {
		t.Error(err)
	}
}

func TestAStateDirectoryThatCannotBeWrittenNamesTheFix(t *testing.T) {
	err := dirError("state directory", "/x", os.ErrPermission)
	if api.CodeOf(err) != api.Permission || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("%v (%s)", err, api.CodeOf(err))
	}
}

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := loadState(path, "boot1")
	if err != nil {
		t.Fatal(err)
	}
	n := s.network("default")
	*n = netState{Bridge: "ubr0", MAC: wire.MAC{0x52, 0x54, 0, 1, 2, 3}, Address: netip.MustParsePrefix("192.168.122.1/24"), Running: true, ID: s.freeNetworkID(), HostID: s.freeID()}
	s.Ports = append(s.Ports,
		&portState{Network: "default", Name: "vnet0", ID: s.freeID(), Made: &madeTap{Owner: ptr(uint32(1000)), Queues: 2}},
		&portState{Network: "default", Name: "veth0", ID: 9, Before: &hostnet.Attachment{Name: "veth0", Ifindex: 4, Up: true, Sysctls: map[string]string{"ipv6/disable_ipv6": "0"}}},
		&portState{Network: "default", Name: "vnet7", ID: 10, Transient: &transient{Ifindex: 5, By: byAdoption}})
	s.KeptOff = []keptOff{{"vnet8", 6}}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	got, err := loadState(path, "boot1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, cmp.AllowUnexported(state{}), cmpopts.IgnoreFields(state{}, "rebooted"), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("state changed on disk (-was +is):\n%s", diff)
	}
	after, err := loadState(path, "boot2")
	if err != nil {
		t.Fatal(err)
	}
	if p := after.port("veth0"); p == nil || p.Before != nil {
		t.Errorf("after a reboot of the host %+v is remembered; how the device was belongs to the old boot", p)
	}
	if after.port("vnet7") != nil || after.KeptOff != nil {
		t.Errorf("after a reboot of the host devices of the old boot are remembered: %+v, kept off %v", after.port("vnet7"), after.KeptOff)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestADamagedStateFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadState(path, "boot1"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestIdentifiersAreNotGivenTwice(t *testing.T) {
	s := &state{Networks: map[string]*netState{"a": {ID: 1, HostID: 1}, "b": {ID: 3, HostID: 2}}, Ports: []*portState{{ID: 3}, {ID: 5}}}
	if got := s.freeID(); got != 4 {
		t.Errorf("port identifier %d, want 4", got)
	}
	if got := s.freeNetworkID(); got != 2 {
		t.Errorf("network identifier %d, want 2", got)
	}
}

func TestUndoGoesBackwardsAndReportsAll(t *testing.T) {
	var order []string
	var u undo
	u.add(func() error { order = append(order, "first"); return os.ErrClosed })
	u.add(func() error { order = append(order, "second"); return os.ErrExist })
	err := u.run()
	if diff := cmp.Diff([]string{"second", "first"}, order); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), os.ErrClosed.Error()) || !strings.Contains(err.Error(), os.ErrExist.Error()) {
		t.Errorf("error %v", err)
	}
}

func TestGatewayIsTheFirstHost(t *testing.T) {
	if got := gatewayOf(netip.MustParsePrefix("192.168.130.0/24")); got.String() != "192.168.130.1/24" {
		t.Errorf("gateway %v", got)
	}
}

func TestClientIDsPrintAsVirshDoes(t *testing.T) {
	if got := clientID([]byte{1, 0x52, 0x54, 0, 0xab}); got != "01:52:54:00:ab" {
		t.Errorf("%q", got)
	}
	if got := clientID(nil); got != "" {
		t.Errorf("%q", got)
	}
}

func TestHostChecksAreAllFilledIn(t *testing.T) {
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	for _, c := range HostChecks(resolv) {
		if c.Check == "" || c.Detail == "" || c.Status != api.CheckOK && c.Fix == "" {
			b, _ := json.Marshal(c)
			t.Errorf("a check without its words: %s", b)
		}
	}
	if err := os.WriteFile(resolv, []byte("nameserver 192.0.2.53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := resolverCheck(resolv); c.Status != api.CheckOK || c.Detail != "192.0.2.53" {
		t.Errorf("%+v", c)
	}
}
