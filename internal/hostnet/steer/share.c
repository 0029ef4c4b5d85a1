// SPDX-License-Identifier: Apache-2.0
//
// The programs of a NIC that guests share with the host. doc.go tells the whole
// story.

//go:build ignore

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define SHARE_MARK 0x756273 /* "ubs"; ShareMark in share.go */

#define SECOND 1000000000ull /* ns */
#define AGEING (300 * SECOND) /* of the LAN's stations, as IEEE 802.1Q */
#define FLOOD_LIMIT 256 /* frames a second to stations that nobody knows */

/* control: what the daemon sets while the programs run; mapped by it. */
enum {
	UNTIL, /* until when the daemon vouches for the guests: CLOCK_MONOTONIC, ns */
	HELPER, /* interface index of the helper tap */
	NIC, /* of the NIC */
	ECHO, /* tc_index of what the helper puts into the NIC, 16 bits */
	FLOODED, /* not the daemon's: second and frames flooded in it, 32 bits each */
	CONTROL_WORDS
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CONTROL_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} control SEC(".maps");

struct station {
	__u8 addr[ETH_ALEN];
};

/* guests: the stations behind guests' ports. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192); /* set when it is loaded */
	__type(key, struct station);
	__type(value, __u8);
} guests SEC(".maps");

/* lan: the stations beyond the NIC → when they were heard last, ns. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct station);
	__type(value, __u64);
} lan SEC(".maps");

static __always_inline __u64 word(__u32 index)
{
	__u64 *w = bpf_map_lookup_elem(&control, &index);

	return w ? *w : 0;
}

/* may_flood: unknown stations are few; whoever sends much to one that never
 * answers must not fill guests' queues. Racing CPUs may count short. */
static __always_inline int may_flood(__u64 now)
{
	__u32 index = FLOODED;
	__u64 *w = bpf_map_lookup_elem(&control, &index);
	__u64 second = now / SECOND << 32;

	if (!w)
		return 0;
	if ((*w ^ second) >> 32)
		*w = second;
	if ((__u32)*w >= FLOOD_LIMIT)
		return 0;
	*w += 1;
	return 1;
}

/* share: at the NIC's egress, what the host sends. As on a bridge, what is for a
 * guest goes to it alone, and what is for a group or a station that nobody knows
 * goes to guests and LAN. */
SEC("tc")
int share(struct __sk_buff *skb)
{
	struct station dst;
	__u64 *heard, now;

	if (skb->mark == SHARE_MARK || bpf_skb_load_bytes(skb, 0, &dst, sizeof(dst)))
		return TC_ACT_UNSPEC;
	now = bpf_ktime_get_coarse_ns();
	if (now >= word(UNTIL)) /* nobody is there to take it */
		return TC_ACT_UNSPEC;
	if (!(dst.addr[0] & 1)) {
		if (bpf_map_lookup_elem(&guests, &dst))
			return bpf_redirect(word(HELPER), 0);
		heard = bpf_map_lookup_elem(&lan, &dst);
		if ((heard && now - *heard < AGEING) || !may_flood(now))
			return TC_ACT_UNSPEC;
	}
	bpf_clone_redirect(skb, word(HELPER), 0);
	return TC_ACT_UNSPEC;
}

/* helper: at the helper tap's ingress, what guests send to the host. */
SEC("tc")
int helper(struct __sk_buff *skb)
{
	skb->tc_index = word(ECHO);
	return bpf_redirect(word(NIC), BPF_F_INGRESS);
}

/* hear: notes a station beyond the NIC, once a second. */
static __always_inline void hear(const struct station *src)
{
	__u64 *heard = bpf_map_lookup_elem(&lan, src), now = bpf_ktime_get_coarse_ns();

	if (!heard)
		bpf_map_update_elem(&lan, src, &now, BPF_ANY);
	else if (now - *heard > SECOND)
		*heard = now;
}

/* share_socket: what the NIC's packet socket receives: all but what the helper
 * has put there and the host's own unicast. Of that it sees what a station sends
 * that is taken for a guest, since it has moved to the LAN. Where the fast path calls
 * it, cb[0] tells that the frame goes that way. */
SEC("socket")
int share_socket(struct __sk_buff *skb)
{
	struct station src;

	if (skb->tc_index && skb->tc_index == word(ECHO))
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_ALEN, &src, sizeof(src)))
		return 0;
	hear(&src);
	if (skb->cb[0])
		return 0;
	if (skb->pkt_type != PACKET_HOST || bpf_map_lookup_elem(&guests, &src))
		return -1;
	return 0;
}

char program_license[] SEC("license") = "Apache-2.0";
