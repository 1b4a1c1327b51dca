package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console/api"
)

// client speaks to a running Steersman. The zero value is filled by flags.
type client struct {
	server  string
	dataDir string
}

// flags adds what says where the server is.
func (c *client) flags(cmd *cobra.Command) {
	server := os.Getenv("STEERSMAN_SERVER")
	if server == "" {
		server = "http://127.0.0.1:8420"
	}
	cmd.PersistentFlags().StringVar(&c.server, "server", server, "address of Steersman (or STEERSMAN_SERVER)")
	cmd.PersistentFlags().StringVar(&c.dataDir, "data-dir", config.Default().DataDir, "its data folder, for the owner's token (or STEERSMAN_TOKEN with the token itself)")
}

func (c *client) token() (string, error) {
	if t := os.Getenv("STEERSMAN_TOKEN"); t != "" {
		return t, nil
	}
	path := filepath.Join(c.dataDir, "owner.token")
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the owner's token: %w (give --data-dir of the running Steersman, or set STEERSMAN_TOKEN)", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// get fetches a paper.
func (c *client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, api.Prefix+path, nil, out, true)
}

// post says something; out may be nil.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	return c.call(ctx, http.MethodPost, api.Prefix+path, in, out, true)
}

// call sends in and reads the answer into out. What need not be signed is
// signed all the same if there is a token: away from loopback every door wants
// it.
func (c *client) call(ctx context.Context, method, path string, in, out any, signed bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.server, "/")+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	switch t, err := c.token(); {
	case err == nil:
		req.Header.Set("Authorization", "Bearer "+t)
	case signed:
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w (is `steersman up` running there?)", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what this version of the command line expects: %w", method, path, err)
	}
	return nil
}

// refusal reads an error answer. What the server refuses knowingly (400 to
// 499, but not a missing sign-in) is an answer, so exit code 1.
func refusal(status int, body []byte) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &p) == nil && p.Detail != "" {
		text = p.Detail
		for _, e := range p.Errors {
			text += "; " + strings.TrimSpace(e.Location+" "+e.Message)
		}
	}
	text = shown(text, "\n")
	if text == "" {
		text = http.StatusText(status)
	}
	if status == http.StatusUnauthorized || status >= 500 {
		return errors.New(text)
	}
	return Found{text}
}
