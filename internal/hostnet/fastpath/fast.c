// SPDX-License-Identifier: Apache-2.0
//
// The fast path: frames between stations and packets of flows that user space
// knows are sent on by the kernel. doc.go tells the whole story.
//
// Two programs see each frame of a port: first a filter on its packet socket,
// which decides, then a classifier at the device's ingress, which acts. What the
// filter decided is left for the classifier in `decided`, so that both always
// agree and a frame is neither lost nor delivered twice.

//go:build ignore

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "packet.h"
#include "stations.h"
#include "flow.h"
#include "decide.h"

static __always_inline void count(const struct __sk_buff *skb, const struct verdict *v)
{
	__u32 in = v->index_in, out = v->index_out;
	struct counters *c = bpf_map_lookup_elem(&counters, &in);

	if (c) {
		c->rx_frames++;
		c->rx_bytes += length(skb);
	}
	c = bpf_map_lookup_elem(&counters, &out);
	if (c) {
		c->tx_frames++;
		c->tx_bytes += length(skb);
	}
}

static __always_inline void note_held(const struct verdict *v)
{
	__u32 in = v->index_in;
	struct counters *c = bpf_map_lookup_elem(&counters, &in);

	if (c)
		c->held++;
}

static __always_inline void note_bad(const struct verdict *v)
{
	__u32 in = v->index_in;
	struct counters *c = bpf_map_lookup_elem(&counters, &in);

	if (c)
		c->bad++;
}

/* act does what v says; other is for frames that are user space's. */
static __always_inline int act(struct __sk_buff *skb, const struct verdict *v, int other)
{
	if (!v || v->act == TO_USER)
		return other;
	if (v->act == TO_NOBODY) {
		note_held(v);
		return TC_ACT_SHOT;
	}
	if (v->act == TO_OUTSIDE && !honest(skb, v)) {
		note_bad(v);
		return TC_ACT_SHOT;
	}
	if (v->act >= TO_OUTSIDE && rewrite(skb, v))
		return TC_ACT_SHOT; /* half changed */
	count(skb, v);
	if (v->act == TO_HOST || v->act == TO_STACK) {
		skb->mark = 0;
		if (v->act == TO_STACK)
			skb->tc_index = v->mark;
		return bpf_redirect(v->out, BPF_F_INGRESS);
	}
	skb->mark = v->mark;
	return bpf_redirect(v->out, 0);
}

/* taken reports whether the frame in work is not user space's. */
static __always_inline int taken(const struct verdict *v) { return v && v->act != TO_USER; }

/* port_filter: on the packet socket of a guest's port. */
SEC("socket")
int port_filter(struct __sk_buff *skb) { return taken(judge(skb, skb->ifindex)) ? 0 : -1; }

/* port: at the ingress of a guest's port; the host's stack sees nothing of it. */
SEC("tc")
int port(struct __sk_buff *skb) { return act(skb, take(skb), TC_ACT_SHOT); }

/* leave does what is to be done with a frame that the host sends, of which no socket's
 * filter sees anything. */
static __always_inline int leave(struct __sk_buff *skb, __u32 as)
{
	struct verdict *v = judge(skb, as);

	if (v)
		v->in = 0;
	return act(skb, v, TC_ACT_UNSPEC);
}

/* host: at the egress of the host's port. What is not for here goes on to the
 * tap, from whose descriptor user space reads it. */
SEC("tc")
int host(struct __sk_buff *skb) { return leave(skb, skb->ifindex); }

/* uplink_filter: on the packet socket of an uplink. */
SEC("socket")
int uplink_filter(struct __sk_buff *skb)
{
	if (!taken(judge(skb, skb->ifindex)))
		bpf_tail_call(skb, &slow, SLOW_UPLINK);
	return 0;
}

/* uplink: at the ingress of an uplink or of a shared NIC, before the program that keeps
 * the host's stack quiet. */
SEC("tc")
int uplink(struct __sk_buff *skb) { return act(skb, take(skb), TC_ACT_UNSPEC); }

/* nic_filter: on the packet socket of a shared NIC. Its own filter notes who is on the
 * LAN, also by what is taken here. */
SEC("socket")
int nic_filter(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct port *nic;
	struct verdict *v = judge(skb, ifindex);

	if (v && v->act != TO_USER) {
		if (v->again)
			return 0;
		skb->cb[0] = 1;
	}
	nic = bpf_map_lookup_elem(&ports, &ifindex);
	if (nic)
		bpf_tail_call(skb, &slow, nic->slow);
	return 0;
}

/* nic_host: at the egress of a shared NIC, before the program that leads the host's
 * frames to the helper. */
SEC("tc")
int nic_host(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct port *nic = bpf_map_lookup_elem(&ports, &ifindex);

	if (!nic || skb->mark == SHARE_MARK)
		return TC_ACT_UNSPEC;
	return leave(skb, nic->beside);
}

char program_license[] SEC("license") = "Apache-2.0";
