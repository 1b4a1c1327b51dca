// Package quality reads the intake log and says how far what the sources send
// can be trusted.
//
// It answers one question: which rows of which source are not what they should
// be? It reads what the doors have taken, changes nothing of it, and looks at no
// clock: time comes with the data and with the ticks of the log, so the same log
// gives the same counts.
//
// # Method
//
// Each [Step] is a small state machine with a name and a version: late/1,
// duplicate/1, out_of_order/1, skewed_clock/1, counter_reset/1, unit_change/1,
// type_change/1, gap/1, stuck/1, cardinality_jump/1, null_rate/1 and range/1.
// [Explain] says in words what each looks for. What is remembered of a series is
// 80 bytes and what it takes to find them; of a source, its usual delay and its
// metrics; of a metric of a source, its type, its unit and its range. A step
// counts the rows that it has seen and those that it flagged, and none that it
// changed: what is set aside is set aside by the stores.
//
// A step learns only from rows that it did not flag, and takes what lasts for
// normal after a while: a series that is sent more rarely from now on has a gap
// three times, not for ever.
//
// # Limits
//
// A series is known by 64 bits of hash over its source and its labels: two in
// 500,000 share them with a probability below one in a hundred million, and are
// then taken for one. Beyond [Config.MaxSeries] series and [Config.MaxMetrics]
// metrics new ones are counted and not looked at. A row of a series that the door
// has not numbered costs three to five times as much, because its labels are read. A source is taken for one
// clock: of several senders under one name, one alone whose clock is slow looks
// late. A clock that is slow from the first row on looks like a slow way. Gauges
// that rest at one value by night are taken for stuck until their rests were
// seen, and a unit is only told by the declared one or by values of steady size.
package quality
