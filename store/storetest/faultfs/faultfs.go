// Package faultfs is a disk in memory that fails as disks fail, for tests of
// what is built on package disk.
//
// It answers one question: does a store keep its promises when the power goes at
// the worst moment, a flush fails, or the disk is full?
//
// # Method
//
// A file has two contents: what a reader sees, and what is on the platter. A
// write changes the first and marks the 512-byte sectors it touched; Sync copies
// the marked sectors to the platter. [Disk.Crash] ends the life of the disk and
// returns the next one: of each marked sector it keeps, by the seed, the old
// content or any that it has had since, each sector for itself, so that writes
// come out lost, torn and out of order; a sector that was never synced may hold
// garbage. The size is one of those the file has had since its last Sync. Names that were created,
// renamed or removed since the last SyncDir survive each for itself.
//
// A Sync that fails does what Linux does: an arbitrary part reached the platter,
// the rest is forgotten and counts as clean, although readers still see it. A
// later Sync will not write it, unless it was written to again.
//
// # Limits
//
// Sectors are never torn inside, so the synced bytes of a sector survive the
// writing of more bytes into it. What was synced is never damaged: [Disk.Flip] is
// for that. It does not order a rename after the content of the file, as some
// file systems do.
package faultfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/steersman-ops/steersman/store/disk"
)

const sector = 512

// ErrCrashed is returned by a disk whose power is gone.
var ErrCrashed = errors.New("faultfs: the power is gone")

// Faults say how often what goes wrong. The zero value is a disk without faults.
// The chances are per call, from 0 to 1.
type Faults struct {
	Write    float64       // a write stops short with EIO
	Sync     float64       // a Sync fails with EIO
	Truncate float64       // a Truncate fails with EIO
	Name     float64       // creating, renaming, removing or SyncDir fails with EIO
	Capacity int64         // bytes that fit; 0 means any number. Beyond it ENOSPC
	Slow     time.Duration // a Sync takes up to this long
	Fuse     int           // the power goes at this many calls that change something; 0 means never
}

// Disk is one directory. It implements [disk.FS].
type Disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	faults  Faults
	crashed bool
	names   map[string]*inode
	durable map[string]*inode
	moves   []move // since the last SyncDir
}

// move is one change of names.
type move struct {
	from, to string // to gets node; from, if it holds node, goes
	node     *inode // nil: to is removed
}

type inode struct {
	seen    []byte // what a reader sees
	platter []byte
	marked  map[int64][][]byte // sector → what it has held since the last Sync
	sizes   []int64            // that the file has had since the last Sync
}

// New returns an empty disk that takes its decisions from seed.
func New(seed uint64) *Disk {
	return &Disk{
		rng:     rand.New(rand.NewPCG(seed, 0x5eed)),
		names:   make(map[string]*inode),
		durable: make(map[string]*inode),
	}
}

// Set changes what goes wrong from now on.
func (d *Disk) Set(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

// Crash turns the power off. It returns the disk as it is when the power is back,
// without faults; the old one and its files answer every call with [ErrCrashed].
func (d *Disk) Crash() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
	next := New(d.rng.Uint64())
	for _, m := range d.moves {
		if d.rng.IntN(2) == 0 {
			m.apply(d.durable)
		}
	}
	settled := make(map[*inode]*inode)
	for name, n := range d.durable {
		if settled[n] == nil {
			n.settle(d.rng)
			settled[n] = &inode{seen: slices.Clone(n.platter), platter: slices.Clone(n.platter)}
		}
		next.durable[name] = settled[n]
	}
	next.names = maps.Clone(next.durable)
	return next
}

// Kill ends the process that uses the disk, but not the power: the next life sees
// all that was written, and what was not synced may still be lost. The old disk
// and its files answer every call with [ErrCrashed].
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := New(d.rng.Uint64())
	next.names, next.durable, next.moves = d.names, d.durable, d.moves
	d.crashed = true
	d.names, d.durable, d.moves = nil, nil, nil
	return next
}

// Flip turns one bit of what is on the platter and of what readers see.
func (d *Disk) Flip(name string, bit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	for _, b := range [][]byte{n.seen, n.platter} {
		if bit/8 < int64(len(b)) {
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func (m move) apply(names map[string]*inode) {
	if m.node == nil {
		delete(names, m.to)
		return
	}
	if m.from != "" && names[m.from] == m.node {
		delete(names, m.from)
	}
	names[m.to] = m.node
}

// settle decides what of the unsynced content reached the platter, and forgets
// that the rest did not.
func (n *inode) settle(r *rand.Rand) {
	synced := int64(len(n.platter))
	size := synced
	if i := r.IntN(len(n.sizes) + 1); i < len(n.sizes) {
		size = n.sizes[i]
	}
	n.platter = resize(n.platter, size)
	mode := r.IntN(3) // all sectors lost, all kept, each for itself
	for at, held := range n.sortedMarks() {
		var data []byte
		switch {
		case mode == 0 || mode == 2 && r.IntN(2) == 0:
			continue
		case mode == 2 && at*sector >= synced && r.IntN(16) == 0:
			data = make([]byte, sector)
			for i := range data {
				data[i] = byte(r.Uint32())
			}
		case mode == 2:
			data = held[r.IntN(len(held))]
		default:
			data = held[len(held)-1]
		}
		if off := at * sector; off < size {
			copy(n.platter[off:], data)
		}
	}
	n.marked, n.sizes = nil, nil
}

// sortedMarks yields the marked sectors in order, so that a seed always takes
// the same decisions.
func (n *inode) sortedMarks() func(func(int64, [][]byte) bool) {
	return func(yield func(int64, [][]byte) bool) {
		for _, at := range slices.Sorted(maps.Keys(n.marked)) {
			if !yield(at, n.marked[at]) {
				return
			}
		}
	}
}

// mark remembers what the sectors from off to end hold now.
func (n *inode) mark(off, end int64) {
	if n.marked == nil {
		n.marked = make(map[int64][][]byte)
	}
	n.sizes = append(n.sizes, int64(len(n.seen)))
	for at := off / sector; at*sector < end; at++ {
		data := make([]byte, sector)
		if at*sector < int64(len(n.seen)) {
			copy(data, n.seen[at*sector:])
		}
		n.marked[at] = append(n.marked[at], data)
	}
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// ready returns why a call that changes nothing fails, if it does.
func (d *Disk) ready() error {
	if d.crashed {
		return ErrCrashed
	}
	return nil
}

// strike returns why a call that changes something fails, if it does.
func (d *Disk) strike(chance float64) error {
	if d.faults.Fuse == 1 {
		d.crashed = true
	}
	if d.faults.Fuse > 0 {
		d.faults.Fuse--
	}
	if err := d.ready(); err != nil {
		return err
	}
	if chance > 0 && d.rng.Float64() < chance {
		return syscall.EIO
	}
	return nil
}

// OpenFile implements [disk.FS].
func (d *Disk) OpenFile(name string, flag int, _ fs.FileMode) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(); err != nil {
		return nil, err
	}
	n := d.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		if err := d.strike(d.faults.Name); err != nil {
			return nil, err
		}
		n = &inode{}
		d.names[name] = n
		d.moves = append(d.moves, move{to: name, node: n})
	case flag&os.O_TRUNC != 0:
		n.seen = nil
		n.mark(0, 0)
	}
	return &file{disk: d, node: n, name: name}, nil
}

// List implements [disk.FS].
func (d *Disk) List() ([]disk.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(); err != nil {
		return nil, err
	}
	var out []disk.Info
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		out = append(out, disk.Info{Name: name, Size: int64(len(d.names[name].seen))})
	}
	return out, nil
}

// Rename implements [disk.FS].
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.strike(d.faults.Name); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.moves = append(d.moves, move{from: from, to: to, node: n})
	d.moves[len(d.moves)-1].apply(d.names)
	return nil
}

// Remove implements [disk.FS].
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.strike(d.faults.Name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.moves = append(d.moves, move{to: name})
	delete(d.names, name)
	return nil
}

// SyncDir implements [disk.FS].
func (d *Disk) SyncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.strike(d.faults.Name); err != nil {
		return err
	}
	for _, m := range d.moves {
		m.apply(d.durable)
	}
	d.moves = nil
	return nil
}

// Space implements [disk.FS].
func (d *Disk) Space() (free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.faults.Capacity; c > 0 {
		return max(0, c-d.used()), c, nil
	}
	return math.MaxInt64, math.MaxInt64, nil
}

// Close implements [disk.FS]. The disk stays usable: the next life of a store
// opens it again.
func (d *Disk) Close() error { return nil }

// used is the bytes of all files.
func (d *Disk) used() int64 {
	n := int64(0)
	for _, f := range d.names {
		n += int64(len(f.seen))
	}
	return n
}

type file struct {
	disk *Disk
	node *inode
	name string
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.ready(); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("read %s at %d: %w", f.name, off, fs.ErrInvalid)
	}
	if off >= int64(len(f.node.seen)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := len(p), d.strike(d.faults.Write)
	if d.crashed {
		return 0, err
	}
	if err != nil {
		n = d.rng.IntN(len(p) + 1)
	}
	grow := max(0, off+int64(n)-int64(len(f.node.seen)))
	if c := d.faults.Capacity; c > 0 && grow > 0 && d.used()+grow > c {
		n, err = int(max(0, min(int64(n), c-d.used()))), syscall.ENOSPC
	}
	end := off + int64(n)
	if end > int64(len(f.node.seen)) {
		f.node.seen = resize(f.node.seen, end)
	}
	copy(f.node.seen[off:end], p[:n])
	f.node.mark(off, end)
	return n, err
}

func (f *file) Truncate(size int64) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.strike(d.faults.Truncate); err != nil {
		return err
	}
	old := int64(len(f.node.seen))
	f.node.seen = resize(f.node.seen, size)
	f.node.mark(min(old, size), max(old, size))
	return nil
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.ready(); err != nil {
		return 0, err
	}
	return int64(len(f.node.seen)), nil
}

func (f *file) Sync() error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if slow := d.faults.Slow; slow > 0 {
		wait := time.Duration(d.rng.Int64N(int64(slow)))
		d.mu.Unlock()
		time.Sleep(wait)
		d.mu.Lock()
	}
	if d.crashed {
		return ErrCrashed
	}
	n := f.node
	if err := d.strike(d.faults.Sync); err != nil {
		if !d.crashed {
			n.settle(d.rng)
		}
		return err
	}
	n.platter = resize(n.platter, int64(len(n.seen)))
	for at := range n.marked {
		if off := at * sector; off < int64(len(n.seen)) {
			copy(n.platter[off:], n.seen[off:min(off+sector, int64(len(n.seen)))])
		}
	}
	n.marked, n.sizes = nil, nil
	return nil
}

func (f *file) Close() error { return nil }
