package testnet

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// protocol is the version in the ready line of test/guest/init, which
// describes the lines.
const protocol = "1"

// console is the host's end of a guest's serial line. One goroutine collects
// what arrives; the waits look at all of it since a given offset.
type console struct {
	in *os.File

	mu      sync.Mutex
	log     []byte
	changed chan struct{} // closed and replaced when log grows
	closed  bool          // QEMU has closed its end
}

var errConsoleClosed = errors.New("the guest is gone")

// newConsole takes both files over: in to write to, out to read from.
func newConsole(in, out *os.File) *console {
	c := &console{in: in, changed: make(chan struct{})}
	go c.collect(out)
	return c
}

func (c *console) collect(out *os.File) {
	defer c.in.Close()
	defer out.Close()
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		c.mu.Lock()
		c.log = append(c.log, buf[:n]...)
		c.closed = err != nil
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String returns all that the guest has written.
func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.log)
}

func (c *console) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.log)
}

// await returns the groups of re's first match after offset from. The match is
// not tried before marker is there: a long answer comes in many pieces.
func (c *console) await(ctx context.Context, from int, marker string, re *regexp.Regexp) ([][]byte, error) {
	for {
		c.mu.Lock()
		news, changed, closed := c.log[from:], c.changed, c.closed // only ever appended to
		c.mu.Unlock()
		var match [][]byte
		if bytes.Contains(news, []byte(marker)) {
			match = re.FindSubmatch(news)
		}
		switch {
		case match != nil:
			return match, nil
		case closed:
			return nil, errConsoleClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

var readyLine = regexp.MustCompile(`(?m)^@@ubridge ready (\S+) ([0-9.]+)\n`)

// ready waits until the guest takes commands; it returns the guest's own
// uptime then.
func (c *console) ready(ctx context.Context) (time.Duration, error) {
	match, err := c.await(ctx, 0, "@@ubridge ready", readyLine)
	if err != nil {
		return 0, err
	}
	if got := string(match[1]); got != protocol {
		return 0, fmt.Errorf("the guest image speaks protocol %s, this program %s: run test/guest/build", got, protocol)
	}
	seconds, err := strconv.ParseFloat(string(match[2]), 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// send writes the line that has a script run, for at least a second.
func (c *console) send(id int, script string, limit time.Duration) error {
	seconds := max(1, int(limit/time.Second))
	_, err := fmt.Fprintf(c.in, "%d %d %s\n", id, seconds, base64.StdEncoding.EncodeToString([]byte(script)))
	return err
}

// run sends one script and returns its output and exit code.
func (c *console) run(ctx context.Context, id int, script string, limit time.Duration) (string, int, error) {
	from := c.len()
	if err := c.send(id, script, limit); err != nil {
		return "", 0, err
	}
	match, err := c.await(ctx, from, fmt.Sprintf("@@ubridge end %d ", id), answer(id))
	if err != nil {
		return "", 0, err
	}
	code, err := strconv.Atoi(string(match[2]))
	if err != nil {
		return "", 0, err
	}
	output, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(match[1])))
	return string(output), code, err
}

// answer matches all of an answer, to the end of its last line; its number keeps a late one apart.
func answer(id int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`(?m)^@@ubridge begin %d\n([A-Za-z0-9+/=\n]*)^@@ubridge end %d (\d+)\n`, id, id))
}
