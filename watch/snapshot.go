package watch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The snapshot is one file: the magic line; the parts, each after its length
// (uvarint): a gob of the watcher's own state, and what the map, the flows and
// the incidents make of theirs; what the detectors make of theirs, without a
// length; and the SHA-256 of all of it. The number in the magic line is the
// version of the format; the parts carry versions of their own.
const (
	snapshotName  = "watch.snapshot"
	snapshotMagic = "steersman watch snapshot 3\n"
	// snapshotCheap is the size that may be written every SnapshotEvery; twice
	// the size is written half as often.
	snapshotCheap = 4 << 20
	snapshotRare  = 2 * time.Minute // but never more rarely than this
)

type snapshot struct {
	State                       state
	Graph, Ring, Triage, Detect []byte
}

var errSnapshot = errors.New("not a snapshot that can be read")

// encode writes the file. The detectors write as they go: with many series
// there is much of it, which need not be in memory twice.
func (w *Watcher) encode(file io.Writer) error {
	sum := sha256.New()
	to := bufio.NewWriterSize(io.MultiWriter(file, sum), 256<<10)
	var own bytes.Buffer
	if err := gob.NewEncoder(&own).Encode(&w.state); err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	to.WriteString(snapshotMagic) // an error stays and comes back from Flush
	for _, part := range []struct {
		name string
		from func() ([]byte, error)
	}{
		{"the watch", func() ([]byte, error) { return own.Bytes(), nil }},
		{"the map", w.graph.Snapshot},
		{"the flows", w.ring.Snapshot},
		{"the incidents", w.triage.Snapshot},
	} {
		data, err := part.from()
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", part.name, err)
		}
		to.Write(binary.AppendUvarint(nil, uint64(len(data))))
		to.Write(data)
	}
	if err := w.detect.Save(to); err != nil {
		return fmt.Errorf("snapshot of the detectors: %w", err)
	}
	if err := to.Flush(); err != nil {
		return err
	}
	_, err := file.Write(sum.Sum(nil))
	return err
}

func decode(data []byte) (s snapshot, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(snapshotMagic))
	if !ok {
		return s, fmt.Errorf("%w: it does not begin with %q", errSnapshot, snapshotMagic)
	}
	end := len(data) - sha256.Size
	if len(rest) < sha256.Size || sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return s, fmt.Errorf("%w: its checksum is wrong", errSnapshot)
	}
	rest = rest[:len(rest)-sha256.Size]
	var own []byte
	for _, to := range []*[]byte{&own, &s.Graph, &s.Ring, &s.Triage} {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return s, fmt.Errorf("%w: a part is cut off", errSnapshot)
		}
		*to, rest = rest[n:n+int(size)], rest[n+int(size):]
	}
	s.Detect = rest
	if err := gob.NewDecoder(bytes.NewReader(own)).Decode(&s.State); err != nil {
		return s, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	return s, nil
}

// snapshotIfDue begins a snapshot when enough log time has passed since the
// last one. The state is written at once, to the system's memory; a slow disk
// delays the next snapshot, not the watching, and a full one neither: the log is
// kept until a snapshot is durable, so only a restart becomes slower.
func (w *Watcher) snapshotIfDue() {
	w.snapshotDone(false)
	every := w.cfg.SnapshotEvery
	if w.saving.bytes > snapshotCheap {
		every = min(snapshotRare, every*time.Duration(w.saving.bytes)/snapshotCheap)
	}
	if w.saving.at == 0 {
		w.saving.at = w.state.Now
	}
	if w.opt.Dir == "" || w.saving.done != nil || w.state.Now-w.saving.at < every.Milliseconds() {
		return
	}
	w.save()
}

// save writes the snapshot beside the old one, and begins to make it durable
// and rename it into its place. snapshotDone must be asked for the end. The
// derived series that the state stands for come first: what is not on disk would
// not be derived again.
func (w *Watcher) save() {
	path := filepath.Join(w.opt.Dir, snapshotName)
	file, size, err := w.write(path + ".new")
	w.saving.at = w.state.Now
	if err != nil {
		w.opt.Logger.Error("the state of the watch cannot be saved; it is tried again, and the log kept until then", "err", err)
		return
	}
	done := make(chan error, 1)
	w.saving.bytes, w.saving.seq, w.saving.done = size, w.state.Seq, done
	go func() {
		defer close(done)
		if err := w.series.Sync(); err != nil {
			done <- errors.Join(fmt.Errorf("sync the derived series: %w", err), file.Close(), os.Remove(file.Name()))
		} else if err := settle(file, path); err != nil {
			done <- fmt.Errorf("write snapshot %s: %w", path, err)
		}
	}()
}

// write writes the file and returns it, open, and its size.
func (w *Watcher) write(path string) (*os.File, int, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, 0, err
	}
	err = w.encode(file)
	var size int64
	if err == nil {
		size, err = file.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close(), os.Remove(path)) // the disk may be full
	}
	return file, int(size), nil
}

// snapshotDone looks whether the snapshot under way, if there is one, has come
// to its end, or waits for that. Only then may the log forget.
func (w *Watcher) snapshotDone(wait bool) {
	if w.saving.done == nil {
		return
	}
	var err error
	if wait {
		err = <-w.saving.done
	} else {
		select {
		case err = <-w.saving.done:
		default:
			return
		}
	}
	w.saving.done = nil
	if err != nil {
		w.opt.Logger.Error("the state of the watch was not saved; it is tried again, and the log kept until then", "err", err)
		return
	}
	w.meters.snapshots.Inc()
	w.meters.bytes.Set(float64(w.saving.bytes))
	w.log.Keep(Consumer, w.saving.seq)
}

// settle makes the file durable under the name path, or leaves the old one.
func settle(file *os.File, path string) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// restore reads the snapshot. Without one, or with one that cannot be read, the
// watcher begins anew and replays what the log has.
func (w *Watcher) restore() error {
	if w.opt.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(w.opt.Dir, 0o700); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	path := filepath.Join(w.opt.Dir, snapshotName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch: read snapshot: %w", err)
	}
	if err := w.load(data); err != nil {
		w.opt.Logger.Error("the snapshot of the watch is ignored: what was learned is learned again from what the log still holds", "file", path, "err", err)
		return nil
	}
	w.saving.bytes, w.saving.at = len(data), w.state.Now
	return nil
}

// load takes over a snapshot whole, or leaves everything as it was.
func (w *Watcher) load(data []byte) error {
	s, err := decode(data)
	if err != nil {
		return err
	}
	graph, err := w.graph.Snapshot()
	if err != nil {
		return fmt.Errorf("snapshot of the empty map: %w", err)
	}
	var detect bytes.Buffer
	if err := w.detect.Save(&detect); err != nil {
		return fmt.Errorf("snapshot of the empty detectors: %w", err)
	}
	err = errors.Join(w.graph.Restore(s.Graph), w.detect.Restore(s.Detect), w.ring.Restore(s.Ring), w.triage.Restore(s.Triage))
	if err != nil {
		w.forget()
		return errors.Join(err, w.graph.Restore(graph), w.detect.Restore(detect.Bytes()))
	}
	w.state = s.State
	if w.state.Files == nil {
		w.state.Files = make(map[string]*file)
	}
	return nil
}
