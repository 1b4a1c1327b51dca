// Package records keeps the papers that are few and that people read:
// incidents, findings, decisions, changes, and the account of each source. It
// keeps them in one SQLite file.
//
// It answers one question: which papers of this kind are there, and what do
// they say now? It never changes what a paper says, and keeps no history: the
// ledger does.
//
// # Method
//
// A paper is stored as its JSON, beside the few columns by which it is looked
// for. Putting a paper with a known id replaces it; putting the same paper
// again does nothing. One connection writes; a small pool reads, and is never
// kept waiting by the writer (write-ahead log).
//
// # Durability
//
// A Put returns when its transaction is on stable storage (synchronous=FULL).
//
// # Limits
//
// A Put costs one fsync, so some hundreds to thousands a second at best. Lists
// are in order of time, newest first; After continues them. The last Put
// counts, even if the paper says that it is older than what is stored. A paper
// whose numbers include NaN or infinities cannot be JSON and is refused.
package records
