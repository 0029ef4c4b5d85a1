// SPDX-License-Identifier: Apache-2.0
//
// What the programs and the daemon tell one another.

#define SEND_MARK 0x756272 /* "ubr"; sendMark of the daemon */
#define SHARE_MARK 0x756273 /* "ubs"; ShareMark of package steer */

/* What a port is. */
enum {
	PORT_UPLINK = 1, /* flows come in there; with no other flag it is no member of a network */
	PORT_HOST = 2, /* leads to the host's stack */
	PORT_NIC = 4, /* a NIC that guests share with the host */
	PORT_HELPER = 8, /* stands for the host beside such a NIC */
};

struct port {
	__u32 beside; /* of NIC and helper: the other one's interface index */
	__u16 network;
	__u16 index; /* of its counters */
	__u16 uplink; /* of the counters of the flows that come in there */
	__u16 floor; /* the smallest MTU of the network's ports */
	__u16 echo; /* of the helper: tc_index of what is handed to the host */
	__u16 slow; /* of the NIC: its filter in `slow` */
	__u8 group; /* split-horizon group, 0 for none */
	__u8 flags;
	__u16 pad;
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
	STATION_HELD = 2, /* what would be sent on for it is dropped, until what user space has of it is out */
	STATION_BEYOND = 4, /* another one behind the host's port, which what is sent there does not reach */
	STATION_STACK = 8, /* the host beside a shared NIC, behind the helper */
	STATION_MOVED = 16, /* heard elsewhere since the daemon died */
};

struct station {
	struct address who; /* first: see known */
	__u32 ifindex; /* of the device that it is behind */
	__u16 index; /* of that port's counters */
	__u8 group;
	__u8 flags;
	__u32 seen; /* when it sent last: CLOCK_MONOTONIC, 2^30 ns */
	__u32 mark; /* SO_MARK of what is sent to it */
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
	ALIVE, /* until when the daemon is taken to live: CLOCK_MONOTONIC, 2^30 ns */
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

/* slow: the filters that uplinks' sockets, and those of shared NICs, would have without
 * a fast path. What it does not take is theirs to judge. */
enum {
	SLOW_UPLINK,
	SLOW_NIC, /* and behind it those of more NICs */
	SLOW_FILTERS = 1024
};

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
	TO_STACK, /* to the stack of the host that shares its NIC */
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
	__u32 mark; /* what it bears: SO_MARK, or tc_index to the host's stack */
	__u32 again; /* it was decided on a moment ago */
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
	__u32 out, mark;
	__u16 index_in, index_out;
	__u16 floor; /* of the sender's port */
	__u16 act;
};

#define RECENT 256

/* recents: by a hash of the pair. One that is found spares three searches. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECENT);
	__type(key, __u32);
	__type(value, struct recent);
} recents SEC(".maps");

