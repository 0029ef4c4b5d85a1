// Package services holds the network's DHCP and DNS to independent clients:
// udhcpc, dhclient, dhcpcd and dig in namespaces, and a maker of raw DHCP frames
// where one client has to be hundreds. What clients saw on their wire is read
// back from captures, so that a test knows which kind of request was answered
// and that replies are complete frames.
//
// The suite needs root; everything it sends stays in namespaces that it makes.
package services
