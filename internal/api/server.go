package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of a request and of patience.
const (
	maxHeader = 16 << 10 // bytes
	maxBody   = 2 << 20  // bytes: the largest definition, escaped
	headTime  = 10 * time.Second
	bodyTime  = 30 * time.Second
	writeTime = 30 * time.Second // for each piece of an answer
	idleTime  = 2 * time.Minute
	graceTime = 2 * time.Second // for requests under way when the daemon stops
)

// Serve answers requests on l until ctx ends, then gives the requests under way
// a moment before it cancels them, and closes l. It returns nil after such an
// end, and the Backend is not in use any more.
func Serve(ctx context.Context, l *Listener, b Backend) error {
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cut()
	s := &http.Server{
		Handler:           counted(&busy, newHandler(b, l.group)),
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headTime,
		IdleTimeout:       idleTime,
		BaseContext:       func(net.Listener) context.Context { return life },
		ConnContext:       withCredentials,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(stopped); shutdown(s, cut) })
	err := s.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	_ = s.Close() // the listener failed; its error tells more
	return fmt.Errorf("control socket: %w", err)
}

// shutdown waits for the requests under way, cuts off those that take too long.
func shutdown(s *http.Server, cut func()) {
	grace, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	if s.Shutdown(grace) != nil {
		cut()
		_ = s.Close() // nothing is left to be said to them
	}
}

// counted lets Serve wait for the handlers, which Server.Close does not.
func counted(busy *sync.WaitGroup, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		busy.Add(1)
		defer busy.Done()
		h.ServeHTTP(w, r)
	})
}

// withCredentials notes who is at the other end. Without credentials there is
// no peer in the context, and changes are refused.
func withCredentials(ctx context.Context, c net.Conn) context.Context {
	p, err := Credentials(c)
	if err != nil {
		slog.Warn("control socket: peer unknown", "error", err)
		return ctx
	}
	return WithPeer(ctx, p)
}

// call is what a handler does; its result is sent as JSON, nil as no content.
type call func(r *http.Request) (any, error)

type handler struct {
	backend Backend
	group   int
}

func newHandler(b Backend, group int) http.Handler {
	h := &handler{backend: b, group: group}
	mux := http.NewServeMux()
	read := func(pattern string, c call) { mux.HandleFunc("GET "+pattern, answer(c)) }
	change := func(pattern string, c call) { mux.HandleFunc(pattern, answer(h.guarded(c))) }

	read("/v1/networks", h.networks)
	read("/v1/networks/{network}", h.network)
	read("/v1/imports", h.imports)
	read("/v1/networks/{network}/xml", h.dumpXML)
	read("/v1/networks/{network}/definition", h.definition)
	read("/v1/ports", h.ports)
	read("/v1/doctor", h.doctor)
	read("/v1/doctor/{device}", h.doctorUplink)
	read("/v1/status", h.status)
	mux.HandleFunc("GET /v1/leases", stream(b.Leases))
	mux.HandleFunc("GET /v1/fdb", stream(b.FDB))
	mux.HandleFunc("GET /v1/flows", stream(b.Flows))
	mux.HandleFunc("GET /v1/events", h.events)

	change("POST /v1/networks", h.create)
	change("PUT /v1/networks/{network}", h.define)
	change("POST /v1/definitions", h.defineXML)
	change("DELETE /v1/networks/{network}", h.undefine)
	change("POST /v1/networks/{network}/start", h.start)
	change("POST /v1/networks/{network}/stop", h.stop)
	change("POST /v1/nics/{nic}/restore", h.restore)
	change("POST /v1/networks/{network}/restart", h.restart)
	change("PATCH /v1/networks/{network}", h.change)
	change("POST /v1/networks/{network}/import", h.importNetwork)
	change("DELETE /v1/networks/{network}/import", h.undoImport)
	change("POST /v1/networks/{network}/ports", h.addPort)
	change("DELETE /v1/networks/{network}/ports/{port}", h.deletePort)
	change("POST /v1/doctor/{device}", h.doctorUplink)

	change("POST /v1/guests", h.guestStarted)

	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, Errorf(NotFound, "%s %s: this daemon has no such request; are both of one version?", r.Method, r.URL.Path))
	})
	return mux
}

// guarded refuses a change by somebody who may not make it.
func (h *handler) guarded(c call) call {
	return func(r *http.Request) (any, error) {
		if p, known := PeerOf(r.Context()); !known || !mayChange(p, h.group) {
			return nil, Errorf(Permission, "changes need root or the socket's group; use sudo")
		}
		return c(r)
	}
}

// answer sends a call's result. A change may take as long as it needs.
func answer(c call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := readBody(w, r); err != nil {
			fail(w, err)
			return
		}
		result, err := c(r)
		if err != nil {
			fail(w, err)
			return
		}
		extend(w)
		if result == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // fails only when the client is gone
	}
}

// envelope is an error on the wire.
type envelope struct {
	Error *Error `json:"error"`
}

func fail(w http.ResponseWriter, err error) {
	e := asError(err)
	extend(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Code.status())
	_ = json.NewEncoder(w).Encode(envelope{e}) // fails only when the client is gone
}

// extend gives the next piece of an answer its time.
func extend(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime)) // a recorder in tests has none
}

// readBody takes the body in before anything is done, so that a slow client
// holds up itself alone. The deadline is for the body only: one that passed
// while a change is under way would cancel the change.
func readBody(w http.ResponseWriter, r *http.Request) error {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime)) // a recorder in tests has none
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return Errorf(Usage, "request: %v", err)
	}
	_ = rc.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// body reads a request's JSON; a field that this daemon does not know is refused
// rather than passed over.
func body(r *http.Request, to any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return Errorf(Usage, "request: %v", err)
	}
	return nil
}
