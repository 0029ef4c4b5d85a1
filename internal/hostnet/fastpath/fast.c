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

#define SEND_MARK 0x756272 /* "ubr"; sendMark of the daemon */

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define VLAN_HLEN 4

/* The compiler keeps loads before it before those behind. */
#define barrier() asm volatile("" ::: "memory")

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define ICMP_ECHOREPLY 0
#define ICMP_ECHO 8
#define PORT_DNS 53
#define PORT_DHCP 67

/* What a port is. */
enum {
	PORT_UPLINK = 1, /* not a member of a network: only flows */
	PORT_HOST = 2, /* leads to the host's stack */
};

struct port {
	__u16 network;
	__u16 index; /* of its counters */
	__u16 mtu; /* bytes of packet */
	__u16 floor; /* the smallest MTU of the network's ports */
	__u8 group; /* split-horizon group, 0 for none */
	__u8 flags;
	__u8 pad[6];
};

/* ports: by interface index. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct port);
} ports SEC(".maps");

/* A network's own station. */
struct network {
	__be32 gateway; /* its address */
	__be32 mask;
	__u32 services; /* DHCP and DNS datagrams to the gateway are for user space */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, struct network);
} networks SEC(".maps");

struct address {
	__u16 network;
	__u8 mac[ETH_ALEN];
} __attribute__((aligned(8)));

/* What a station is. */
enum {
	STATION_GATEWAY = 1, /* the network's own, behind the host's port */
	STATION_BEYOND = 4, /* another one behind the host's port, which what is sent there does not reach */
	STATION_HELD = 2, /* what would be sent on for it is dropped, until what user space has of it is out */
};

struct station {
	struct address who; /* first: see known */
	__u32 ifindex; /* of the device that it is behind */
	__u16 index; /* of that port's counters */
	__u8 group;
	__u8 flags;
	__u32 seen; /* when it sent last: CLOCK_MONOTONIC, 2^30 ns */
	__u32 pad;
};

/* stations: who is known where. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072); /* set when it is loaded */
	__type(key, struct address);
	__type(value, struct station);
} stations SEC(".maps");

/* How a packet of a translated flow looks when it comes in. */
struct tuple {
	__be32 saddr, daddr;
	__be16 sport, dport; /* of an echo: identifier, 0 */
	__u16 network; /* 0 from outside */
	__u8 protocol;
	__u8 inward;
};

struct flow {
	struct tuple was; /* first: see known */
	__be32 addr; /* the new source, or inward the new destination */
	__be16 port;
	__u16 mtu; /* of the way, bytes of packet */
	__u32 generation;
	__u32 slot; /* of `used` */
	__u32 ifindex; /* outward the egress device; inward the only ingress device, 0 for any */
	__u16 network; /* inward: of the guest */
	__u16 index; /* outward: of the egress port's counters */
	__u8 dst[ETH_ALEN]; /* next hop, or guest */
	__u8 src[ETH_ALEN];
	__u8 guest[ETH_ALEN]; /* outward: who sends */
	__u8 pad[2];
};

/* flows: translated flows that are established. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2); /* set when it is loaded */
	__type(key, struct tuple);
	__type(value, struct flow);
} flows SEC(".maps");

/* used: when a flow's last packet came, by its slot: CLOCK_MONOTONIC, 2^30 ns.
 * The daemon maps it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set when it is loaded */
	__type(key, __u32);
	__type(value, __u64);
} used SEC(".maps");

/* control: what the daemon sets while the programs run; mapped by it. */
enum {
	GENERATION, /* of the host's routing: flows of another one are not true any more */
	CHANGES, /* of ports and stations, but for new ones: what was kept before is not true any more */
	CONTROL_WORDS
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CONTROL_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} control SEC(".maps");

struct counters {
	__u64 rx_frames, rx_bytes, tx_frames, tx_bytes; /* what went this way */
	__u64 slow; /* frames that came in and are for user space */
	__u64 held; /* of stations that are held: dropped */
	__u64 bad; /* dropped: they asked for a checksum across what is translated */
};

/* counters: by the port's index. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

/* slow: the filter that a port's socket had without a fast path, at its index:
 * what the fast path does not take is that filter's to judge. */
enum { SLOW_UPLINK, SLOW_FILTERS };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOW_FILTERS);
	__type(key, __u32);
	__type(value, __u32);
} slow SEC(".maps");

/* What is to be done with a frame. */
enum {
	TO_USER, /* nothing here */
	TO_PORT, /* it leaves as it is */
	TO_HOST, /* to the stack behind the host's port */
	TO_OUTSIDE, /* translated, outward */
	TO_GUEST, /* translated, inward */
	TO_NOBODY, /* dropped: its station is held */
};

struct verdict {
	/* of which frame */
	__u32 in, len;
	struct ethhdr eth;
	__u8 act;
	__u8 protocol;
	__u16 index_in, index_out;
	__u32 out; /* interface index */
	__u8 head[16]; /* of a packet to the gateway or of a flow, from its source address on */
	/* of a translated packet */
	__be32 old_addr, new_addr;
	__be16 old_port, new_port;
	__u8 dst[ETH_ALEN], src[ETH_ALEN];
};

/* decided: what the socket's filter decided on the frame that this processor has
 * in work, for the classifier. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct verdict);
} decided SEC(".maps");

/* What was decided of a pair of stations. */
struct recent {
	__u32 in; /* interface index */
	__u32 changes, time; /* when it was true: CHANGES, and 2^30 ns */
	__u8 macs[2 * ETH_ALEN]; /* destination, source */
	__u32 out;
	__u16 index_in, index_out;
	__u16 floor; /* of the sender's port */
	__u16 pad;
};

#define RECENT 256

/* recents: by a hash of the pair. One that is found spares three searches. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECENT);
	__type(key, __u32);
	__type(value, struct recent);
} recents SEC(".maps");

/* now is the time in the maps' unit, which spares a division. */
static __always_inline __u32 now(void) { return bpf_ktime_get_coarse_ns() >> 30; }

/* same compares what is aligned to two bytes; the compiler would call memcmp. */
static __always_inline int same(const void *a, const void *b, const int size)
{
	const __u16 *x = a, *y = b;
	__u16 differs = 0;

#pragma unroll
	for (int i = 0; i < size / 2; i++)
		differs |= x[i] ^ y[i];
	return !differs;
}

/* length of a frame as user space counts it, with the tag that the kernel took off. */
static __always_inline __u32 length(const struct __sk_buff *skb)
{
	return skb->len + (skb->vlan_present ? VLAN_HLEN : 0);
}

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

/* headers is how long the headers of a superframe's segments are, from the network's
 * on; 0 for one that is not plain TCP or UDP. */
static __always_inline __u32 headers(struct __sk_buff *skb, __be16 type)
{
	__u32 ip = sizeof(struct ipv6hdr), at = __builtin_offsetof(struct ipv6hdr, nexthdr);
	__u8 first, protocol, offset;

	if (type == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, &first, sizeof(first)))
			return 0;
		ip = (first & 15) * 4;
		at = __builtin_offsetof(struct iphdr, protocol);
	} else if (type != bpf_htons(ETH_P_IPV6)) {
		return 0;
	}
	if (bpf_skb_load_bytes(skb, ETH_HLEN + at, &protocol, sizeof(protocol)))
		return 0;
	if (protocol == IPPROTO_UDP)
		return ip + 8;
	if (protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, ETH_HLEN + ip + 12, &offset, sizeof(offset)))
		return 0;
	return ip + (offset >> 4) * 4;
}

/* fits: neither the frame nor a segment of it is longer than any port of the network
 * takes. A guest says how long segments are to be. */
static __always_inline int fits(struct __sk_buff *skb, __u16 floor, const struct verdict *v)
{
	__u32 n;

	if (!skb->gso_size)
		return skb->len <= floor + ETH_HLEN;
	n = headers(skb, v->eth.h_proto);
	return n && n + skb->gso_size <= floor;
}

/* header of a packet, as far as it is looked at. */
struct packet {
	struct iphdr ip;
	__be16 sport, dport;
	__u8 rest[12]; /* of TCP, from the sequence number on */
};

/* checksum_ok verifies the checksum of a header without options. */
static __always_inline int checksum_ok(const struct iphdr *ip)
{
	const __u16 *w = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* parse reads a whole IPv4 packet of a flow that may be known: no options, no
 * fragment, a transport header, and of TCP nothing that opens or ends. The time to
 * live is the caller's matter. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *p)
{
	const struct iphdr *ip = &p->ip;
	__u32 total, need;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, p, sizeof(p->ip) + 8))
		return 0;
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return 0;
	if (!checksum_ok(ip))
		return 0;
	total = bpf_ntohs(ip->tot_len);
	if (total > skb->len - ETH_HLEN)
		return 0;
	switch (ip->protocol) {
	case IPPROTO_TCP:
		if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(*ip) + 4, p->rest, sizeof(p->rest)))
			return 0;
		need = (p->rest[8] >> 4) * 4;
		if (need < 20 || !(p->rest[9] & 0x10) || p->rest[9] & (TCP_SYN | TCP_FIN | TCP_RST))
			return 0;
		break;
	case IPPROTO_UDP:
		need = 8;
		if (bpf_ntohs(*(__be16 *)p->rest) < 8 || bpf_ntohs(*(__be16 *)p->rest) > total - sizeof(*ip))
			return 0;
		break;
	case IPPROTO_ICMP:
		need = 8;
		break;
	default:
		return 0;
	}
	return total >= sizeof(*ip) + need;
}

/* segment is the length of the longest packet that the frame becomes on the wire, with
 * what may follow it. */
static __always_inline __u32 segment(const struct __sk_buff *skb, const struct packet *p)
{
	__u32 headers = sizeof(p->ip);

	if (!skb->gso_size)
		return skb->len - ETH_HLEN;
	headers += p->ip.protocol == IPPROTO_TCP ? (p->rest[8] >> 4) * 4 : 8;
	return headers + skb->gso_size;
}

/* echo makes the ports of a ping's packet what a flow's tuple has of it. */
static __always_inline int echo(struct packet *p, __u8 type, struct tuple *t)
{
	/* type and code lie where the source port does, the identifier behind the checksum */
	if (p->sport != bpf_htons(type << 8))
		return 0;
	t->sport = t->dport = 0;
	if (type == ICMP_ECHO)
		t->sport = *(__be16 *)p->rest;
	else
		t->dport = *(__be16 *)p->rest;
	return 1;
}

static __always_inline struct flow *find(struct packet *p, struct tuple *t, __u8 echo_type)
{
	struct flow *f;
	__u32 word = GENERATION;
	__u64 *generation;

	t->saddr = p->ip.saddr;
	t->daddr = p->ip.daddr;
	t->protocol = p->ip.protocol;
	t->sport = p->sport;
	t->dport = p->dport;
	if (t->protocol == IPPROTO_ICMP && !echo(p, echo_type, t))
		return 0;
	f = bpf_map_lookup_elem(&flows, t);
	generation = bpf_map_lookup_elem(&control, &word);
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

static __always_inline int unless_held(const struct station *src, int act)
{
	return act != TO_USER && src->flags & STATION_HELD ? TO_NOBODY : act;
}

/* decide says what is to be done with a frame of a port, and fills in v. */
static __always_inline int decide(struct __sk_buff *skb, const struct port *in, struct verdict *v)
{
	struct station src, dst, *sender;

	v->index_in = in->index;
	if (in->flags & PORT_UPLINK)
		return inward(skb, v);
	if (v->eth.h_dest[0] & 1)
		return TO_USER;
	sender = known(in->network, v->eth.h_source, &src);
	if (!sender || src.ifindex != skb->ifindex)
		return TO_USER;
	if (!known(in->network, v->eth.h_dest, &dst) || dst.ifindex == skb->ifindex)
		return TO_USER;
	refresh(sender);
	if (dst.flags & STATION_GATEWAY)
		return unless_held(&src, to_gateway(skb, in, &dst, v));
	if (dst.flags & STATION_BEYOND || (in->group && in->group == dst.group) || !fits(skb, in->floor, v))
		return TO_USER;
	if (in->flags & PORT_HOST && !from_host(skb, in, v))
		return TO_USER;
	v->out = dst.ifindex;
	v->index_out = dst.index;
	return unless_held(&src, TO_PORT);
}

static __always_inline __u32 changes(void)
{
	__u32 word = CHANGES;
	__u64 *n = bpf_map_lookup_elem(&control, &word);

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
	v->out = r->out;
	v->index_in = r->index_in;
	v->index_out = r->index_out;
	return 1;
}

static __always_inline void keep(struct recent *r, const struct port *in, const struct verdict *v, __u32 changed)
{
	r->in = 0;
	__builtin_memcpy(r->macs, &v->eth, sizeof(r->macs));
	r->out = v->out;
	r->index_in = v->index_in;
	r->index_out = v->index_out;
	r->floor = in->floor;
	r->time = now();
	r->changes = changed;
	r->in = v->in;
}

/* judge is decide for the frame in work; 0 where the device is no port. */
static __always_inline struct verdict *judge(struct __sk_buff *skb)
{
	__u32 zero = 0, ifindex = skb->ifindex, changed;
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
	v->act = TO_PORT;
	r = recent(v);
	if (r && again(skb, r, v))
		return v;
	changed = changes();
	in = bpf_map_lookup_elem(&ports, &ifindex);
	if (!in) {
		v->in = 0;
		return 0;
	}
	v->act = decide(skb, in, v);
	/* The host's frames are told apart by more than their stations. */
	if (r && v->act == TO_PORT && !in->flags)
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
		v = judge(skb);
	if (v)
		v->in = 0;
	return v;
}

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

/* for_user counts a frame that a socket's filter lets through. */
static __always_inline int for_user(const struct verdict *v)
{
	__u32 index = v->index_in;
	struct counters *c = bpf_map_lookup_elem(&counters, &index);

	if (c)
		c->slow++;
	return -1;
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
	if (v->act == TO_HOST) {
		skb->mark = 0;
		return bpf_redirect(v->out, BPF_F_INGRESS);
	}
	skb->mark = SEND_MARK;
	return bpf_redirect(v->out, 0);
}

/* port_filter: on the packet socket of a guest's port. */
SEC("socket")
int port_filter(struct __sk_buff *skb)
{
	struct verdict *v = judge(skb);

	if (!v)
		return -1;
	return v->act == TO_USER ? for_user(v) : 0;
}

/* port: at the ingress of a guest's port; the host's stack sees nothing of it. */
SEC("tc")
int port(struct __sk_buff *skb) { return act(skb, take(skb), TC_ACT_SHOT); }

/* host: at the egress of the host's port. What is not for here goes on to the
 * tap, from whose descriptor user space reads it. */
SEC("tc")
int host(struct __sk_buff *skb)
{
	struct verdict *v = judge(skb);

	if (v)
		v->in = 0;
	return act(skb, v, TC_ACT_UNSPEC);
}

/* uplink_filter: on the packet socket of an uplink. */
SEC("socket")
int uplink_filter(struct __sk_buff *skb)
{
	struct verdict *v = judge(skb);

	if (v && v->act != TO_USER)
		return 0;
	bpf_tail_call(skb, &slow, SLOW_UPLINK);
	return 0;
}

/* uplink: at the ingress of an uplink, before the program that keeps the host's
 * stack quiet. */
SEC("tc")
int uplink(struct __sk_buff *skb) { return act(skb, take(skb), TC_ACT_UNSPEC); }

char program_license[] SEC("license") = "Apache-2.0";
