package dnsfwd

import (
	"container/list"
	"time"
)

// entryOverhead is roughly what an entry costs beside its key and message:
// list element, map slot, headers of slices.
const entryOverhead = 256

// A cache remembers answers for as long as their TTLs allow, bounded by count
// and bytes; the least recently used goes first.
type cache struct {
	entries    map[string]*list.Element
	order      *list.List // front is the most recently used
	bytes      int
	maxEntries int
	maxBytes   int
}

type entry struct {
	key    string
	answer *answer
	stored time.Time
}

func (e *entry) cost() int { return len(e.key) + e.answer.size() + entryOverhead }

func newCache(maxEntries, maxBytes int) *cache {
	c := &cache{maxEntries: maxEntries, maxBytes: maxBytes}
	c.flush()
	return c
}

// flush forgets everything.
func (c *cache) flush() {
	c.entries = make(map[string]*list.Element)
	c.order = list.New()
	c.bytes = 0
}

// get returns a live answer and its age in whole seconds.
func (c *cache) get(now time.Time, key []byte) (*answer, uint32) {
	el, ok := c.entries[string(key)]
	if !ok {
		return nil, 0
	}
	e := el.Value.(*entry)
	age := max(now.Sub(e.stored), 0)
	if age >= e.answer.life {
		c.remove(el)
		return nil, 0
	}
	c.order.MoveToFront(el)
	return e.answer, uint32(age / time.Second)
}

// put stores an answer whose life is not 0, replacing what the key held.
func (c *cache) put(now time.Time, key string, a *answer) {
	if a.life <= 0 {
		return
	}
	if el, ok := c.entries[key]; ok {
		c.remove(el)
	}
	e := &entry{key, a, now}
	c.entries[key] = c.order.PushFront(e)
	c.bytes += e.cost()
	for len(c.entries) > max(c.maxEntries, 0) || c.bytes > max(c.maxBytes, 0) {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(el *list.Element) {
	e := c.order.Remove(el).(*entry)
	delete(c.entries, e.key)
	c.bytes -= e.cost()
}
