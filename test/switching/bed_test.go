package switching

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

// bed is a daemon in a namespace of its own, with one network: default,
// 192.168.122.1/24 on ubr0.
type bed struct {
	t      *testing.T
	lab    *testnet.Lab
	host   *testnet.NS
	daemon *testnet.Proc
	binary string
	dir    string
	guests int
}

// newBed starts a daemon; extra is added to the network's definition.
func newBed(t *testing.T, extra string) *bed {
	t.Helper()
	testnet.Require(t, "iperf3", "udhcpc", "ethtool")
	b := &bed{t: t, lab: testnet.New(t, "sw"), binary: testnet.Binary(t)}
	b.host = b.lab.NS("host")
	b.dir = filepath.Join(b.lab.Dir(), "ubridge")
	b.write("ubridge.toml", "log_level = 'debug'\n")
	b.write("networks.d/default.toml", "address = '192.168.122.1/24'\n"+extra)
	b.daemon = b.host.Start(b.binary, "run", "--config", b.dir+"/ubridge.toml",
		"--state-dir", b.dir+"/state", "--runtime-dir", b.dir+"/run")
	b.lab.Eventually(20*time.Second, "the daemon answers", func() error {
		var nets []api.Network
		if err := b.tryJSON(&nets, "net", "list"); err != nil {
			return err
		}
		if len(nets) != 1 || !nets[0].Active {
			return fmt.Errorf("networks %+v\n%s", nets, b.daemon.Output())
		}
		return nil
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("daemon:\n%s", b.daemon.Output())
			t.Logf("ports:\n%s", first(b.host.Try(b.cli("port", "list")...)))
		}
	})
	return b
}

func first[A, B any](a A, _ B) A { return a }

func (b *bed) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// cli is a command line of ours that talks to the bed's daemon.
func (b *bed) cli(args ...string) []string {
	return append([]string{b.binary, "--socket", b.dir + "/run/ubridge.sock"}, args...)
}

// tryJSON reads the list that a verb prints.
func (b *bed) tryJSON(list any, args ...string) error {
	out, err := b.host.Try(b.cli(append(args, "--json")...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), list)
}

// readJSON is tryJSON that ends the test.
func (b *bed) readJSON(list any, args ...string) {
	b.t.Helper()
	if err := b.tryJSON(list, args...); err != nil {
		b.t.Fatal(err)
	}
}

// port is the port's line in `port list`.
func (b *bed) port(name string) api.Port {
	b.t.Helper()
	var list []api.Port
	b.readJSON(&list, "port", "list", "default")
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	b.t.Fatalf("no port %s in %+v", name, list)
	return api.Port{}
}

// stations maps addresses of `fdb default` to their lines, static ones left out.
func (b *bed) stations() map[string]api.Station {
	b.t.Helper()
	var list []api.Station
	b.readJSON(&list, "fdb", "default")
	learned := map[string]api.Station{}
	for _, s := range list {
		if !s.Static {
			learned[s.MAC] = s
		}
	}
	return learned
}

// alive ends the test when the daemon has died, or when a guest no longer gets
// an address and an answer from it.
func (b *bed) alive(g *guest) {
	b.t.Helper()
	if !b.daemon.Running() {
		b.t.Fatalf("the daemon has ended:\n%s", b.daemon.Output())
	}
	b.lab.Eventually(20*time.Second, "a lease after all that", func() error {
		_, err := g.ns.Try("udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", "/bin/true")
		return err
	})
	b.lab.Eventually(20*time.Second, "the gateway answers", func() error {
		_, err := g.ns.Try("ping", "-c", "1", "-W", "1", "192.168.122.1")
		return err
	})
}
