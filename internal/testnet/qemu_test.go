package testnet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNICArguments(t *testing.T) {
	cases := map[string]struct {
		nic            NIC
		netdev, device string
	}{
		"plain": {
			NIC{Tap: "vnet0"},
			"tap,id=net0,ifname=vnet0,script=no,downscript=no",
			"virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=",
		},
		"queues and MTU": {
			NIC{Tap: "vnet0", Queues: 4, MTU: 9000},
			"tap,id=net0,ifname=vnet0,script=no,downscript=no,queues=4",
			"virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=,mq=on,vectors=10,host_mtu=9000",
		},
		"a card that cannot be told its MTU": {
			NIC{Tap: "vnet0", Model: "e1000", MTU: 9000, MAC: "52:54:00:AA:BB:CC"},
			"tap,id=net0,ifname=vnet0,script=no,downscript=no",
			"e1000,netdev=net0,mac=52:54:00:aa:bb:cc,romfile=",
		},
		"options": {
			NIC{Tap: "vnet0", NetdevOptions: "vhost=off", DeviceOptions: "guest_tso4=off"},
			"tap,id=net0,ifname=vnet0,script=no,downscript=no,vhost=off",
			"virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=,guest_tso4=off",
		},
		"another back end": {
			NIC{Netdev: "stream,addr.type=unix,addr.path=/x"},
			"stream,id=net0,addr.type=unix,addr.path=/x",
			"virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := GuestConfig{NICs: []NIC{c.nic}}.withDefaults(func() string { return "52:54:00:00:00:01" })
			args := strings.Join(config.qemuArgs(Image{}), " ")
			_, got, _ := strings.Cut(args, " -netdev ")
			if diff := cmp.Diff(c.netdev+" -device "+c.device, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	mac := func() string { return "52:54:00:00:00:01" }
	given := GuestConfig{User: 1000, NICs: []NIC{{Queues: 2}, {Model: "rtl8139"}}}
	got := given.withDefaults(mac)
	if got.Kernel != Full || got.CPUs != 2 || got.Memory != 256 || got.Group != 1000 || got.Name != "guest" {
		t.Errorf("defaults: %+v", got)
	}
	if given.NICs[0].MAC != "" {
		t.Error("the caller's configuration was written to")
	}
	if got := (GuestConfig{NICs: []NIC{{}}}).withDefaults(mac).Kernel; got != Cloud {
		t.Errorf("kernel for virtio alone: %s", got)
	}
}
