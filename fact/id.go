package fact

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// idText has no letters that are read as digits.
var idText = base32.NewEncoding("abcdefghjkmnpqrstvwxyz0123456789").WithPadding(base32.NoPadding)

// ID returns a short name made of kind and a hash over parts: "inc-7k2m…".
// Equal parts give equal IDs. The 75 bits that are kept make two different
// papers with one name a matter of some 10^11 papers.
func ID(kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return kind + "-" + idText.EncodeToString(h.Sum(nil))[:15]
}

// Hash returns the SHA-256 of v's JSON as hex. It is how a warrant names the
// proposal that it permits. v must be a paper of this package: their JSON is
// the same on every machine.
func Hash(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("hash %T: %w", v, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// ErrBusy is wrapped by what a room returns when it can take no more for the
// moment: the sender should try again.
var ErrBusy = errors.New("busy, try again")

// ErrNotFound is wrapped by what a store returns when it has no such paper.
var ErrNotFound = errors.New("not found")

// A Problem is an input that cannot be taken: what was wrong, where, and what
// to do. Doors answer with it; it is the sender's to mend.
type Problem struct {
	What  string // "label value is 5,120 bytes long, the limit is 4,096"
	Where string // "timeseries 17, label \"url\""
	Do    string // "shorten it at the sender or raise limits.label_value_bytes"
}

func (p *Problem) Error() string {
	var b strings.Builder
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	b.WriteString(p.What)
	if p.Do != "" {
		b.WriteString("; " + p.Do)
	}
	return b.String()
}
