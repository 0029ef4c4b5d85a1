package tool

import (
	"fmt"
	"regexp"
	"strconv"
)

var trafgenSent = regexp.MustCompile(`(?m)^ *(\d+) packets outgoing`)

// ReadTrafgen reads how many frames trafgen says that it has sent.
func ReadTrafgen(out []byte) (frames uint64, err error) {
	m := trafgenSent.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("trafgen does not say what it sent: %s", start(out))
	}
	if frames, err = strconv.ParseUint(string(m[1]), 10, 64); err != nil {
		return 0, fmt.Errorf("trafgen: %w", err)
	}
	return frames, nil
}
