package tool

import (
	"slices"
	"strings"
)

// offloads are the features that decide how large the frames are that a switch
// sees, in ethtool's words.
var offloads = []string{
	"rx-checksumming", "tx-checksumming", "scatter-gather", "tcp-segmentation-offload",
	"generic-segmentation-offload", "generic-receive-offload", "tx-udp-segmentation",
}

// ReadOffloads reads "ethtool -k": feature to on or off, of those that matter.
func ReadOffloads(out []byte) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, state, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if words := strings.Fields(state); ok && len(words) > 0 && slices.Contains(offloads, name) {
			found[name] = words[0]
		}
	}
	return found
}
