package config

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Duration is a time.Duration that is written as Prometheus writes it: 15s,
// 2h30m, 15d.
type Duration time.Duration

func (d Duration) String() string { return model.Duration(d).String() }

// MarshalYAML writes the short form.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalYAML reads the short form.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := model.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a duration: write it as 15s, 10m, 2h or 15d", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Bytes is a number of bytes that is written with a binary unit: 64MiB, 2GiB.
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalYAML writes the short form.
func (b Bytes) MarshalYAML() (any, error) { return b.String(), nil }

// UnmarshalYAML reads the short form, or a plain number of bytes.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) (err error) {
	if *b, err = ParseBytes(n.Value); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// ParseBytes reads a size as 512KiB, 64MiB or 2GiB.
func ParseBytes(text string) (Bytes, error) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || v < 0 || v > math.MaxInt64/u.size {
			break
		}
		return Bytes(v * u.size), nil
	}
	return 0, fmt.Errorf("%q is not a size: write it as 512KiB, 64MiB or 2GiB", text)
}

// Secret says where a secret is found. The configuration never holds the
// secret itself, so that printing it gives nothing away.
type Secret struct {
	Env  string `yaml:"env" doc:"Name of an environment variable."`
	File string `yaml:"file" doc:"Path of a file; white space around its content is left out."`
}

// Read returns the secret, or "" if none is configured.
func (s Secret) Read() (string, error) {
	switch {
	case s.Env != "" && s.File != "":
		return "", fmt.Errorf("a secret is given both as env %s and as file %s: keep one", s.Env, s.File)
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok || v == "" {
			return "", fmt.Errorf("environment variable %s, named for a secret, is not set", s.Env)
		}
		return v, nil
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		if v := strings.TrimSpace(string(b)); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("secret file %s is empty", s.File)
	}
	return "", nil
}
