package taphelper

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"ubridge/internal/api"
)

// answerTime is how long the daemon may take.
const answerTime = 30 * time.Second

// Ask asks the daemon behind a socket for a tap. The error is the daemon's, or
// Unavailable where there is none.
func Ask(ctx context.Context, socket string, r Request) (Tap, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return Tap{}, api.Errorf(api.Unavailable, "no daemon answers on %s; start it: sudo ubridge run", socket)
	case errors.Is(err, fs.ErrPermission):
		return Tap{}, api.Errorf(api.Permission, "no permission for %s: the folders above it must be open to you", socket)
	case err != nil:
		return Tap{}, api.Errorf(api.Unavailable, "%v", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(answerTime)) // a socket takes deadlines
	record, err := json.Marshal(r)
	if err != nil {
		return Tap{}, err
	}
	if _, err := conn.Write(record); err != nil && !errors.Is(err, syscall.EPIPE) { // refused before it was read: the answer tells
		return Tap{}, api.Errorf(api.Unavailable, "the daemon on %s went away: %v", socket, err)
	}
	return receive(conn.(*net.UnixConn), socket)
}

// receive reads the answer and the descriptor that comes with it.
func receive(conn *net.UnixConn, socket string) (Tap, error) {
	record, oob := make([]byte, maxRecord), make([]byte, syscall.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(record, oob)
	if err != nil {
		return Tap{}, api.Errorf(api.Unavailable, "the daemon on %s went away: %v", socket, err)
	}
	var a answer
	if err := json.Unmarshal(record[:n], &a); err != nil {
		return Tap{}, api.Errorf(api.Failed, "answer of the daemon: %v", err)
	}
	if a.Error != nil {
		return Tap{}, a.Error
	}
	fd, err := oneDescriptor(oob[:oobn])
	if err != nil {
		return Tap{}, api.Errorf(api.Failed, "answer of the daemon: %v", err)
	}
	return Tap{File: os.NewFile(uintptr(fd), a.Port), Port: a.Port}, nil
}

// oneDescriptor reads the descriptor out of control messages.
func oneDescriptor(oob []byte) (int, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return -1, err
	}
	for i := range messages {
		if fds, err := syscall.ParseUnixRights(&messages[i]); err == nil && len(fds) == 1 {
			return fds[0], nil
		}
	}
	return -1, errors.New("no descriptor came with it")
}

// PassOn sends a tap over the socket that is descriptor fd of this process, as
// qemu-bridge-helper does: one zero byte, and the tap as SCM_RIGHTS.
func PassOn(tap Tap, fd int) error {
	err := syscall.Sendmsg(fd, []byte{0}, syscall.UnixRights(int(tap.File.Fd())), nil, syscall.MSG_NOSIGNAL)
	if err != nil {
		return api.Errorf(api.Failed, "pass the tap to who started the helper, on descriptor %d: %v", fd, err)
	}
	return nil
}
