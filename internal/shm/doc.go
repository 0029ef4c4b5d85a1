// Package shm maps the files in which tables outlive the process: a crash, even
// SIGKILL, leaves them to the next daemon, a reboot does not.
//
// # Theory of operation
//
// A state file has a header page and sections, each a table of fixed-size,
// pointer-free structs that starts on a page of its own. It is sparse: memory is
// used where a table is. It is mapped shared, so a store is in the file as soon
// as it is made, and costs no more than one to the heap; writing it back to a
// disk would cost more, so it belongs on a tmpfs (see Dir).
//
// Open resumes a file only if it was finished, has the same layout version and
// the same sections, and was made since the host was booted: times in it are
// those of a clock that starts at boot. Else it starts with a fresh, zeroed file
// and says why. A new file gets a random key for the hashes of its tables; the
// magic number is written last, so that a file whose making was interrupted is
// not taken for whole. What is inside the sections is their owner's: it must
// expect that the writer was killed between any two stores.
//
// A file is locked (flock) while it is open, so that no two daemons share one;
// the kernel drops the lock when the process ends, however it does. /dev/shm can
// be written by everyone, so a symbolic link and a file or directory of another
// user are refused.
//
// # Concurrency
//
// A File has one owner. After Close nothing may touch its sections any more: the
// memory is gone, and the process would die of it.
package shm
