package taphelper

import (
	"sync"
	"time"

	"ubridge/internal/api"
)

// What callers may do at once.
const (
	maxCalls     = 128 // connections of all users together
	maxUserCalls = 8   // of one user
	burst        = 64  // requests of one user at once: a host that starts all its guests
	perSecond    = 2   // and from then on
)

// limits counts callers' connections and requests by user.
type limits struct {
	mu    sync.Mutex
	calls int
	users map[int]*allowance
}

// allowance is a token bucket, and the user's open connections.
type allowance struct {
	calls  int
	tokens float64
	at     time.Time // when tokens was right
}

func newLimits() *limits { return &limits{users: map[int]*allowance{}} }

// enter admits one more connection of a user, or tells why not. One that was
// admitted ends with leave.
func (l *limits) enter(uid int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.users[uid]
	if u == nil {
		l.sweep(now)
		u = &allowance{tokens: burst, at: now}
		l.users[uid] = u
	}
	u.refill(now)
	switch {
	case l.calls >= maxCalls:
		return api.Errorf(api.Failed, "too many callers at once; try again")
	case u.calls >= maxUserCalls:
		return api.Errorf(api.Failed, "uid %d has %d requests under way; try again", uid, u.calls)
	case u.tokens < 1:
		return api.Errorf(api.Failed, "uid %d asks more than %d times a second; try again", uid, perSecond)
	}
	u.tokens--
	u.calls++
	l.calls++
	return nil
}

func (l *limits) leave(uid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[uid].calls--
	l.calls--
}

// sweep forgets users that have not asked for long enough to ask all anew.
func (l *limits) sweep(now time.Time) {
	for uid, u := range l.users {
		if u.refill(now); u.calls == 0 && u.tokens >= burst {
			delete(l.users, uid)
		}
	}
}

func (u *allowance) refill(now time.Time) {
	u.tokens = min(burst, u.tokens+perSecond*max(0, now.Sub(u.at).Seconds()))
	u.at = now
}
