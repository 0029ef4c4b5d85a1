package ifcfg

import (
	"fmt"
	"strings"
)

// ofBridge are the keys of a bridge's file that the NIC's has no place for.
var ofBridge = map[string]bool{
	"TYPE": true, "DEVICE": true, "NAME": true, "UUID": true, "STP": true, "DELAY": true, "BRIDGING_OPTS": true, "HWADDR": true,
	"MACADDR": true, "BRIDGE_MACADDR": true, "ONBOOT": true, "NM_CONTROLLED": true, "BOOTPROTO": true,
}

// edit is the NIC's file as it should be: its own, without BRIDGE, and with the
// addresses of the bridge.
func (b *bridge) edit(nic string) string {
	var t strings.Builder
	at := b.dir + "/ifcfg-" + nic
	own := &file{device: nic}
	for _, f := range b.all {
		if f.device == nic {
			at, own = f.path, f
		}
	}
	fmt.Fprintf(&t, "the host's addresses go from %s to %s: take %s away, and write into %s\n\n", b.file.device, nic, b.file.path, at)
	written := map[string]bool{"BRIDGE": true}
	for _, a := range own.assignments {
		if !written[a.key] && a.key != "BOOTPROTO" {
			line(&t, a.key, own.get(a.key))
			written[a.key] = true
		}
	}
	if proto := b.file.get("BOOTPROTO"); proto != "" {
		line(&t, "BOOTPROTO", proto)
	}
	written["BOOTPROTO"] = true
	for _, a := range b.file.assignments {
		if !ofBridge[a.key] && !written[a.key] {
			line(&t, a.key, b.file.get(a.key))
			written[a.key] = true
		}
	}
	return t.String()
}

// line is an assignment, quoted where the shell needs it.
func line(t *strings.Builder, key, value string) {
	if strings.ContainsAny(value, " \t\"'\\$`#;&|()<>*?[]~!") {
		value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	fmt.Fprintf(t, "    %s=%s\n", key, value)
}
