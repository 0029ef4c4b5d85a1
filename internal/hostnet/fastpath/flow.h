// SPDX-License-Identifier: Apache-2.0
//
// Packets of translated flows: which one it is, and what becomes of it.

static __always_inline struct flow *find(struct packet *p, struct tuple *t, __u8 echo_type)
{
	struct flow *f;
	__u64 *generation = word(GENERATION);

	t->saddr = p->ip.saddr;
	t->daddr = p->ip.daddr;
	t->protocol = p->ip.protocol;
	t->sport = p->sport;
	t->dport = p->dport;
	if (t->protocol == IPPROTO_ICMP && !echo(p, echo_type, t))
		return 0;
	f = bpf_map_lookup_elem(&flows, t);
	if (!f || !generation || f->generation != (__u32)*generation)
		return 0;
	return f;
}

static __always_inline void renew(const struct flow *f)
{
	__u64 *last = bpf_map_lookup_elem(&used, &f->slot);
	__u32 t = now();

	if (last && *last != t)
		*last = t;
}

/* translate fills in what a flow's packet becomes, and reports whether f was the flow
 * t all the time. */
static __always_inline int translate(struct verdict *v, const struct flow *f, const struct tuple *t, const struct packet *p)
{
	v->protocol = p->ip.protocol;
	v->new_addr = f->addr;
	v->new_port = f->port;
	__builtin_memcpy(v->dst, f->dst, ETH_ALEN);
	__builtin_memcpy(v->src, f->src, ETH_ALEN);
	renew(f);
	barrier();
	return same(&f->was, t, sizeof(*t));
}

/* keep_head notes which packet the verdict is about. */
static __always_inline void keep_head(struct verdict *v, const struct packet *p)
{
	__builtin_memcpy(v->head, &p->ip.saddr, sizeof(v->head));
}

/* outward: a guest's packet to the gateway's station that belongs to a flow. */
static __always_inline int outward(struct __sk_buff *skb, const struct port *in, struct packet *p, struct verdict *v)
{
	struct tuple t = { .network = in->network };
	struct flow *f;

	if (p->ip.ttl <= 1)
		return TO_USER;
	f = find(p, &t, ICMP_ECHO);
	if (!f || segment(skb, p) > f->mtu || !same(f->guest, v->eth.h_source, ETH_ALEN))
		return TO_USER;
	v->out = f->ifindex;
	v->index_out = f->index;
	v->mark = SEND_MARK;
	v->old_addr = t.saddr;
	v->old_port = t.sport;
	return translate(v, f, &t, p) ? TO_OUTSIDE : TO_USER;
}

/* inward: a packet from outside that belongs to a flow. */
static __always_inline int inward(struct __sk_buff *skb, struct verdict *v)
{
	struct tuple t = { .inward = 1 };
	struct packet p;
	struct station guest;
	struct flow *f;

	if (skb->pkt_type != PACKET_HOST || v->eth.h_proto != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return TO_USER;
	if (!parse(skb, &p) || p.ip.ttl <= 1)
		return TO_USER;
	f = find(&p, &t, ICMP_ECHOREPLY);
	if (!f || segment(skb, &p) > f->mtu || (f->ifindex && f->ifindex != skb->ifindex))
		return TO_USER;
	if (!known(f->network, f->dst, &guest) || guest.flags & (STATION_GATEWAY | STATION_BEYOND))
		return TO_USER;
	v->out = guest.ifindex;
	v->index_out = guest.index;
	v->old_addr = t.daddr;
	v->old_port = t.dport;
	keep_head(v, &p);
	return translate(v, f, &t, &p) ? TO_GUEST : TO_USER;
}

#define L4 (ETH_HLEN + sizeof(struct iphdr))

/* checksum_at is where a transport's checksum is. */
static __always_inline __u32 checksum_at(__u8 protocol)
{
	return L4 + (protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2);
}

/* honest reports whether a guest's packet may be translated. A guest says where its
 * device is to write a checksum when the packet leaves: across addresses or ports, that
 * would undo the translation. No field tells a program where that is, but two helpers
 * behave by it: the first leaves alone a checksum that is unfinished, the second never
 * cuts a frame in front of where one is to be written. */
static __always_inline int honest(struct __sk_buff *skb, const struct verdict *v)
{
	const __u32 at = checksum_at(v->protocol);
	__u16 was, is;

	if (bpf_skb_load_bytes(skb, at, &was, sizeof(was)) || bpf_l4_csum_replace(skb, at, 0, 1, 4) ||
	    bpf_skb_load_bytes(skb, at, &is, sizeof(is)))
		return 0;
	if (was != is)
		return !bpf_skb_store_bytes(skb, at, &was, sizeof(was), 0);
	return v->protocol != IPPROTO_ICMP && bpf_skb_change_tail(skb, at + 1, 0) == -EINVAL;
}

/* rewrite makes a flow's packet what v says. The helpers know whether a checksum
 * is finished. */
static __always_inline int rewrite(struct __sk_buff *skb, const struct verdict *v)
{
	const int out = v->act == TO_OUTSIDE;
	const __u32 addr = ETH_HLEN + (out ? __builtin_offsetof(struct iphdr, saddr) : __builtin_offsetof(struct iphdr, daddr));
	const __u32 sum = checksum_at(v->protocol);
	__u32 port = L4 + (out ? 0 : 2);
	__u64 flags = BPF_F_PSEUDO_HDR;
	__be16 ttl, less; /* and the protocol beside it: a word of the checksum */

	if (bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, ttl), &ttl, sizeof(ttl)))
		return -1;
	less = bpf_htons(bpf_ntohs(ttl) - 0x100);
	if (v->protocol == IPPROTO_UDP)
		flags |= BPF_F_MARK_MANGLED_0;
	if (v->protocol == IPPROTO_ICMP)
		port = L4 + 4;
	if (v->protocol != IPPROTO_ICMP && bpf_l4_csum_replace(skb, sum, v->old_addr, v->new_addr, flags | 4))
		return -1;
	flags &= ~BPF_F_PSEUDO_HDR;
	if (bpf_l4_csum_replace(skb, sum, v->old_port, v->new_port, flags | 2) ||
	    bpf_skb_store_bytes(skb, port, &v->new_port, sizeof(v->new_port), 0) ||
	    bpf_l3_csum_replace(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, check), v->old_addr, v->new_addr, 4) ||
	    bpf_l3_csum_replace(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, check), ttl, less, 2) ||
	    bpf_skb_store_bytes(skb, addr, &v->new_addr, sizeof(v->new_addr), 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, ttl), &less, sizeof(less), 0))
		return -1;
	return bpf_skb_store_bytes(skb, 0, v->dst, 2 * ETH_ALEN, BPF_F_RECOMPUTE_CSUM);
}

