// Package libvirthook reads what libvirt tells its qemu hook of a domain.
//
// # Theory of operation
//
// libvirt starts /etc/libvirt/hooks/qemu DOMAIN OPERATION SUBOPERATION EXTRA, and
// every program in qemu.d beside it, with the domain's live XML on standard input.
// The interfaces of type ethernet in it have their devices' names. Which of them
// belong to which of our networks, the domain says in an element of its metadata:
//
//	<metadata>
//	  <ubridge:guest xmlns:ubridge='urn:ubridge:domain:1' network='default'>
//	    <ubridge:interface mac='52:54:00:12:34:56' network='lab'/>
//	  </ubridge:guest>
//	</metadata>
//
// The network of the element is for all interfaces of type ethernet, that of an
// element within for the one with that MAC. An interface without either is none of
// ours, unless a network adopts it.
//
// libvirt waits for the hook while it starts the domain, and a hook that calls
// libvirt waits for ever: nothing here does.
//
// # Concurrency
//
// A pure function.
//
// # Standards and sources
//
// libvirt's docs/hooks.rst and docs/formatdomain.rst.
package libvirthook
