// Package recorded reads telemetry that somebody wrote to files, and hands it on
// as the doors would have at the time, in order of time.
//
// It answers one question: what would have come in, and when?
//
// # Files
//
// A path is a file or a folder, which is searched. What a file holds is told by
// its columns, not by its name; .gz is unpacked.
//
//   - CSV, TSV and JSON (an array of objects, or one object a line). The time is
//     in time, timestamp, ts, datetime or date; time_us, time_ms and time_ns
//     tell the unit too. With span_id, start_us and duration_us it is a table of
//     spans; with message, msg or body of log lines; with service and version,
//     and no value, of changes. All else are series: one for each column that
//     has a number, named by it; "service|metric" names both. With value and
//     metric or name it is the long shape: one sample a row, and what remains
//     are labels. A column value alone is named after its file.
//   - Everything else is a log file, whose lines begin with a time in one of the
//     usual shapes. A line without one belongs to the line before.
//
// A folder with case.json is a recorded incident: its baseline is moved in time
// so that it ends one step before the rest begins.
//
// # Order
//
// Files are merged by time. Within a file rows may stand out of order by up to
// 65,536 rows or 64 MiB of them; what is later than that comes late, as it would
// have in life.
//
// # Limits
//
// Numbers of 1e17 and more are nanoseconds since 1970, of 1e14 microseconds, of
// 1e11 milliseconds, below it seconds. Times without a zone are UTC. Cells
// that are empty or no number hold no sample. A row that cannot be read is
// refused and counted, with the first reason; a file of which nothing could be
// read is named. A row is at most 8 MiB long. What is found in a folder and is
// no file, as links and pipes, is passed over.
package recorded
