// Package syslog is the door for syslog over TCP: RFC 5424 and the older way of
// RFC 3164, framed by octet counting or by newlines (RFC 6587), as rsyslog,
// syslog-ng, network gear and logger(1) send it.
//
// It answers one question: which lines does this connection bring?
//
// # Method
//
// What a connection has sent is gathered while more of it is there, and handed
// on as one batch when there is no more, or enough. Syslog has no answers, so a
// sender cannot be told to try again: while the log cannot take a batch, the door
// holds it and reads no further, and TCP makes the sender wait.
//
// The app name is the service that wrote a line, and the host its instance; a
// message without an app name is of the host. Facility, process id, message id
// and structured data ("SDID.name") are fields. What is neither of the two
// formats is a line all the same, with all of it as the text, as RFC 3164 has it.
// Its times are read as UTC where they name no zone, and get the year in which
// they are nearest to now.
//
// # Limits
//
// TCP only, and without TLS and tokens: whoever reaches the address may send,
// except a browser, which begins with a head of HTTP. A
// message that is longer than limits.line_bytes is cut, and says so. What is
// refused (a time far ahead, say) is counted, with the reason, at the account of
// the sender's address. A batch that was held when the process ends is lost
// with its connection; it was never acknowledged, because nothing is.
package syslog
