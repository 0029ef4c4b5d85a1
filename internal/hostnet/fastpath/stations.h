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

/* word is a word of the control map. */
static __always_inline __u64 *word(__u32 index) { return bpf_map_lookup_elem(&control, &index); }

/* dead reports whether the daemon, which hears of stations that move, has given no sign
 * of life of late. */
static __always_inline int dead(void)
{
	__u64 *until = word(ALIVE);

	return until && now() >= *until;
}

/* overhear notes, where the daemon does not, that a station sent from another place, or
 * is back: nothing is sent to where it is not. What the helper hands to the host is
 * heard at the NIC again. */
static __always_inline void overhear(const struct __sk_buff *skb, const struct port *in, const struct verdict *v)
{
	struct station src, *sender;
	__u64 *changed = word(CHANGES);
	__u8 flags;

	if (!dead() || !changed || (in->echo && skb->tc_index == in->echo))
		return;
	sender = known(in->network, v->eth.h_source, &src);
	if (!sender || src.flags & (STATION_GATEWAY | STATION_STACK))
		return;
	flags = src.ifindex == v->in ? src.flags & ~STATION_MOVED : src.flags | STATION_MOVED;
	if (flags == src.flags)
		return;
	sender->flags = flags;
	__sync_fetch_and_add(changed, 1);
}
