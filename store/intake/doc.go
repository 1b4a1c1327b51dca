// Package intake is the durable log at the door: what it has acknowledged is
// on the disk, in order, and every reader sees it once.
//
// It answers one question: which batches came in, in which order, since a given
// one? It does not know what the batches mean and keeps no account of what its
// readers make of them; they bring their own checkpoint.
//
// # Method
//
// Records are numbered from 1 and lie in segments, files of some 64 MiB; the
// layout is drawn in docs/formats/intake.md. Whoever appends encodes its own
// batch; one writer takes all that are waiting, writes them with one call,
// flushes once (fdatasync), and then answers all of them. While it flushes the
// next group gathers, so many senders share the price of a flush.
//
// A reader near the head gets the very batches that were appended, from memory.
// One that is behind reads the files until it has caught up. Both see only what
// was acknowledged.
//
// When a write or a flush fails, the batches of that group are refused, and what
// they left in the file is cut off. After a failed flush the kernel may have
// thrown the pages away and called them clean, so the segment is closed where it
// was last acknowledged and the log goes on in a new one. A segment's numbers
// end where those of a later segment begin, so what a refused group left behind
// is never read, even when it could not be cut off.
//
// At the start the newest segment is read through, and its last group written and
// flushed once more, before anybody is told of it: it may be there only because
// the kernel still remembers it. A stretch without a whole
// record at its end is a torn tail, a group that was being written when the
// power went: it is cut off, and named. The same between whole records is
// damage: it is copied to a file beside the segments, counted, named, and
// stepped over. The header of each record has a checksum of its own, mixed with
// a number that is only in the name of the file, so that reading can go on with
// the next record whatever the damaged bytes hold.
//
// # Limits
//
// A batch whose Append returned an error may still be in the log after a crash:
// it was written, but nobody could be told. So a sender that tries again may be
// heard twice, and readers must be able to bear that.
//
// A flipped bit in the very last record looks like a torn tail. Its bytes are
// kept beside the segments, but it is not delivered.
//
// Segments are checked when they are read, not at the start, except the newest.
package intake
