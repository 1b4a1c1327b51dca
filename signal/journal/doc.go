// Package journal is the door for systemd's journal: it takes what
// systemd-journal-upload sends, in the journal export format.
//
// It answers one question: what do the entries in this stream say?
//
// # Method
//
// The body of POST [Path] is read as it comes, for as long as it lasts; nothing
// of it is kept but the entry that is being read and those that wait to be handed
// on. They are handed on when some hundreds are there or nothing more is there for
// the moment. A sink that is busy makes the sender wait: it is not read on, because
// the sender, once refused, would end, and begin again with what it has sent
// already. The answer is 202 when the body has ended and everything is durable.
//
// A field in text is NAME=value, one in binary NAME, a length of 64 bits, and the
// bytes. Of a field that is too long the beginning is kept, and the rest is passed
// over without being held. MESSAGE is the text, __REALTIME_TIMESTAMP the time,
// PRIORITY the severity; the service is the container's name, the unit without
// ".service" (a user's own before the system's), the SYSLOG_IDENTIFIER or the
// command, in this order, and _HOSTNAME its instance. What else there is are
// fields of the line, under their own names, without those that begin with "__".
//
// # Limits
//
// An entry without MESSAGE is counted as ignored. An entry that is refused does not
// turn the answer into an error, for the reason above; it is counted. If a stream
// breaks off, its sender begins again behind the last stream that was answered, so
// lines may come twice. Compressed bodies, as systemd 258 can send them if asked,
// are refused with 415.
package journal
