// Package keyring keeps the named sources: which there are, and what proves that
// a sender is one of them.
//
// It answers one question: whose token is this? Sources come from the
// configuration, or are added while Steersman runs; those are kept in one file.
//
// # Method
//
// A token is 256 random bits. The file holds its SHA-256 only, which for so much
// chance is as good as a slow hash. A source whose requests are signed with its
// token, as GitHub does it, needs the token itself to check them; the file, which
// only its owner can read, then holds it as well. The file is replaced as a
// whole and synced before a change counts. docs/formats/sources.md draws it.
//
// # Limits
//
// A token is shown once, when it is made. Who loses it removes the source and
// adds it again. A source of the configuration is changed there, not here.
package keyring
