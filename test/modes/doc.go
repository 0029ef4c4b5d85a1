// Package modes holds every mode of a network, and the separation of networks from one
// another, to independent clients: ping, socat, arping, traceroute, dig, and the usual
// DHCP clients, in namespaces.
//
//	guests of nat, isolated, host-only, route, open ── host ── eth0 ── server
//	                                                    │ 10.9.0.2     10.9.0.1, 198.51.100.1
//	                                                    └─── eth1 ── second
//	                                                       10.8.0.2     10.8.0.1
//
// The host forwards nothing (ip_forward is 0), and its firewall drops whatever it would
// forward, as docker's does: no mode may depend on either. What is expected is what
// libvirt's firewall rules make of the same networks (src/network/network_iptables.c
// of libvirt, its golden data in tests/networkxml2firewalldata); where a test says
// otherwise, it says why.
package modes
