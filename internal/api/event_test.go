package api_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/api/apitest"
)

// Events come one by one while the stream stays open, the zero one first.
func TestEventsComeWhenTheyHappen(t *testing.T) {
	c := client(t, serve(t, apitest.New()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []api.Event
	for e, err := range c.Events(ctx, api.EventRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e); len(got) == 4 {
			cancel() // the fake has no more
		}
	}
	if len(got) != 4 || got[0] != (api.Event{}) || got[1].Event != "started" || got[3].Lost != 7 {
		t.Errorf("%+v", got)
	}
	for e, err := range c.Events(t.Context(), api.EventRequest{Network: "default", Type: api.EventPort}) {
		if err != nil || e.Type != "" && e.Port != "vnet0" {
			t.Fatalf("%+v, %v", e, err)
		}
		if e.Type != "" {
			break
		}
	}
}

// A daemon that stops ends the stream with an error that says so.
func TestEventsEndWithTheDaemon(t *testing.T) {
	b := &ending{Backend: apitest.New(), end: make(chan struct{})}
	c := client(t, serve(t, b))
	var last error
	for e, err := range c.Events(t.Context(), api.EventRequest{}) {
		if last = err; err == nil && e.Type != "" {
			close(b.end)
		}
	}
	if api.CodeOf(last) != api.Unavailable {
		t.Errorf("the stream ended with %v", last)
	}
}

// ending is a Backend whose events end.
type ending struct {
	*apitest.Backend
	end chan struct{}
}

func (b *ending) Events(ctx context.Context, _ api.EventRequest) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		if !yield(api.Event{}, nil) || !yield(api.Event{Type: api.EventLifecycle, Network: "n", Event: "stopped"}, nil) {
			return
		}
		select {
		case <-b.end:
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
	}
}
