// SPDX-License-Identifier: Apache-2.0
//
// Who is where.

/* now is the time in the maps' unit, which spares a division. */
static __always_inline __u32 now(void) { return bpf_ktime_get_coarse_ns() >> 30; }

/* The compiler keeps loads before it before those behind. */
#define barrier() asm volatile("" ::: "memory")

/* known copies what is known of a station to s, and gives the element. An element
 * that the daemon deletes meanwhile may be used again at once, for another station,
 * whose identity is then written first: it is read last. */
static __always_inline struct station *known(__u16 network, const __u8 *mac, struct station *s)
{
	struct address a = { .network = network };
	struct station *found;

	__builtin_memcpy(a.mac, mac, ETH_ALEN);
	found = bpf_map_lookup_elem(&stations, &a);
	if (!found)
		return 0;
	*s = *found;
	barrier();
	return *(__u64 *)&found->who == *(__u64 *)&a ? found : 0;
}

/* refresh notes that a station is there, once in a while. */
static __always_inline void refresh(struct station *s)
{
	__u32 t = now();

	if (s->seen != t)
		s->seen = t;
}

