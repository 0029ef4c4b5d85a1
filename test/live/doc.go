// Package live holds changes of running networks to their promise: what can
// change while guests are attached does so without the loss of a packet, what
// cannot is said and waits, what would cut a guest off is refused, and what fails
// half-way is put back whole.
//
// The suite needs root; everything it makes lies in namespaces of its own.
package live
