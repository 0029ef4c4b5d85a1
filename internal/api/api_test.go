package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ubridge/internal/api"
	"ubridge/internal/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve puts b on a socket for the length of the test.
func serve(t *testing.T, b api.Backend) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "u.sock")
	l, err := api.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, l, b) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	return path
}

func client(t *testing.T, path string) *api.Client {
	t.Helper()
	c := api.NewClient(path)
	t.Cleanup(c.Close)
	return c
}

// Every call gives through the socket what it gives directly.
func TestClientIsTheBackend(t *testing.T) {
	ctx := t.Context()
	direct := apitest.New()
	remote := client(t, serve(t, apitest.New()))
	calls := map[string]func(api.Backend) (any, error){
		"networks":       func(b api.Backend) (any, error) { return b.Networks(ctx) },
		"network":        func(b api.Backend) (any, error) { return b.Network(ctx, "default") },
		"network none":   func(b api.Backend) (any, error) { return b.Network(ctx, "none") },
		"ports":          func(b api.Backend) (any, error) { return b.Ports(ctx, "") },
		"ports of":       func(b api.Backend) (any, error) { return b.Ports(ctx, "default") },
		"ports of none":  func(b api.Backend) (any, error) { return b.Ports(ctx, "a b/c?d") },
		"leases":         func(b api.Backend) (any, error) { return collect(b.Leases(ctx, "default")) },
		"leases of lab":  func(b api.Backend) (any, error) { return collect(b.Leases(ctx, "lab")) },
		"leases of none": func(b api.Backend) (any, error) { return collect(b.Leases(ctx, "none")) },
		"fdb":            func(b api.Backend) (any, error) { return collect(b.FDB(ctx, "")) },
		"flows":          func(b api.Backend) (any, error) { return collect(b.Flows(ctx, "")) },
		"doctor":         func(b api.Backend) (any, error) { return b.Doctor(ctx) },
		"uplink":         func(b api.Backend) (any, error) { return b.DoctorUplink(ctx, api.UplinkRequest{Device: "eth0"}) },
		"uplink probe": func(b api.Backend) (any, error) {
			return b.DoctorUplink(ctx, api.UplinkRequest{Device: "eth0", Probe: true})
		},
		"uplink none": func(b api.Backend) (any, error) {
			return b.DoctorUplink(ctx, api.UplinkRequest{Device: "e/?h"})
		},
		"status":       func(b api.Backend) (any, error) { return b.Status(ctx) },
		"start active": func(b api.Backend) (any, error) { return nil, b.Start(ctx, "default") },
		"stop none":    func(b api.Backend) (any, error) { return nil, b.Stop(ctx, "../x") },
		"restore none": func(b api.Backend) (any, error) { return b.Restore(ctx, "eth9") },
		"network dots": func(b api.Backend) (any, error) { return b.Network(ctx, "..") },
		"import taken": func(b api.Backend) (any, error) { return b.Import(ctx, api.ImportRequest{Name: "default"}) },
		"imports":      func(b api.Backend) (any, error) { return b.Imports(ctx) },
		"undo none":    func(b api.Backend) (any, error) { return nil, b.UndoImport(ctx, "default") },
		"delete none": func(b api.Backend) (any, error) {
			return nil, b.DeletePort(ctx, api.DeletePortRequest{Network: "default", Port: "x"})
		},
		"restart":         func(b api.Backend) (any, error) { return nil, b.Restart(ctx, "default") },
		"restart stopped": func(b api.Backend) (any, error) { return nil, b.Restart(ctx, "lab") },
		"definition":      func(b api.Backend) (any, error) { return b.Definition(ctx, "default") },
		"definition none": func(b api.Backend) (any, error) { return b.Definition(ctx, "none") },
		"events of none":  func(b api.Backend) (any, error) { return collect(b.Events(ctx, api.EventRequest{Network: "none"})) },
		"change":          func(b api.Backend) (any, error) { return b.Change(ctx, setMTU(true)) },
		"change to itself": func(b api.Backend) (any, error) {
			return b.Change(ctx, api.ChangeRequest{Network: "lab", Set: []string{"mtu="}})
		},
		"create existing": func(b api.Backend) (any, error) { return b.Create(ctx, api.CreateRequest{Name: "lab"}) },
		"define": func(b api.Backend) (any, error) {
			return b.Define(ctx, api.DefineRequest{Name: "n", TOML: "mtu = 1500\n"})
		},
		"define XML": func(b api.Backend) (any, error) {
			return b.Define(ctx, api.DefineRequest{File: "x.xml", XML: "<network><name>x</name><bridge stp='on'/><ip address='10.0.0.1'/></network>"})
		},
		"define bad XML": func(b api.Backend) (any, error) {
			return b.Define(ctx, api.DefineRequest{File: "x.xml", XML: "<network>"})
		},
		"dump":          func(b api.Backend) (any, error) { return b.DumpXML(ctx, "default", false) },
		"dump inactive": func(b api.Backend) (any, error) { return b.DumpXML(ctx, "default", true) },
		"dump none":     func(b api.Backend) (any, error) { return b.DumpXML(ctx, "none", false) },
		"define bad": func(b api.Backend) (any, error) {
			return b.Define(ctx, api.DefineRequest{Name: "n", TOML: "mode = 'isolated'"})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			want, wantErr := call(direct)
			got, gotErr := call(remote)
			if wantErr == nil {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
			if diff := cmp.Diff(wantErr, gotErr); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func setMTU(dry bool) api.ChangeRequest {
	return api.ChangeRequest{Network: "default", Set: []string{"mtu=9000"}, Live: true, Config: true, DryRun: dry}
}

// collect gives the elements, never nil, and the error.
func collect[T any](seq func(func(T, error) bool)) ([]T, error) {
	list := []T{}
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// A definition of the largest size passes, whatever JSON makes of its characters.
func TestLargestXMLPasses(t *testing.T) {
	c := client(t, serve(t, apitest.New()))
	doc := "<network><name>x</name><ip address='10.0.0.1'/><description>" + strings.Repeat("&lt;", 1<<18-64) + "</description></network>"
	if _, err := c.Define(t.Context(), api.DefineRequest{File: "x.xml", XML: doc}); err != nil {
		t.Error(err)
	}
	doc = "<network>" + strings.Repeat("<name/>", 1<<17) + "</network>"
	if _, err := c.Define(t.Context(), api.DefineRequest{File: "x.xml", XML: doc}); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Error(err)
	}
}

func TestChangesArriveWhole(t *testing.T) {
	b := apitest.New()
	c := client(t, serve(t, b))
	ctx := t.Context()
	create := api.CreateRequest{Name: "new", Mode: "nat", Subnet: "10.1.0.0/24", MTU: 9000, Domain: "d", Bridge: "br9"}
	define := api.DefineRequest{Name: "n2", TOML: "mtu = 1500 # \"ü\"\n"}
	add := api.AddPortRequest{Network: "new", Port: "vnet9", Owner: "joe", Group: "kvm", Queues: 4}
	if info, err := c.Create(ctx, create); err != nil || !info.Active {
		t.Fatal(info, err)
	}
	if _, err := c.Define(ctx, define); err != nil {
		t.Fatal(err)
	}
	if p, err := c.AddPort(ctx, add); err != nil || p.Queues != 4 {
		t.Fatal(p, err)
	}
	if err := c.DeletePort(ctx, api.DeletePortRequest{Network: "new", Port: "vnet9"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Stop(ctx, "new"), c.Start(ctx, "new"), c.Undefine(ctx, "new")); err != nil {
		t.Fatal(err)
	}
	update := api.ChangeRequest{
		Network: "new", Config: true, Since: "",
		Update: &api.Update{Command: "add", Section: "dns-host", Words: []string{"ip=192.0.2.1", "hostname=a"}},
	}
	if _, err := c.Change(ctx, update); err == nil {
		t.Error("a change of a network that is gone")
	}
	taken := api.ImportRequest{
		Name: "n3", TOML: "mtu = 1500\n", Kind: "libvirt", From: "default", Start: true, Replace: true, Undo: json.RawMessage(`{"a":1}`),
		Leases: []api.Lease{{MAC: "52:54:00:00:00:01", IP: "10.1.0.2", Hostname: "web", ClientID: "01", Expires: 7}},
	}
	if _, err := c.Import(ctx, taken); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Imports(ctx); err != nil || len(list) != 2 || string(list[1].Undo) != `{"a":1}` {
		t.Fatal(list, err)
	}
	if err := c.UndoImport(ctx, "n3"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{create, define, add, update, taken}, b.Requests); diff != "" {
		t.Error(diff)
	}
}

// Scripts index these without asking whether they are there.
func TestEmptyListsAreNotNull(t *testing.T) {
	for _, v := range []any{api.Network{}, api.NetworkInfo{}, api.Port{}, api.NetworkStatus{}} {
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), "null") {
			t.Errorf("%T: %s, %v", v, text, err)
		}
	}
}

func TestEmptyNameIsUsage(t *testing.T) {
	c := client(t, serve(t, apitest.New()))
	if err := c.Start(t.Context(), ""); api.CodeOf(err) != api.Usage {
		t.Errorf("start: %v", err)
	}
	if _, err := c.Network(t.Context(), ""); api.CodeOf(err) != api.Usage {
		t.Errorf("network: %v", err)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	exits := map[api.Code]int{api.Failed: 1, api.Conflict: 1, api.Usage: 2, api.NotFound: 3, api.Permission: 4, api.Unavailable: 5, "odd": 1}
	for code, exit := range exits {
		b := apitest.New()
		b.FlowError = fmt.Errorf("outer: %w", api.Errorf(code, "inner"))
		c := client(t, serve(t, onlyError{b}))
		_, err := c.Networks(t.Context())
		if err == nil || err.Error() != "outer: inner" || api.CodeOf(err) != code || api.CodeOf(err).ExitCode() != exit {
			t.Errorf("%s: got %v with code %s, exit %d", code, err, api.CodeOf(err), api.CodeOf(err).ExitCode())
		}
		if !errors.Is(err, &api.Error{Code: code}) {
			t.Errorf("%s: errors.Is fails", code)
		}
	}
	if api.CodeOf(errors.New("plain")) != api.Failed {
		t.Error("a plain error is no failure")
	}
}

type onlyError struct{ *apitest.Backend }

func (b onlyError) Networks(context.Context) ([]api.Network, error) { return nil, b.FlowError }

func TestStreamOfManyFlows(t *testing.T) {
	b := apitest.New()
	b.FlowCount = 100_000
	c := client(t, serve(t, b))
	list, err := collect(c.Flows(t.Context(), ""))
	if err != nil || len(list) != 100_002 || list[100_001].Inside != "10.0.0.1:99999" {
		t.Errorf("%d flows, %v", len(list), err)
	}
}

func TestStreamThatBreaksOff(t *testing.T) {
	b := apitest.New()
	b.FlowCount = 5000
	b.FlowError = api.Errorf(api.Conflict, "the network stopped")
	c := client(t, serve(t, b))
	n := 0
	var last error
	for _, err := range c.Flows(t.Context(), "") {
		n, last = n+1, err
	}
	if n != 5003 || api.CodeOf(last) != api.Conflict || last.Error() != "the network stopped" {
		t.Errorf("after %d elements: %v", n, last)
	}
}

// A consumer that stops early does not leave the server's iterator running:
// goleak and Serve's return see to that.
func TestStreamConsumerStopsEarly(t *testing.T) {
	b := apitest.New()
	b.FlowCount = 1 << 30
	c := client(t, serve(t, b))
	n := 0
	for _, err := range c.Flows(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			break
		}
	}
}

// The server stops although a client reads an endless list and another does
// not read at all.
func TestStopWithClientsInTheMiddle(t *testing.T) {
	b := apitest.New()
	b.FlowCount = 1 << 40
	path := filepath.Join(t.TempDir(), "u.sock")
	l, err := api.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served, read := make(chan error, 1), make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, b) }()
	mute, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	fmt.Fprint(mute, "GET /v1/flows HTTP/1.1\r\nHost: x\r\n\r\n")
	c := client(t, path)
	go func() {
		var last error
		for _, err := range c.Flows(t.Context(), "") {
			if last == nil && err == nil {
				stop() // the first flow is here
			}
			last = err
		}
		read <- last
	}()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := <-read; err == nil {
		t.Error("an endless list came to an end")
	}
}

func TestManyClients(t *testing.T) {
	b := apitest.New()
	b.FlowCount = 1000
	path := serve(t, b)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			c := api.NewClient(path)
			defer c.Close()
			name := fmt.Sprintf("n%d", i)
			if _, err := c.Create(t.Context(), api.CreateRequest{Name: name}); err != nil {
				t.Error(err)
			}
			if list, err := collect(c.Flows(t.Context(), "")); err != nil || len(list) != 1002 {
				t.Errorf("%d flows, %v", len(list), err)
			}
			if info, err := c.Network(t.Context(), name); err != nil || info.Name != name {
				t.Errorf("%v, %v", info.Name, err)
			}
		})
	}
	wg.Wait()
	if list, _ := b.Networks(t.Context()); len(list) != 66 {
		t.Errorf("%d networks", len(list))
	}
}

func TestBackendSeesThePeer(t *testing.T) {
	b := apitest.New()
	var got api.Peer
	b.Peer = func(p api.Peer) { got = p }
	c := client(t, serve(t, b))
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	groups, _ := os.Getgroups()
	if got.PID != os.Getpid() || got.UID != os.Getuid() || got.GID != os.Getgid() || len(got.Groups) != len(groups) {
		t.Errorf("peer %+v; groups %v", got, groups)
	}
}

func TestNoDaemon(t *testing.T) {
	c := client(t, filepath.Join(t.TempDir(), "none.sock"))
	_, err := c.Networks(t.Context())
	if api.CodeOf(err) != api.Unavailable || !strings.Contains(err.Error(), "start it: sudo ubridge run") {
		t.Errorf("got %v", err)
	}
	for _, err = range c.Flows(t.Context(), "") {
	}
	if api.CodeOf(err) != api.Unavailable {
		t.Errorf("flows: %v", err)
	}
}

func TestRequestBounds(t *testing.T) {
	path := serve(t, apitest.New())
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"unknown path", "GET", "/v2/x", "", 404, `"code":"not_found"`},
		{"unknown method", "PATCH", "/v1/networks", "", 404, `"code":"not_found"`},
		{"no JSON", "POST", "/v1/networks", "x", 400, `"code":"usage"`},
		{"unknown field", "POST", "/v1/networks", `{"name":"x","colour":1}`, 400, `colour`},
		{"large body", "POST", "/v1/networks", `{"name":"` + strings.Repeat("x", 3<<20) + `"}`, 400, `too large`},
		{"large header", "GET", "/v1/networks?" + strings.Repeat("x", 64<<10), "", 431, ""},
		{"list", "GET", "/v1/fdb?network=lab", "", 200, "[\n]\n"},
	}
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, "http://x"+tt.target, strings.NewReader(tt.body))
			res, err := hc.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.status || !strings.Contains(string(text), tt.want) {
				t.Errorf("got %d %s", res.StatusCode, text)
			}
		})
	}
}
