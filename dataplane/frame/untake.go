package frame

// Untake gives the buffer that the last Take lent back to the arena at once,
// for a port that took one and then had nothing to put into it. Without it,
// every look at an empty port would hold a buffer until Reset.
func (b *Batch) Untake() {
	b.nTaken--
	b.Arena.Put(b.taken[b.nTaken])
}
