// Package api is the daemon's control interface: HTTP and JSON over a unix
// socket. It holds the types, the server and the client.
//
// # Theory of operation
//
// Backend is the whole of the control interface as Go calls. The daemon
// implements it; Serve puts it on a socket; Client is the same interface on the
// other side, so that the command line and tests cannot tell the two apart.
//
//	GET    /v1/networks                     Networks
//	POST   /v1/networks                     Create
//	GET    /v1/networks/{network}           Network
//	PUT    /v1/networks/{network}           Define
//	POST   /v1/definitions                  Define, from XML
//	GET    /v1/networks/{network}/xml[?inactive=true]  DumpXML
//	DELETE /v1/networks/{network}           Undefine
//	POST   /v1/networks/{network}/start     Start
//	POST   /v1/networks/{network}/stop      Stop
//	POST   /v1/networks/{network}/restart   Restart
//	PATCH  /v1/networks/{network}           Change
//	GET    /v1/networks/{network}/definition  Definition
//	POST   /v1/networks/{network}/import    Import
//	DELETE /v1/networks/{network}/import    UndoImport
//	GET    /v1/imports                      Imports
//	POST   /v1/networks/{network}/ports     AddPort
//	DELETE /v1/networks/{network}/ports/{port}  DeletePort
//	POST   /v1/nics/{nic}/restore           Restore
//	GET    /v1/leases|ports|fdb|flows[?network=]  Leases, Ports, FDB, Flows
//	GET    /v1/events[?network=&type=]      Events
//	GET    /v1/doctor, /v1/status           Doctor, Status
//	GET    /v1/doctor/{device}              DoctorUplink
//	POST   /v1/doctor/{device}              DoctorUplink with a probe
//
// Leases, stations and flows may be many, so they are iterators on both sides
// and cross the socket as a JSON array that is written and read one element at
// a time. What goes wrong after the first element is told in the trailer
// Ubridge-Error; an array that ends early is an error as well. Events have no
// end, so each is a line of its own, sent when it happens.
//
// An error is a JSON object {"error": {"code", "message"}}. Its code is one of
// few, each with an HTTP status and an exit code of the command line.
//
// # Who may do what
//
// The socket is 0660 root:ubridge where that group exists and 0600 otherwise,
// so the kernel turns everybody else away. Changes are checked once more
// against the peer's credentials (SO_PEERCRED, SO_PEERGROUPS: unix(7),
// socket(7)): root, the daemon's own user, or the socket's group. A Backend
// finds them with PeerOf.
//
// # Concurrency
//
// Serve calls the Backend from one goroutine per request. A Client may be used
// by several goroutines.
package api
