package taphelper

import (
	"fmt"
	"io/fs"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"ubridge/internal/api"
)

// Caller is who asks, with names where the host's user database has them.
type Caller struct {
	api.Peer
	User       string   // empty: it has no name
	GroupNames []string // of those of its groups that have one
}

// callerOf adds the names to a peer's numbers.
func callerOf(p api.Peer) Caller {
	c := Caller{Peer: p}
	if u, err := user.LookupId(strconv.Itoa(p.UID)); err == nil {
		c.User = u.Username
	}
	for _, gid := range append([]int{p.GID}, p.Groups...) {
		if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
			c.GroupNames = append(c.GroupNames, g.Name)
		}
	}
	return c
}

// String names the caller in messages.
func (c Caller) String() string {
	if c.User == "" {
		return fmt.Sprintf("uid %d", c.UID)
	}
	return fmt.Sprintf("user %s (uid %d)", c.User, c.UID)
}

// word is what a line of the ACL calls the caller.
func (c Caller) word() string {
	if c.User == "" {
		return strconv.Itoa(c.UID)
	}
	return c.User
}

// is reports whether a word of the ACL means the caller: a user's name or
// number, or a group's after a percent sign.
func (c Caller) is(word string) bool {
	group, isGroup := strings.CutPrefix(word, "%")
	if !isGroup {
		return word == c.User && word != "" || word == strconv.Itoa(c.UID)
	}
	gid, err := strconv.Atoi(group)
	return slices.Contains(c.GroupNames, group) || err == nil && c.In(gid)
}

// mayRead reports whether the mode bits of a file let the caller read it.
func (c Caller) mayRead(mode fs.FileMode, uid, gid int) bool {
	switch {
	case c.UID == 0:
		return true
	case c.UID == uid:
		return mode&0o400 != 0
	case c.In(gid):
		return mode&0o040 != 0
	}
	return mode&0o004 != 0
}
