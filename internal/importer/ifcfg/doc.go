// Package ifcfg reads the bridges of Red Hat's /etc/sysconfig/network-scripts.
//
// # Theory of operation
//
// Each ifcfg-NAME is a shell file of assignments, read as far as the network
// scripts and NetworkManager read it: quotes and backslashes, no expansion. A file
// with TYPE=Bridge is a bridge; the files that name it in BRIDGE are its ports.
// What a bridge's file says is carried into the definition, or into the ifcfg file
// that the NIC should have instead, or it is noted.
//
// # Standards
//
// sysconfig.txt of initscripts, nm-settings-ifcfg-rh(5).
package ifcfg
