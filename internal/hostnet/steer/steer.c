// SPDX-License-Identifier: Apache-2.0
//
// The steering programs: what the host's own stack must not see, and what the
// uplink's packet socket must see. doc.go tells the whole story.
//
// Every header is read relative to the network header, so the same code serves
// Ethernet devices and devices without a link header (tun, WireGuard), at the
// tc hook and in a packet socket's filter alike.

//go:build ignore

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define VLAN_VID_MASK 0x0fff

#define PORT_WORDS 1024 /* 65536 ports, 64 to a word */
#define PORT_PROTOCOLS 2 /* TCP, then UDP */

/* ports: one bit for each port that a flow holds, mapped by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PORT_WORDS * PORT_PROTOCOLS);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

/* outside: our outside addresses, network byte order. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} outside SEC(".maps");

struct prefix {
	__u32 bits;
	__be32 addr;
};

/* routed: the subnets whose guests are reached untranslated; 0 marks an address
 * in one of them that is the host's. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct prefix);
	__type(value, __u8);
} routed SEC(".maps");

struct datagram {
	__be32 saddr;
	__be32 daddr;
	__be16 id;
	__u16 protocol;
};

/* fragments: datagrams whose first fragment went to a held port. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct datagram);
	__type(value, __u8);
} fragments SEC(".maps");

/* A tagged frame belongs to a VLAN device above this one, which is steered on
 * its own; VID 0 only carries a priority. The host's stack judges likewise. */
static __always_inline int tagged(struct __sk_buff *skb)
{
	return skb->vlan_present && (skb->vlan_tci & VLAN_VID_MASK);
}

/* load reads the IPv4 header of a packet. */
static __always_inline int load(struct __sk_buff *skb, struct iphdr *ip)
{
	if (skb->protocol != bpf_htons(ETH_P_IP) || tagged(skb))
		return 0;
	if (bpf_skb_load_bytes_relative(skb, 0, ip, sizeof(*ip), BPF_HDR_START_NET))
		return 0;
	return ip->version == 4 && ip->ihl >= 5;
}

/* to_outside: the packet goes to an outside address. */
static __always_inline int to_outside(const struct iphdr *ip)
{
	return bpf_map_lookup_elem(&outside, &ip->daddr) != 0;
}

/* to_guest: the packet goes to a guest of a routed network. */
static __always_inline int to_guest(const struct iphdr *ip)
{
	struct prefix p = { .bits = 32, .addr = ip->daddr };
	__u8 *guest = bpf_map_lookup_elem(&routed, &p);

	return guest && *guest;
}

/* held: the bit of the packet's destination port; ip must be at offset 0. */
static __always_inline int held(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 word;
	__u64 *bits;
	__be16 dport;

	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return 0;
	if (bpf_skb_load_bytes_relative(skb, ip->ihl * 4 + 2, &dport, sizeof(dport),
					BPF_HDR_START_NET))
		return 0;
	word = bpf_ntohs(dport) / 64;
	if (ip->protocol == IPPROTO_UDP)
		word += PORT_WORDS;
	bits = bpf_map_lookup_elem(&ports, &word);
	return bits && (*bits >> (bpf_ntohs(dport) % 64) & 1);
}

/* tail: a later fragment, which shares the fate of the first. */
static __always_inline int tail(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_OFFSET);
}

SEC("tc")
int silence(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

SEC("tc")
int uplink(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct datagram d = {};
	__u8 one = 1;

	if (!load(skb, &ip))
		return TC_ACT_UNSPEC;
	if (!to_outside(&ip))
		return to_guest(&ip) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	d.saddr = ip.saddr;
	d.daddr = ip.daddr;
	d.id = ip.id;
	d.protocol = ip.protocol;
	if (tail(&ip))
		return bpf_map_lookup_elem(&fragments, &d) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	if (!held(skb, &ip)) {
		/* An identification used again must not take the host's own tails. */
		if (ip.frag_off & bpf_htons(IP_MF))
			bpf_map_delete_elem(&fragments, &d);
		return TC_ACT_UNSPEC;
	}
	if (ip.frag_off & bpf_htons(IP_MF))
		bpf_map_update_elem(&fragments, &d, &one, BPF_ANY);
	return TC_ACT_SHOT;
}

SEC("socket")
int uplink_socket(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (skb->pkt_type == PACKET_OUTGOING || skb->pkt_type == PACKET_OTHERHOST)
		return 0;
	if (!load(skb, &ip))
		return 0;
	if (!to_outside(&ip))
		return to_guest(&ip) ? -1 : 0;
	if (ip.protocol == IPPROTO_ICMP || (ip.frag_off & bpf_htons(IP_MF | IP_OFFSET)))
		return -1;
	return held(skb, &ip) ? -1 : 0;
}

char program_license[] SEC("license") = "Apache-2.0";
