// Command bench measures ubridge against the kernel bridge and iptables
// MASQUERADE, in one run, and prints docs/measurements.md's tables.
//
// # Theory of operation
//
// Every scenario is a pair of endpoints in namespaces of their own and something
// between them. The endpoints are the same for all peers; only the switch in the
// middle differs. Rounds are interleaved (each round measures every peer once,
// in an order that turns), and what is reported is the median over rounds and
// the median of the ratios within a round, so that a slow minute of the machine
// hurts all alike.
//
// TCP runs with reno and without pacing (sysctl before any socket is made), for
// BBR's pacing hides what the switch can do. The processor time is that of the
// whole machine over the measurement, generators included, from /proc/stat.
// Retransmits are iperf3's.
//
// "tap" rows: a process between two taps stands where QEMU would, moving whole
// superframes with their vnet headers from the tap that the switch is attached
// to, to the tap that is in the endpoint's namespace. It takes its share of the
// two cores, with both peers alike.
//
// Everything happens inside namespaces that are gone afterwards.
package main
