// Package intake is the durable log at the door: what it has acknowledged is
// on the disk, in order, and every reader sees it once.
//
// It answers one question: which batches came in, in which order, since a given
// one? It does not know what the batches mean and keeps no account of what its
// readers make of them; they bring their own checkpoint.
package intake
