package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
)

// trailer carries the error of a list that broke off, as an envelope.
const trailer = "Ubridge-Error"

// between is how many elements are written before the client's time starts anew.
const between = 256

// stream answers with the elements of a sequence as a JSON array, one on a
// line, each written when it comes. An error before the first element is an
// answer of its own.
func stream[T any](list func(context.Context, string) iter.Seq2[T, error]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		next, stop := iter.Pull2(list(r.Context(), r.URL.Query().Get("network")))
		defer stop()
		first, err, more := next()
		if err != nil {
			fail(w, err)
			return
		}
		extend(w)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Trailer", trailer)
		buf := bufio.NewWriterSize(w, 32<<10)
		if err := writeArray(w, buf, first, more, next); err != nil {
			told, _ := json.Marshal(envelope{asError(err)}) // of strings only
			w.Header().Set(trailer, string(told))
		}
		_ = buf.Flush() // fails only when the client is gone
	}
}

// writeArray writes what next gives. After an error the array stays open.
func writeArray[T any](w http.ResponseWriter, buf *bufio.Writer, v T, more bool, next func() (T, error, bool)) (err error) {
	if _, err := buf.WriteString("["); err != nil {
		return err
	}
	sep := "\n"
	for n := 1; more; n++ {
		if err := writeElement(buf, sep, v); err != nil {
			return err
		}
		if n%between == 0 {
			extend(w)
		}
		sep = ",\n"
		if v, err, more = next(); err != nil {
			return err
		}
	}
	_, err = buf.WriteString("\n]\n")
	return err
}

func writeElement(buf *bufio.Writer, sep string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := buf.WriteString(sep); err != nil {
		return err
	}
	_, err = buf.Write(text)
	return err
}

// elements reads what stream wrote. The response is closed when the sequence
// ends or its consumer stops.
func elements[T any](res *http.Response) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer res.Body.Close()
		var zero T
		d := json.NewDecoder(res.Body)
		if _, err := d.Token(); err != nil {
			yield(zero, fmt.Errorf("answer of the daemon: %w", err))
			return
		}
		for d.More() {
			var v T
			if err := d.Decode(&v); err != nil {
				yield(zero, broken(res, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if _, err := d.Token(); err != nil {
			yield(zero, broken(res, err))
		}
	}
}

// broken is why an array ended early: what the daemon says, else what we saw.
func broken(res *http.Response, seen error) error {
	_, _ = io.Copy(io.Discard, res.Body) // the trailer comes behind the body
	var said envelope
	if json.Unmarshal([]byte(res.Trailer.Get(trailer)), &said) == nil && said.Error != nil {
		return said.Error
	}
	return fmt.Errorf("the daemon broke off its answer: %w", seen)
}
