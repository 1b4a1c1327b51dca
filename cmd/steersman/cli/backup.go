package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/store/backup"
	"github.com/steersman-ops/steersman/store/ledger"
)

func takeBackup(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the whole data folder of a running Steersman into one file",
		Long: `Copy the whole data folder of a running Steersman into one file: samples,
records, the audit trail, what was learned, and the log at the door. Everything
goes on meanwhile. The file is checked as it comes and has its name only when it
is whole. It holds the audit trail's private key, so keep it as a secret; the
owner's token and sessions are not in it.

"steersman restore" makes a data folder of it.`,
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := c.fetchBackup(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(m, func(w io.Writer) {
			say(w, "%s: %d files, %d bytes, as of %s.\n", args[0], len(m.Files), m.Bytes(), m.At.Format(time.RFC3339))
		})
	}
	return cmd
}

// fetchBackup writes the backup beside its name, checks it, and renames it.
func (c *client) fetchBackup(ctx context.Context, path string) (m backup.Manifest, err error) {
	token, err := c.token()
	if err != nil {
		return m, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.server, "/")+api.Prefix+"/backup", nil)
	if err != nil {
		return m, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return m, fmt.Errorf("%w (is `steersman up` running there?)", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		return m, refusal(resp.StatusCode, text)
	}
	file, err := os.OpenFile(path+".partial", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	m, err = backup.Check(io.TeeReader(resp.Body, file))
	if err == nil {
		_, err = io.Copy(file, resp.Body) // what follows the manifest
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return m, errors.Join(fmt.Errorf("write the backup: %w", err), os.Remove(file.Name()))
	}
	return m, nil
}

func restore(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data folder from a backup",
		Long: `Make a data folder (--data-dir, which must be empty or not exist) from a backup.
Every file is compared with the sum that was taken when it was packed, and the
audit trail is recomputed, before the folder gets its name.`,
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		defer file.Close() //nolint:errcheck // it is only read
		m, err := backup.Unpack(file, c.dataDir)
		if errors.Is(err, backup.ErrNotWhole) {
			return Found{fmt.Sprintf("%s: %v", args[0], err)}
		}
		if err != nil {
			return fmt.Errorf("restore %s: %w", args[0], err)
		}
		report, err := ledger.Verify(filepath.Join(c.dataDir, "ledger"), ledger.VerifyOptions{})
		if err != nil {
			return err
		}
		if !report.OK() {
			return Found{fmt.Sprintf("%s is restored as it was packed, but the audit trail in it is not what was signed: %d problems, see `steersman audit verify --data-dir %s`", c.dataDir, len(report.Problems), c.dataDir)}
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(m, func(w io.Writer) {
			say(w, "%s: as of %s, %d files, %d entries in the audit trail, every one as it was written.\nStart it with `steersman up --data-dir %s`.\n",
				c.dataDir, m.At.Format(time.RFC3339), len(m.Files), report.Size, c.dataDir)
		})
	}
	return cmd
}
