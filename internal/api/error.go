package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is the kind of an Error.
type Code string

// The codes, with their exit code of the command line.
const (
	Failed      Code = "failed"      // 1: the operation did not succeed
	Conflict    Code = "conflict"    // 1: the state forbids it: exists already, is active, is read-only
	Usage       Code = "usage"       // 2: the request makes no sense
	NotFound    Code = "not_found"   // 3: no such network, port or device
	Permission  Code = "permission"  // 4: the caller or the daemon may not
	Unavailable Code = "unavailable" // 5: the daemon is not reachable
)

var codes = map[Code]struct{ exit, status int }{
	Failed:      {1, http.StatusInternalServerError},
	Conflict:    {1, http.StatusConflict},
	Usage:       {2, http.StatusBadRequest},
	NotFound:    {3, http.StatusNotFound},
	Permission:  {4, http.StatusForbidden},
	Unavailable: {5, http.StatusServiceUnavailable},
}

// ExitCode is the exit code of the command line, 1 to 5.
func (c Code) ExitCode() int {
	if k, known := codes[c]; known {
		return k.exit
	}
	return codes[Failed].exit
}

// status is the HTTP status.
func (c Code) status() int {
	if k, known := codes[c]; known {
		return k.status
	}
	return http.StatusInternalServerError
}

// Error is what a request ends with when it does not succeed.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // lower case, names the thing and the fix
}

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string { return e.Message }

// Is matches any Error of the same code, so that errors.Is(err, &Error{Code:
// NotFound}) works through wrapping.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// CodeOf is the code of the Error that err is or wraps, else Failed.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Failed
}

// asError gives err the form in which it crosses the socket: the outer message,
// the code of the Error within.
func asError(err error) *Error { return &Error{Code: CodeOf(err), Message: err.Error()} }
