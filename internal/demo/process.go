package demo

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// start starts a child of the tour.
func (t *tour) start(cmd *exec.Cmd) *testnet.Proc {
	p, err := t.lab.StartCmd(cmd)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.children = append(t.children, p)
	return p
}

// said waits until a child has written a text.
func (t *tour) said(p *testnet.Proc, text string) {
	t.eventually(10*time.Second, p.String()+" is ready", func() error {
		switch out := p.Output(); {
		case strings.Contains(out, text):
			return nil
		case !p.Running():
			t.Fatalf("%s ended: %s", p, tail(out, 5))
			return nil
		default:
			return errors.New("it has not said so")
		}
	})
}

// stop ends a child in order; one that was never started is fine.
func (t *tour) stop(what string, p *testnet.Proc) {
	if p == nil {
		return
	}
	if err := p.Stop(); err != nil {
		t.Fatalf("%s did not stop cleanly: %v\n%s", what, err, tail(p.Output(), 10))
	}
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) > lines {
		all = append([]string{fmt.Sprintf("(%d lines before)", len(all)-lines)}, all[len(all)-lines:]...)
	}
	return strings.Join(all, "\n")
}
