package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// events answers with one JSON object a line, each sent when it happens. It
// begins with an empty line, which tells the client that it is subscribed. A
// client that reads slowly holds up this request alone: the Backend drops what it
// has no room for, and counts it.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	q := r.URL.Query()
	next, stop := iter.Pull2(h.backend.Events(ctx, EventRequest{Network: q.Get("network"), Type: q.Get("type")}))
	defer stop()
	// The Backend subscribes when it is first asked, and then gives the zero Event.
	if _, err, more := next(); err != nil || !more {
		fail(w, orEnded(err))
		return
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // a recorder in tests has none
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	if _, err := io.WriteString(w, "\n"); err != nil || rc.Flush() != nil {
		return // the client is gone
	}
	for {
		e, err, more := next()
		if err != nil || !more {
			return
		}
		if out.Encode(e) != nil || rc.Flush() != nil {
			return // the client is gone
		}
	}
}

// errStopped is why a stream of events ended.
var errStopped = Errorf(Unavailable, "the daemon has stopped")

func orEnded(err error) error {
	if err == nil {
		return errStopped
	}
	return err
}

// Events implements Backend. The first element is the zero Event: the daemon has
// taken the subscription.
func (c *Client) Events(ctx context.Context, r EventRequest) iter.Seq2[Event, error] {
	path := "/v1/events?" + url.Values{"network": {r.Network}, "type": {r.Type}}.Encode()
	return func(yield func(Event, error) bool) {
		res, err := c.send(ctx, http.MethodGet, path, nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		for {
			e, err := readEvent(in)
			if ctx.Err() != nil {
				return // the end that was asked for
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func readEvent(in *bufio.Reader) (e Event, err error) {
	line, err := in.ReadBytes('\n')
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return e, errStopped
	}
	if err != nil || len(line) == 1 {
		return e, err
	}
	return e, json.Unmarshal(line, &e)
}
