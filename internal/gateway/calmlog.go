package gateway

import (
	"context"
	"log/slog"
	"time"

	"ubridge/dataplane"
)

// logRate bounds what guests can make a service say: a host's log is not theirs
// to fill. Debug lines are for who asked for them, and not counted.
var logRate = rate{perSecond: 1, burst: 30}

// calmLog is a log of what guests do. It belongs to one goroutine.
type calmLog struct {
	log    *slog.Logger
	bucket bucket
	unsaid int // lines left out since the last one
}

// at writes a line, or counts it where there were too many; the next line tells
// how many.
func (l *calmLog) at(now time.Time, level slog.Level, msg string, args ...any) {
	switch {
	case !l.log.Enabled(context.Background(), level):
		return
	case level == slog.LevelDebug:
	case !l.bucket.take(dataplane.Time(now.UnixNano()), logRate):
		l.unsaid++
		return
	case l.unsaid > 0:
		args = append(args, "lines_left_out_before", l.unsaid)
		l.unsaid = 0
	}
	l.log.Log(context.Background(), level, msg, args...)
}
