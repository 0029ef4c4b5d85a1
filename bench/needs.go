package bench

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// generators are the programs without which scenarios cannot be measured.
func generators(p plan) []program {
	list := []program{
		{"ip", "iproute2"}, {"ping", "iputils-ping"}, {"ethtool", "ethtool"}, {"iperf3", "iperf3"},
		{"trafgen", "netsniff-ng"}, {"chrt", "util-linux"}, {"taskset", "util-linux"},
	}
	if p.full {
		list = append(list, program{"sockperf", "sockperf"})
	}
	return list
}

// absent lists the commands that are not installed, and their packages.
func absent(list []program) (commands, packages []string) {
	for _, need := range list {
		if _, err := exec.LookPath(need.command); err == nil {
			continue
		}
		commands = append(commands, need.command)
		if need.pkg != "" && !slices.Contains(packages, need.pkg) {
			packages = append(packages, need.pkg)
		}
	}
	return commands, packages
}

// lacking is the error of a machine without some of the programs.
func lacking(list []program) error {
	commands, packages := absent(list)
	if len(commands) == 0 {
		return nil
	}
	return fmt.Errorf("the bench needs %s: apt-get install %s", strings.Join(commands, ", "), strings.Join(packages, " "))
}
