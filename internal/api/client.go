package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Client asks a daemon. It is a Backend; its errors are *Error wherever the
// daemon or the socket gives a reason.
type Client struct {
	path string
	http *http.Client
}

var _ Backend = (*Client)(nil)

// NewClient makes a client of the daemon on the socket at path. It connects
// with the first request: Unavailable if no daemon is there, Permission if the
// caller may not use the socket.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close drops the connections that are kept for further requests.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Networks implements Backend.
func (c *Client) Networks(ctx context.Context) (list []Network, err error) {
	return list, c.do(ctx, http.MethodGet, "/v1/networks", nil, &list)
}

// Network implements Backend.
func (c *Client) Network(ctx context.Context, network string) (info NetworkInfo, err error) {
	return info, c.do(ctx, http.MethodGet, networkPath(network), nil, &info)
}

// Create implements Backend.
func (c *Client) Create(ctx context.Context, r CreateRequest) (info NetworkInfo, err error) {
	return info, c.do(ctx, http.MethodPost, "/v1/networks", r, &info)
}

// Define implements Backend.
func (c *Client) Define(ctx context.Context, r DefineRequest) (info NetworkInfo, err error) {
	if r.XML != "" {
		return info, c.do(ctx, http.MethodPost, "/v1/definitions", r, &info)
	}
	return info, c.do(ctx, http.MethodPut, networkPath(r.Name), r, &info)
}

// DumpXML implements Backend.
func (c *Client) DumpXML(ctx context.Context, network string, inactive bool) (xml string, err error) {
	path := networkPath(network, "xml")
	if inactive {
		path += "?inactive=true"
	}
	return xml, c.do(ctx, http.MethodGet, path, nil, &xml)
}

// Undefine implements Backend.
func (c *Client) Undefine(ctx context.Context, network string) error {
	return c.do(ctx, http.MethodDelete, networkPath(network), nil, nil)
}

// Start implements Backend.
func (c *Client) Start(ctx context.Context, network string) error {
	return c.do(ctx, http.MethodPost, networkPath(network, "start"), nil, nil)
}

// Stop implements Backend.
func (c *Client) Stop(ctx context.Context, network string) error {
	return c.do(ctx, http.MethodPost, networkPath(network, "stop"), nil, nil)
}

// Restore implements Backend.
func (c *Client) Restore(ctx context.Context, nic string) (r Restored, err error) {
	return r, c.do(ctx, http.MethodPost, pathOf("/v1/nics", nic, "restore"), nil, &r)
}

// Restart implements Backend.
func (c *Client) Restart(ctx context.Context, network string) error {
	return c.do(ctx, http.MethodPost, networkPath(network, "restart"), nil, nil)
}

// Change implements Backend.
func (c *Client) Change(ctx context.Context, r ChangeRequest) (res ChangeResult, err error) {
	return res, c.do(ctx, http.MethodPatch, networkPath(r.Network), r, &res)
}

// Definition implements Backend.
func (c *Client) Definition(ctx context.Context, network string) (d Definition, err error) {
	return d, c.do(ctx, http.MethodGet, networkPath(network, "definition"), nil, &d)
}

// AddPort implements Backend.
func (c *Client) AddPort(ctx context.Context, r AddPortRequest) (p Port, err error) {
	return p, c.do(ctx, http.MethodPost, networkPath(r.Network, "ports"), r, &p)
}

// DeletePort implements Backend.
func (c *Client) DeletePort(ctx context.Context, r DeletePortRequest) error {
	return c.do(ctx, http.MethodDelete, networkPath(r.Network, "ports", r.Port), nil, nil)
}

// Ports implements Backend.
func (c *Client) Ports(ctx context.Context, network string) (list []Port, err error) {
	return list, c.do(ctx, http.MethodGet, listPath("ports", network), nil, &list)
}

// Leases implements Backend.
func (c *Client) Leases(ctx context.Context, network string) iter.Seq2[Lease, error] {
	return each[Lease](ctx, c, listPath("leases", network))
}

// FDB implements Backend.
func (c *Client) FDB(ctx context.Context, network string) iter.Seq2[Station, error] {
	return each[Station](ctx, c, listPath("fdb", network))
}

// Flows implements Backend.
func (c *Client) Flows(ctx context.Context, network string) iter.Seq2[Flow, error] {
	return each[Flow](ctx, c, listPath("flows", network))
}

// Doctor implements Backend.
func (c *Client) Doctor(ctx context.Context) (list []Check, err error) {
	return list, c.do(ctx, http.MethodGet, "/v1/doctor", nil, &list)
}

// DoctorUplink implements Backend.
func (c *Client) DoctorUplink(ctx context.Context, r UplinkRequest) (list []Check, err error) {
	method := http.MethodGet
	if r.Probe {
		method = http.MethodPost
	}
	return list, c.do(ctx, method, pathOf("/v1/doctor", r.Device), nil, &list)
}

// Status implements Backend.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

func networkPath(elements ...string) string { return pathOf("/v1/networks", elements...) }

func pathOf(path string, elements ...string) string {
	for _, e := range elements {
		e = url.PathEscape(e)
		if strings.Trim(e, ".") == "" {
			e = strings.ReplaceAll(e, ".", "%2E") // "." and ".." are names here, not steps
		}
		path += "/" + e
	}
	return path
}

func listPath(list, network string) string {
	if network == "" {
		return "/v1/" + list
	}
	return "/v1/" + list + "?network=" + url.QueryEscape(network)
}

// do sends in as JSON, if there is any, and reads the answer to out.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	res, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("answer of the daemon: %w", err)
	}
	return nil
}

// each asks when the sequence is first read.
func each[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		res, err := c.send(ctx, http.MethodGet, path, nil)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		elements[T](res)(yield)
	}
}

// send gives the answer if it is no error.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	if strings.Contains(path, "//") || strings.HasSuffix(path, "/") {
		return nil, Errorf(Usage, "a name is empty; give one")
	}
	var text io.Reader
	if in != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // XML would be six times as long
		if err := e.Encode(in); err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		text = &b
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://ubridge"+path, text)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	var said envelope
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&said); err != nil || said.Error == nil {
		return nil, Errorf(Failed, "the daemon answered %s", res.Status)
	}
	return nil, said.Error
}

// unreachable says why no answer came, and what to do.
func (c *Client) unreachable(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err // without the made-up URL
	}
	op, dialled := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrPermission):
		return Errorf(Permission, "no permission for %s; use sudo, or join the socket's group: sudo usermod -aG ubridge $USER", c.path)
	case dialled && op.Op == "dial":
		return Errorf(Unavailable, "no daemon answers on %s; start it: sudo ubridge run", c.path)
	}
	return Errorf(Unavailable, "the daemon on %s went away: %v; see its log", c.path, err)
}
