// Package tail follows log files as programs write and rotate them.
//
// It answers one question: which lines came to these files since they were last
// looked at? What was taken in goes to the sink; only when that has it is the
// position moved and written down.
//
// # Method
//
// The globs are looked at four times a second; nothing is watched, so it works on
// every filesystem. A file is told from others by device, inode and the hash of
// its first bytes (up to 1024), whatever its name. A file that is renamed is read
// on until it is quiet and no glob finds it any more; one that is shorter than
// what was read, or begins otherwise, was truncated and is read from its
// beginning. After a start a file that was renamed meanwhile is looked for in its
// folder.
//
// A line ends with a newline; a carriage return before it is left out. The last
// line of a file that has none yet waits for it, and is taken as it is when the
// file is let go. A line longer than limits.line_bytes is cut, and says so.
//
// A time in RFC 3339 with a zone at the beginning of a line is when it was
// written; other lines have the time at which they were read.
//
// The positions are in one small file for each group (docs/formats/tail.md). It is
// replaced after the sink has acknowledged. So a crash loses nothing: at most the
// lines of one batch come twice, those that the sink had and the file did not yet
// tell of.
//
// # Limits
//
// Between the last look and a truncation (copytruncate) lines can be lost, as
// with every reader; rotation by renaming loses none. A copy that a glob matches
// is another file, and is read from its beginning: leave rotated names out of the
// globs when files are copied. A file that comes and is renamed again between
// two looks is not seen, unless a glob matches its new name. A glob has no "**". A file that is truncated and
// grows beyond its old length with the same beginning, all between two looks, is
// taken for one that was appended to. Multi-line records are a line each.
package tail
