package taphelper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"ubridge/internal/api"
)

// patience is how long a caller may take to ask, and to take the answer.
const patience = 5 * time.Second

// Tap is a tap that a caller gets. The server closes File once it has been sent.
type Tap struct {
	File *os.File
	Port string // device
}

// Maker makes a tap on a network for a peer, if it may have one. Its errors go to
// the caller.
type Maker func(ctx context.Context, peer api.Peer, r Request) (Tap, error)

// Listen makes the helper's socket, which everybody may connect to. A socket that
// nobody answers is replaced; Conflict if somebody does.
func Listen(path string) (*net.UnixListener, error) {
	addr := &net.UnixAddr{Net: network, Name: path}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("folder of the helper's socket: %w", err)
	}
	if c, err := net.DialUnix(network, nil, addr); err == nil {
		_ = c.Close() // it was only to see who answers
		return nil, api.Errorf(api.Conflict, "another ubridge answers on %s; stop it or use another --runtime-dir", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("stale socket: %w", err)
		}
	}
	l, err := net.ListenUnix(network, addr)
	if err != nil {
		return nil, fmt.Errorf("socket of the bridge helper (helper.enabled = false does without): %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		_ = l.Close() // the first error tells more
		return nil, fmt.Errorf("socket of the bridge helper: %w", err)
	}
	return l, nil
}

// network keeps records apart: a sender cannot make the reader wait for the rest
// of one.
const network = "unixpacket"

// Serve answers callers until ctx ends, closes l, and returns when the last
// caller has been answered.
func Serve(ctx context.Context, l *net.UnixListener, makeTap Maker, log *slog.Logger) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // Accept reports it
	defer l.Close()                                          // which may not have run yet when a caller is accepted meanwhile
	s := &server{makeTap: makeTap, log: log, limits: newLimits()}
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		c, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close() // too late to be answered
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			log.Warn("bridge helper: a caller is not heard", "err", err)
			time.Sleep(100 * time.Millisecond)
		case err != nil:
			return fmt.Errorf("socket of the bridge helper: %w", err)
		default:
			s.accept(ctx, c, &busy)
		}
	}
}

type server struct {
	makeTap Maker
	log     *slog.Logger
	limits  *limits
}

// accept serves a connection on a goroutine of its own, if its user may have one
// more.
func (s *server) accept(ctx context.Context, c *net.UnixConn, busy *sync.WaitGroup) {
	_ = c.SetDeadline(time.Now().Add(patience)) // a socket takes deadlines
	peer, err := api.Credentials(c)
	if err == nil {
		err = s.limits.enter(peer.UID, time.Now())
	}
	if err != nil {
		drain(c)
		s.answer(c, Tap{}, err)
		return
	}
	busy.Go(func() {
		defer s.limits.leave(peer.UID)
		tap, err := s.serve(ctx, c, peer)
		if err != nil {
			s.log.Info("bridge helper refuses", "uid", peer.UID, "pid", peer.PID, "err", err)
		}
		s.answer(c, tap, err)
	})
}

// drain takes a request that is there already: left unread, it would have the
// kernel report a reset to the caller in place of the answer.
func drain(c *net.UnixConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool {
		_, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_DONTWAIT)
		return true
	})
}

// serve reads a request and has it done.
func (s *server) serve(ctx context.Context, c *net.UnixConn, peer api.Peer) (Tap, error) {
	record := make([]byte, maxRecord+1)
	n, err := c.Read(record)
	if err != nil {
		return Tap{}, api.Errorf(api.Usage, "no request came: %v", err)
	}
	r, err := parseRequest(record[:n])
	if err != nil {
		return Tap{}, err
	}
	return s.makeTap(ctx, peer, r)
}

// answer sends the tap or the error, and closes both the connection and the
// daemon's descriptor: the tap lives by the caller's from here on.
func (s *server) answer(c *net.UnixConn, tap Tap, err error) {
	defer c.Close()
	a, rights := answer{Port: tap.Port}, []byte(nil)
	if err != nil {
		a = answer{Error: &api.Error{Code: api.CodeOf(err), Message: err.Error()}}
	} else {
		defer tap.File.Close()
		rights = syscall.UnixRights(int(tap.File.Fd()))
	}
	record, err := json.Marshal(a)
	if err != nil {
		s.log.Error("bridge helper: answer", "err", err)
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(patience)) // a socket takes deadlines
	if _, _, err := c.WriteMsgUnix(record, rights, nil); err != nil {
		s.log.Info("bridge helper: the caller went away", "port", tap.Port, "err", err)
	}
}
