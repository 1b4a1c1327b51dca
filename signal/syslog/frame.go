package syslog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// longestCount is how many digits the length of a message has at most.
const longestCount = 8

// errFrame is wrapped when it is not known where the next message begins.
var errFrame = errors.New("not syslog")

// counted reports whether the next message begins with its length, and how long
// that and it are. A text that only begins with a number has no < behind it.
func counted(head []byte) (digits, length int, ok bool) {
	for digits < len(head) && digits <= longestCount && head[digits] >= '0' && head[digits] <= '9' {
		length = 10*length + int(head[digits]-'0')
		digits++
	}
	ok = digits > 0 && head[0] != '0' && digits <= longestCount && digits+1 < len(head) && head[digits] == ' ' && head[digits+1] == '<'
	return digits, length, ok
}

// whole reports whether the buffer holds a whole message, so that reading it
// does not wait.
func whole(r *bufio.Reader) bool {
	have, err := r.Peek(r.Buffered())
	if err != nil {
		return false
	}
	if digits, length, ok := counted(have); ok {
		return len(have) >= digits+1+length
	}
	return bytes.IndexByte(have, '\n') >= 0
}

// readFrame reads one message, of which it keeps up to most bytes. It returns
// io.EOF when the sender has ended after a whole one.
func readFrame(r *bufio.Reader, most int) (text string, cut bool, err error) {
	head, err := r.Peek(1)
	if err != nil {
		return "", false, err
	}
	// Of the length no more is asked for than must come: its digits, a space, and
	// what the message begins with.
	for n := 2; head[0] >= '1' && head[0] <= '9' && n <= longestCount+2; n++ {
		if head, err = r.Peek(n); err != nil {
			break
		}
		if digits, length, ok := counted(head); ok {
			return readCounted(r, digits, length, most)
		}
		if last := head[n-1]; last != ' ' && (last < '0' || last > '9') {
			break
		}
	}
	return readLine(r, most)
}

func readCounted(r *bufio.Reader, digits, length, most int) (text string, cut bool, err error) {
	if _, err := r.Discard(digits + 1); err != nil {
		return "", false, err
	}
	kept := make([]byte, min(length, most))
	if n, err := io.ReadFull(r, kept); err != nil {
		return "", false, fmt.Errorf("%w: a message of %d bytes ends after %d", errFrame, length, n)
	}
	if rest := length - len(kept); rest > 0 {
		if n, err := r.Discard(rest); err != nil {
			return "", false, fmt.Errorf("%w: a message of %d bytes ends after %d", errFrame, length, len(kept)+n)
		}
	}
	return trimmed(kept), length > most, nil
}

// readLine reads up to a newline, or the end.
func readLine(r *bufio.Reader, most int) (text string, cut bool, err error) {
	var kept []byte
	for {
		piece, err := r.ReadSlice('\n')
		room := max(0, most-len(kept))
		kept = append(kept, piece[:min(len(piece), room)]...)
		cut = cut || len(piece) > room && len(bytes.TrimRight(piece[room:], "\r\n\x00")) > 0
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(kept) > 0:
			return trimmed(kept), cut, nil
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return "", false, err
		}
	}
}

func trimmed(b []byte) string {
	s := strings.TrimRight(string(b), "\r\n\x00")
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
