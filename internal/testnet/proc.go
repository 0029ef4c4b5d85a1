package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// How long a process has to obey SIGTERM, and how often its output is looked at.
const (
	stopGrace = 10 * time.Second
	pollEvery = 10 * time.Millisecond
)

// Proc is a background process. Its output goes to a file, not to a pipe: it
// cannot block on a reader, and it can outlive a lab that is kept.
type Proc struct {
	t    T
	name string
	cmd  *exec.Cmd
	out  string // path of the file with standard output and error
	done chan struct{}
	err  error // of cmd.Wait; read after done is closed
}

// ErrTimeout is wrapped by the errors of waits that took too long.
var ErrTimeout = errors.New("timed out")

// StartCmd starts cmd, whose standard output and error go to Proc.Output where
// they are not set. Its SysProcAttr is replaced. NS.Command makes commands that
// run in a namespace.
func (l *Lab) StartCmd(cmd *exec.Cmd) (*Proc, error) {
	p := &Proc{t: l.t, name: displayName(cmd.Args), cmd: cmd, done: make(chan struct{})}
	p.out = l.file("output")
	out, err := os.Create(p.out)
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", p, err)
	}
	defer out.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = out
	}
	if err := l.spawner.start(cmd, l.kept); err != nil {
		return nil, fmt.Errorf("start %s: %w", p, err)
	}
	go p.reap()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.procs = append(l.procs, p)
	return p, nil
}

func (p *Proc) reap() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// displayName leaves out the "ip netns exec NAME" in front.
func displayName(args []string) string {
	if len(args) > 4 && args[1] == "netns" && args[2] == "exec" {
		args = args[4:]
	}
	return strings.Join(args, " ")
}

// String returns the command line without the part that enters the namespace.
func (p *Proc) String() string { return p.name }

// Pid returns the process id: that of the command itself, since "ip netns
// exec" replaces itself by it.
func (p *Proc) Pid() int { return p.cmd.Process.Pid }

// Output returns what the process has written up to now.
func (p *Proc) Output() string {
	out, err := os.ReadFile(p.out)
	if err != nil {
		return fmt.Sprintf("(output of %s: %v)", p, err)
	}
	return string(out)
}

// OutputFile returns the path of the file that Output reads.
func (p *Proc) OutputFile() string { return p.out }

// Running reports whether the process has not ended yet.
func (p *Proc) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done returns a channel that is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process, at most d. It returns nil for exit
// code 0, an *exec.ExitError for another, and ErrTimeout when it still runs.
func (p *Proc) Wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		return fmt.Errorf("%s still runs after %v: %w", p, d, ErrTimeout)
	}
}

// Signal sends sig. A process that has ended already is no error.
func (p *Proc) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v to %s: %v", sig, p, err)
	}
}

// Stop asks the process to end by SIGTERM and waits. It returns what Wait
// returns; where the process does not obey within ten seconds it is killed.
func (p *Proc) Stop() error {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	err := p.Wait(stopGrace)
	if errors.Is(err, ErrTimeout) {
		p.Kill()
	}
	return err
}

// Kill ends the process by SIGKILL and waits until it is gone.
func (p *Proc) Kill() {
	p.t.Helper()
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// WaitFor waits until the output matches the regular expression and returns
// the match with its groups, as FindStringSubmatch. The test ends when that has
// not happened within d, or when the process ends without it.
func (p *Proc) WaitFor(expr string, d time.Duration) []string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	for deadline := time.Now().Add(d); ; time.Sleep(pollEvery) {
		ended := !p.Running() // before the last look, not after it
		if m := re.FindStringSubmatch(p.Output()); m != nil {
			return m
		}
		if ended {
			p.t.Fatalf("%s ended (%v) without writing %q; it wrote:\n%s", p, p.err, expr, p.Output())
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s has not written %q within %v; it wrote:\n%s", p, expr, d, p.Output())
		}
	}
}

// end is for clean-up: whatever is left stops, in order if it can.
func (p *Proc) end() {
	p.t.Helper()
	if !p.Running() {
		return
	}
	if err := p.Stop(); errors.Is(err, ErrTimeout) {
		p.t.Errorf("%s did not obey SIGTERM and was killed", p)
	}
}
