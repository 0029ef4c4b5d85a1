// SPDX-License-Identifier: Apache-2.0
//
// What a frame is, as far as anything is sent on by it.

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define VLAN_HLEN 4

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define ICMP_ECHOREPLY 0
#define ICMP_ECHO 8
#define PORT_DNS 53
#define PORT_DHCP 67

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

