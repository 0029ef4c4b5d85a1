// Package bridging holds networks of mode bridge to their promise, end to end:
// guests are on the LAN of a NIC that keeps the host's addresses, and the host's
// own connections over that NIC lose nothing, whatever happens to the network or
// the daemon.
//
//	guest ── eth0 ⇢ vNAME ─┐
//	guest ── eth0 ⇢ tap ───┤ host                    LAN
//	guest ── eth0 ⇢ vNAME ─┴ ubridge ~ eth0 ── eth0 ─ lan ─ 10.9.0.1/24 router, dnsmasq
//	                         10.9.0.2/24              └──── station 10.9.0.3/24
//
// # Theory of operation
//
// The scene is that of package lab, with a switch (a kernel bridge), a station
// and the LAN's own DHCP server and router advertisements added to what is
// outside. Frames are counted on captures at every end of the scene; that the
// host loses nothing is told by a ping in each direction and a TCP stream that
// run through all that is done.
package bridging
