package tail

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const (
	readBytes  = 256 << 10 // of one file at a time
	batchBytes = 1 << 20   // of text in one batch, or little more
	batchLines = 5000
	maxTold    = 1000 // files whose last error is remembered
)

// A follower follows the files of one group. It is used by one goroutine.
type follower struct {
	doors  *signal.Doors
	puller *signal.Puller
	group  Group
	limits signal.Limits
	opt    Options
	m      *metrics
	log    *slog.Logger

	path  string // of the positions
	first bool   // nothing was known of this group
	known []saved
	files []*file
	buf   []byte
	turn  int
	told  map[string]string // by path: the error that was told last
	dirty bool              // positions have changed since they were written
}

func newFollower(d *signal.Doors, g Group, opt Options, m *metrics) (*follower, error) {
	lim := d.Limits.WithDefaults()
	f := &follower{
		doors: d, puller: d.Puller(g.Source(), g.Limits), group: g, limits: lim, opt: opt, m: m,
		log: d.Logger.With("door", Door, "source", g.Source()), path: statePath(opt.Dir, g.Source()), buf: make([]byte, max(readBytes, lim.LineBytes+2)),
		told: make(map[string]string),
	}
	var err error
	f.known, f.first, err = load(f.path, g.Source())
	return f, err
}

func (f *follower) run(ctx context.Context) {
	defer f.close()
	f.start(time.Now())
	for {
		f.round(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.opt.Every):
		}
	}
}

// start finds the files again that were followed before.
func (f *follower) start(now time.Time) {
	f.find(now)
	f.findRenamed()
	f.first, f.known, f.dirty = false, nil, true
}

// round takes in what came since the last.
func (f *follower) round(ctx context.Context, now time.Time) {
	f.find(now)
	f.takeAll(ctx)
	f.letGo(ctx, now)
}

func (f *follower) close() {
	for _, is := range f.files {
		f.complain(is.path, is.f.Close())
	}
	f.files = nil
}

// complain counts an error, if it is one, and tells it if the last of this file was
// another.
func (f *follower) complain(path string, err error) {
	if err == nil {
		return
	}
	f.m.fail.WithLabelValues(f.group.Source()).Inc()
	if f.told[path] == err.Error() {
		return
	}
	if len(f.told) >= maxTold {
		clear(f.told)
	}
	f.told[path] = err.Error()
	f.log.Warn("a log file could not be read", "file", path, "err", err)
}

// find looks for files that are new, and at those that are followed.
func (f *follower) find(now time.Time) {
	source := f.group.Source()
	for _, is := range f.files {
		is.lost = true
	}
	for _, glob := range f.group.Paths {
		paths, _ := filepath.Glob(glob) // its only error is a bad glob, which was checked
		for _, path := range paths {
			f.meet(path, now)
		}
	}
	var behind int64
	for _, is := range f.files {
		truncated, err := is.look(now)
		f.complain(is.path, err)
		if truncated {
			f.truncated(is)
		}
		behind += is.size - is.acked.offset
	}
	f.m.files.WithLabelValues(source).Set(float64(len(f.files)))
	f.m.behind.WithLabelValues(source).Set(float64(behind))
}

func (f *follower) truncated(is *file) {
	f.m.truncated.WithLabelValues(f.group.Source()).Inc()
	f.log.Info("a log file was truncated and is read from its beginning", "file", is.path)
	f.dirty = true
}

// meet takes note of a file that a glob finds.
func (f *follower) meet(path string, now time.Time) {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		if !gone(err) {
			f.complain(path, err)
		}
		return
	}
	who := identify(path, fi)
	if i := slices.IndexFunc(f.files, func(is *file) bool { return is.id == who }); i >= 0 {
		f.files[i].lost, f.files[i].path = false, path
		return
	}
	if len(f.files) >= f.opt.Files {
		f.m.tooMany.WithLabelValues(f.group.Source()).Inc()
		return
	}
	is, err := open(path)
	if is == nil || err != nil {
		if !gone(err) {
			f.complain(path, err)
		}
		return
	}
	is.grown = now
	if i := slices.IndexFunc(f.known, func(s saved) bool { return s.Device == who.device && s.Inode == who.inode }); i >= 0 {
		if s := f.known[i]; s.is(is) && s.Offset <= is.size {
			is.acked = position{s.Offset, s.Inside}
			is.read = is.acked
		} else {
			f.truncated(is)
		}
		f.known = slices.Delete(f.known, i, i+1)
	} else if f.first && f.group.FromEnd {
		f.complain(path, is.atEnd())
	}
	f.files, f.dirty = append(f.files, is), true
}

// findRenamed looks for the files that were followed before the start and that no
// glob finds: they may have been renamed while nobody looked.
func (f *follower) findRenamed() {
	for _, s := range slices.Clone(f.known) {
		found := false
		entries, err := os.ReadDir(filepath.Dir(s.Path))
		if err != nil && !gone(err) {
			f.complain(s.Path, err)
		}
		for _, e := range entries {
			path := filepath.Join(filepath.Dir(s.Path), e.Name())
			fi, err := e.Info()
			if err != nil || !fi.Mode().IsRegular() || identify(path, fi) != (id{s.Device, s.Inode}) {
				continue
			}
			before := len(f.files)
			f.meet(path, time.Now())
			if found = len(f.files) > before; found {
				f.files[before].lost = true
			}
		}
		if !found {
			f.log.Info("a log file is gone; what it had beyond the position was not read", "file", s.Path, "offset", s.Offset)
		}
	}
}

// takeAll takes in what there is, batch after batch.
func (f *follower) takeAll(ctx context.Context) {
	for ctx.Err() == nil {
		b := f.gather()
		if b.tally.Received == 0 && !f.moved() {
			break
		}
		if !f.deliver(ctx, b) {
			for _, is := range f.files {
				is.read = is.acked
			}
			return
		}
		for _, is := range f.files {
			f.dirty = f.dirty || is.acked != is.read
			is.acked = is.read
		}
		f.save()
	}
	f.save()
}

// moved reports whether something was read that made no line.
func (f *follower) moved() bool {
	return slices.ContainsFunc(f.files, func(is *file) bool { return is.read != is.acked })
}

func (f *follower) save() {
	if !f.dirty {
		return
	}
	if err := save(f.path, f.group.Source(), f.files); err != nil {
		f.m.fail.WithLabelValues(f.group.Source()).Inc()
		f.log.Error("positions in log files could not be written; after a restart lines would come twice", "err", err)
		return
	}
	f.dirty = false
}

// A batch is what is gathered for the sink, and its account.
type batch struct {
	fact.Batch
	tally signal.Tally
	size  int // bytes of text
	now   time.Time
}

func (b *batch) full() bool { return len(b.Lines) >= batchLines || b.size >= batchBytes }

// gather reads one batch: of the files that were renamed first, so that their
// lines come before those of their successors, then of the others in turn.
func (f *follower) gather() *batch {
	b := &batch{now: f.doors.Clock()}
	b.Source, b.Received = f.group.Source(), b.now.UnixMilli()
	f.turn++
	for _, lost := range []bool{true, false} {
		for i := range f.files {
			is := f.files[(i+f.turn)%len(f.files)]
			if is.lost == lost && !b.full() && is.size > is.read.offset && (is.size != is.waits || is.ending) {
				f.read(b, is)
			}
		}
	}
	return b
}

// read adds what a file has to a batch.
func (f *follower) read(b *batch, is *file) {
	before := is.read
	err := is.lines(f.buf, f.limits.LineBytes, is.ending, func(text []byte) bool {
		if b.full() {
			return false
		}
		b.size += len(text)
		f.line(b, is, string(text))
		return true
	})
	f.puller.Spend(int(is.read.offset - before.offset))
	f.complain(is.path, err)
	if is.read == before {
		is.waits = is.size
	}
}

// line adds a line to a batch. An empty one is none.
func (f *follower) line(b *batch, is *file, text string) {
	if text == "" {
		return
	}
	b.tally.Receive(1)
	l := fact.Line{Entity: f.group.Entity, Text: text, At: timeOf(text, b.now.Add(f.limits.Ahead))}
	fields := append(slices.Clone(f.group.Labels), fact.Label{Name: "log.file.path", Value: is.path})
	if ref := signal.FinishLine(&l, fields, &f.limits, b.now); ref != nil {
		b.tally.Refuse(ref, 1)
		return
	}
	if l.Truncated {
		f.m.cut.WithLabelValues(f.group.Source()).Inc()
	}
	b.Lines = append(b.Lines, l)
}

// timeOf returns the time that a line begins with, in Unix nanoseconds, or 0. One
// that cannot be, because it is after the latest, is none: a line is not lost for
// what it says.
func timeOf(text string, latest time.Time) int64 {
	end := 0
	for end < len(text) && end < 40 && text[end] != ' ' && text[end] != '\t' {
		end++
	}
	if end < len("2006-01-02T15:04:05Z") {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, text[:end])
	if err != nil || t.Year() < 2001 || t.After(latest) {
		return 0
	}
	return t.UnixNano()
}

// deliver offers a batch until the sink has it. It reports false if ctx ended
// before.
func (f *follower) deliver(ctx context.Context, b *batch) bool {
	begun := f.doors.Clock()
	var ref *signal.Refusal
	for len(b.Lines) > 0 {
		if ref = f.puller.Offer(ctx, Door, &b.Batch); ref == nil || !ref.Reason.Retry() {
			break
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(max(ref.After, f.opt.Every)):
		}
	}
	outcome := "ok"
	if ref != nil {
		outcome = ref.Reason.String()
	} else if b.tally.RefusedAll() > 0 {
		outcome = "partly"
	}
	b.tally.Settle(ref)
	now := f.doors.Clock()
	f.doors.Record(f.puller.In(ctx), f.puller.Name(), Door, now, &b.tally)
	f.doors.Sources.Answered(Door, outcome, now.Sub(begun))
	return true
}

// letGo closes the files that no glob finds and that are quiet, with their last
// lines.
func (f *follower) letGo(ctx context.Context, now time.Time) {
	for _, is := range f.files {
		is.ending = is.lost && now.Sub(is.grown) >= f.opt.Grace
	}
	if !slices.ContainsFunc(f.files, func(is *file) bool { return is.ending }) {
		return
	}
	f.takeAll(ctx)
	if ctx.Err() != nil {
		return
	}
	keep := f.files[:0]
	for _, is := range f.files {
		if !is.ending {
			keep = append(keep, is)
			continue
		}
		f.complain(is.path, is.f.Close())
	}
	f.files, f.dirty = keep, true
	f.save()
}
