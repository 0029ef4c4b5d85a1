// Package netplan reads the bridges of netplan's YAML.
//
// # Theory of operation
//
// The files of /lib/netplan, /etc/netplan and /run/netplan are merged as netplan
// merges them: by name over all three folders, a file of the later folder in place
// of one with its name; mappings are merged, lists grow, null takes away. Each
// value keeps its file and line. Every key of a bridge is carried into the
// definition, or into the YAML that its NIC should have instead, or it is noted.
//
// # Standards
//
// netplan(5), "General structure" and "Properties for device type bridges:".
package netplan
