// Package dataplane moves batches of frames between ports.
package dataplane
