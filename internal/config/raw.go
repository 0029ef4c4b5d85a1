package config

// The raw structs mirror the files. Pointers tell a key that was left out from
// one that holds the zero value.

type rawNetwork struct {
	Mode       *string  `toml:"mode,omitempty"`
	Bridge     *string  `toml:"bridge,omitempty"`
	MAC        *string  `toml:"mac,omitempty"`
	Address    *string  `toml:"address,omitempty"`
	Uplink     *string  `toml:"uplink,omitempty"`
	Isolated   *bool    `toml:"isolated_ports,omitempty"`
	MTU        *int64   `toml:"mtu,omitempty"`
	Domain     *string  `toml:"domain,omitempty"`
	UUID       *string  `toml:"uuid,omitempty"`
	Autostart  *bool    `toml:"autostart,omitempty"`
	Ageing     *string  `toml:"ageing,omitempty"`
	Stations   *int64   `toml:"stations,omitempty"`
	LearnLimit *int64   `toml:"learn_limit,omitempty"`
	Ports      []string `toml:"ports,omitempty"`
	Forward    []string `toml:"group_forward,omitempty"`
	Adopt      []string `toml:"adopt,omitempty"`
	AdoptMACs  []string `toml:"adopt_macs,omitempty"`
	FastPath   *string  `toml:"fastpath,omitempty"`
	DHCP       rawDHCP  `toml:"dhcp,omitempty"`
	DNS        rawDNS   `toml:"dns,omitempty"`
	NAT        rawNAT   `toml:"nat,omitempty"`

	Libvirt rawLibvirt `toml:"libvirt,omitempty"`
}

type rawDHCP struct {
	Enabled   *bool         `toml:"enabled,omitempty"`
	Ranges    []string      `toml:"ranges,omitempty"`
	Reserved  *bool         `toml:"reserved_only,omitempty"`
	Boot      *string       `toml:"boot_file,omitempty"`
	From      *string       `toml:"boot_server,omitempty"`
	LeaseTime *string       `toml:"lease_time,omitempty"`
	Hosts     []rawDHCPHost `toml:"hosts,omitempty"`
}

type rawDHCPHost struct {
	MAC      *string `toml:"mac,omitempty"`
	ClientID *string `toml:"client_id,omitempty"`
	IP       *string `toml:"ip,omitempty"`
	Name     *string `toml:"name,omitempty"`
	Lease    *string `toml:"lease_time,omitempty"`
}

type rawDNS struct {
	Enabled   *bool        `toml:"enabled,omitempty"`
	Upstreams []string     `toml:"upstreams,omitempty"`
	LocalOnly *bool        `toml:"local_only,omitempty"`
	Hosts     []rawDNSHost `toml:"hosts,omitempty"`

	LocalPlain *bool           `toml:"local_plain_names,omitempty"`
	Domains    []rawDNSDomain  `toml:"domains,omitempty"`
	Texts      []rawDNSText    `toml:"txt,omitempty"`
	Services   []rawDNSService `toml:"srv,omitempty"`
}

type rawDNSDomain struct {
	Name      *string  `toml:"name,omitempty"`
	Upstreams []string `toml:"upstreams,omitempty"`
}

type rawDNSText struct {
	Name  *string `toml:"name,omitempty"`
	Value *string `toml:"value,omitempty"`
}

type rawDNSService struct {
	Service  *string `toml:"service,omitempty"`
	Protocol *string `toml:"protocol,omitempty"`
	Domain   *string `toml:"domain,omitempty"`
	Target   *string `toml:"target,omitempty"`
	Port     *int64  `toml:"port,omitempty"`
	Priority *int64  `toml:"priority,omitempty"`
	Weight   *int64  `toml:"weight,omitempty"`
}

type rawDNSHost struct {
	IP    *string  `toml:"ip,omitempty"`
	Names []string `toml:"names,omitempty"`
}

type rawNAT struct {
	Egress []string `toml:"egress,omitempty"`
	Ports  *string  `toml:"ports,omitempty"`
}

type rawLibvirt struct {
	Kept []string `toml:"kept,omitempty,multiline"`
}

type rawDaemon struct {
	LogLevel    *string      `toml:"log_level,omitempty"`
	StateDir    *string      `toml:"state_dir,omitempty"`
	RuntimeDir  *string      `toml:"runtime_dir,omitempty"`
	Socket      *string      `toml:"socket,omitempty"`
	SocketGroup *string      `toml:"socket_group,omitempty"`
	NetworksDir *string      `toml:"networks_dir,omitempty"`
	Steering    *string      `toml:"steering,omitempty"`
	FastPath    *string      `toml:"fastpath,omitempty"`
	Workers     *int64       `toml:"workers,omitempty"`
	WorkerCPUs  []int64      `toml:"worker_cpus,omitempty"`
	Realtime    *bool        `toml:"worker_realtime,omitempty"`
	NAT         rawDaemonNAT `toml:"nat,omitempty"`
	Helper      rawHelper    `toml:"helper,omitempty"`
	Libvirt     rawStatus    `toml:"libvirt,omitempty"`
}

type rawDaemonNAT struct {
	Sessions *int64 `toml:"sessions,omitempty"`
}

type rawHelper struct {
	Enabled *bool   `toml:"enabled,omitempty"`
	ACL     *string `toml:"acl,omitempty"`
	Taps    *int64  `toml:"taps_per_user,omitempty"`
}

type rawStatus struct {
	StatusDir *string `toml:"status_dir,omitempty"`
}
