// SPDX-License-Identifier: Apache-2.0
//
// What is to be done with a frame.

/* to_gateway: what a guest sends to its network's own station. */
static __always_inline int to_gateway(struct __sk_buff *skb, const struct port *in, const struct station *host, struct verdict *v)
{
	struct network *n = bpf_map_lookup_elem(&networks, &in->network);
	struct packet p;
	__be32 src;

	if (!n || v->eth.h_proto != bpf_htons(ETH_P_IP) || skb->vlan_present || !parse(skb, &p))
		return TO_USER;
	keep_head(v, &p);
	src = p.ip.saddr;
	if ((src ^ n->gateway) & n->mask || src == n->gateway || !(src & ~n->mask) || !~(src | n->mask))
		return TO_USER;
	if (p.ip.daddr != n->gateway)
		return outward(skb, in, &p, v);
	if (p.ip.protocol == IPPROTO_UDP && n->services && (p.dport == bpf_htons(PORT_DNS) || p.dport == bpf_htons(PORT_DHCP)))
		return TO_USER;
	if (!host->ifindex || !fits(skb, in->floor, v))
		return TO_USER;
	v->out = host->ifindex;
	v->index_out = host->index;
	return TO_HOST;
}

/* from_host: what the host's own stack sends to a guest; what it forwards for
 * others is user space's to judge. */
static __always_inline int from_host(struct __sk_buff *skb, const struct port *in, const struct verdict *v)
{
	struct network *n = bpf_map_lookup_elem(&networks, &in->network);
	struct iphdr ip;

	if (!n || v->eth.h_proto != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return 0;
	if (ip.version != 4 || ip.ihl < 5 || ip.ihl * 4 + ETH_HLEN > skb->len)
		return 0;
	return bpf_ntohs(ip.tot_len) >= ip.ihl * 4 && ip.saddr == n->gateway;
}

/* to_stack: what a guest sends to the host that shares its NIC. */
static __always_inline int to_stack(const struct station *host, struct verdict *v)
{
	struct port *helper = bpf_map_lookup_elem(&ports, &host->ifindex);

	if (!helper)
		return TO_USER;
	v->out = helper->beside;
	v->index_out = host->index;
	v->mark = helper->echo;
	return TO_STACK;
}

static __always_inline int unless_held(const struct station *src, int act)
{
	return act != TO_USER && src->flags & STATION_HELD ? TO_NOBODY : act;
}

/* heard: a frame of which no more than its source is looked at. */
static __always_inline int heard(const struct __sk_buff *skb, const struct port *in, const struct verdict *v)
{
	overhear(skb, in, v);
	return TO_USER;
}

/* switched: a frame from one of a network's stations to another. */
static __always_inline int switched(struct __sk_buff *skb, const struct port *in, struct verdict *v)
{
	struct station src, dst, *sender;

	if (v->eth.h_dest[0] & 1)
		return heard(skb, in, v);
	sender = known(in->network, v->eth.h_source, &src);
	if (!sender || src.ifindex != v->in || src.flags & STATION_MOVED)
		return heard(skb, in, v);
	if (!known(in->network, v->eth.h_dest, &dst) || dst.ifindex == v->in || dst.flags & STATION_MOVED)
		return TO_USER;
	refresh(sender);
	if (dst.flags & STATION_GATEWAY)
		return unless_held(&src, to_gateway(skb, in, &dst, v));
	if (dst.flags & STATION_BEYOND || (in->group && in->group == dst.group) || !fits(skb, in->floor, v))
		return TO_USER;
	if (in->flags & PORT_HOST && !from_host(skb, in, v))
		return TO_USER;
	if (dst.flags & STATION_STACK)
		return unless_held(&src, to_stack(&dst, v));
	v->out = dst.ifindex;
	v->index_out = dst.index;
	v->mark = dst.mark;
	return unless_held(&src, TO_PORT);
}

/* decide says what is to be done with a frame of a port, and fills in v. */
static __always_inline int decide(struct __sk_buff *skb, const struct port *in, struct verdict *v)
{
	int act = TO_USER;

	v->index_in = in->index;
	if (in->flags != PORT_UPLINK)
		act = switched(skb, in, v);
	if (act != TO_USER || !(in->flags & PORT_UPLINK))
		return act;
	v->index_in = in->uplink;
	v->mark = SEND_MARK;
	return inward(skb, v);
}

static __always_inline __u32 changes(void)
{
	__u64 *n = word(CHANGES);

	return n ? *n : 0;
}

/* recent is where what was decided of the frame's stations is kept. */
static __always_inline struct recent *recent(const struct verdict *v)
{
	const __u8 *dst = v->eth.h_dest, *src = v->eth.h_source;
	__u32 slot = (dst[5] + src[5] * 31 + dst[4] * 7 + src[4] * 131 + v->in) % RECENT;

	return bpf_map_lookup_elem(&recents, &slot);
}

/* again reports whether the frame's stations were decided on a moment ago, and then
 * fills in v. */
static __always_inline int again(struct __sk_buff *skb, struct recent *r, struct verdict *v)
{
	if (r->in != v->in || !same(r->macs, &v->eth, sizeof(r->macs)) || r->changes != changes() ||
	    r->time != now() || !fits(skb, r->floor, v))
		return 0;
	v->act = r->act;
	v->out = r->out;
	v->mark = r->mark;
	v->index_in = r->index_in;
	v->index_out = r->index_out;
	return 1;
}

static __always_inline void keep(struct recent *r, const struct port *in, const struct verdict *v, __u32 changed)
{
	r->in = 0;
	__builtin_memcpy(r->macs, &v->eth, sizeof(r->macs));
	r->act = v->act;
	r->out = v->out;
	r->mark = v->mark;
	r->index_in = v->index_in;
	r->index_out = v->index_out;
	r->floor = in->floor;
	r->time = now();
	r->changes = changed;
	r->in = v->in;
}

/* judge is decide for the frame in work, as one that came in by a device; 0 where that
 * is no port. */
static __always_inline struct verdict *judge(struct __sk_buff *skb, __u32 ifindex)
{
	__u32 zero = 0, changed;
	struct verdict *v = bpf_map_lookup_elem(&decided, &zero);
	struct port *in;
	struct recent *r;

	if (!v)
		return 0;
	v->in = 0;
	if (bpf_skb_load_bytes(skb, 0, &v->eth, sizeof(v->eth)))
		return 0;
	v->in = ifindex;
	v->len = skb->len;
	r = recent(v);
	v->again = r && again(skb, r, v);
	if (v->again)
		return v;
	changed = changes();
	in = bpf_map_lookup_elem(&ports, &ifindex);
	if (!in) {
		v->in = 0;
		return 0;
	}
	v->act = decide(skb, in, v);
	/* The host's frames are told apart by more than their stations. */
	if (r && (v->act == TO_PORT || v->act == TO_STACK) && !(in->flags & PORT_HOST))
		keep(r, in, v, changed);
	return v;
}

/* about reports whether a verdict is about the frame in work, whose Ethernet header is
 * the same. One is left behind where something keeps the frame from the classifier:
 * another program at the device, or because this one is not attached yet. */
static __always_inline int about(const struct verdict *v, struct __sk_buff *skb)
{
	__u8 head[sizeof(v->head)] __attribute__((aligned(8)));

	if (v->in != skb->ifindex || v->len != skb->len)
		return 0;
	if (v->act < TO_HOST || v->act > TO_GUEST)
		return 1;
	return !bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, saddr), head, sizeof(head)) &&
	       same(head, v->head, sizeof(head));
}

/* take gives the filter's verdict on the frame in work, or where no socket is
 * there, its own. */
static __always_inline struct verdict *take(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 zero = 0;
	struct verdict *v = bpf_map_lookup_elem(&decided, &zero);

	if (!v)
		return 0;
	if (data + sizeof(v->eth) > end || !same(data, &v->eth, sizeof(v->eth)) || !about(v, skb))
		v = judge(skb, skb->ifindex);
	if (v)
		v->in = 0;
	return v;
}

