package bench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ubridge/bench"
	"ubridge/internal/testnet"
)

// The whole bench, as short as it can be. It fails rather than skips in CI:
// see testnet.Require.
func TestWholeBench(t *testing.T) {
	testnet.Require(t, "iperf3", "trafgen", "ping", "ethtool", "chrt", "taskset")
	dir := t.TempDir()
	var out, progress bytes.Buffer
	err := bench.Run(t.Context(), bench.Options{
		Only: "^(right|flood|rtt)$", Peers: []string{"ubridge"}, Rounds: 1, Seconds: 0.3,
		Self: testnet.Binary(t), Version: "test", Out: dir, Stdout: &out, Stderr: &progress,
	})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &progress)
	}
	var rep bench.Report
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err == nil {
		err = json.Unmarshal(text, &rep)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkShape(t, rep)
	if t.Failed() {
		t.Logf("%s\n%s", &out, &progress)
	}
	if _, err := os.Stat(filepath.Join(dir, "flood-kpps.png")); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "Flood of 64-byte frames") {
		t.Errorf("no table:\n%s", &out)
	}
}

// checkShape wants both peers in every table, with figures.
func checkShape(t *testing.T, rep bench.Report) {
	t.Helper()
	if len(rep.Scenarios) != 3 || rep.Machine.Congestion == "" || rep.Machine.Congestion == "bbr" || rep.Machine.Kernel == "" {
		t.Errorf("%d scenarios; %+v", len(rep.Scenarios), rep.Machine)
	}
	for _, s := range rep.Scenarios {
		if len(s.Tables) == 0 || len(s.Failed)+len(s.GaveUp) > 0 {
			t.Errorf("%s: %d tables, %v %v", s.Name, len(s.Tables), s.Failed, s.GaveUp)
		}
		for _, table := range s.Tables {
			if len(table.Rows) != 2 || table.Rows[0].Peer != "bridge" || table.Rows[1].Peer != "ubridge" {
				t.Errorf("%s %s: %+v", s.Name, table.Metric, table.Rows)
				continue
			}
			for _, row := range table.Rows {
				for i, c := range row.Cells {
					if c.Empty || len(c.Rounds) != 1 || c.Median < 0 {
						t.Errorf("%s %s, %s, %s: %+v", s.Name, table.Metric, row.Peer, table.Columns[i], c)
					}
				}
			}
		}
	}
}

// The daemon's packet sockets, the namespaces and the processes are gone after
// a run: nothing of the bench is left under its names.
func TestNothingIsLeft(t *testing.T) {
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Skip("no namespaces here at all")
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "ubnet-bench") && strings.Contains(e.Name(), "-"+strconv.Itoa(os.Getpid())+"-") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
