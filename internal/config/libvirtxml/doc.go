// Package libvirtxml reads and writes documents in libvirt's <network> form. It
// knows what may stand in one and what ubridge makes of it, and nothing of
// ubridge's own model: that is for internal/config, which reads the model from the
// tree and makes the tree from the model.
//
// # Theory of operation
//
// Parse makes a tree of a document, with the line of each element, and holds it
// against a table: one row for each element and attribute of libvirt's format,
// which says what values it takes and how it is treated. What the table does not
// have is refused, where libvirt would read over it, so that nothing is left out
// silently. The treatments are these:
//
//	honoured  internal/config finds it in the tree
//	kept      it is marked, and Fragments gives it out as text for the definition
//	read over counts that libvirt prints, and reads over itself
//	refused   a fault with the reason and the fix
//
// A fragment is an element below <network>, stripped to what is kept of it, on one
// line. Merge puts fragments back in a document, each into the element of its kind
// where there can be one only. NotesOf tells what of them is not in force. What
// depends on more than one element, such as the second <ip>, internal/config marks
// with Keep.
//
// The children of <metadata> are kept to the letter, with the namespaces declared
// that they use. One of them is ubridge's own: its text holds keys of the native
// form for which libvirt has no element. Comments are not kept, as in libvirt.
//
// # Bounds
//
// Documents are written by strangers: 1 MiB, 64 elements within one another, no
// document type declaration and so no entities but XML's own five.
//
// # Concurrency
//
// Nothing here is shared but the table, which nobody writes.
//
// # Standards
//
// XML 1.0 and Namespaces in XML 1.0, by encoding/xml; libvirt's network format:
// docs/formatnetwork.rst, src/conf/schemas/network.rng and networkcommon.rng.
package libvirtxml
