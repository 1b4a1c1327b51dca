package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// contents is what the files hold.
type contents map[string][]byte

// readContents reads the files. One that is not there is not in the result.
func readContents(read func(name string) ([]byte, error)) (contents, error) {
	c := make(contents)
	// The checkpoint first: what is written meanwhile then stands beyond it.
	for _, name := range []string{checkpointFile, pubFile, keyFile, hashesFile, leavesFile} {
		data, err := read(name)
		switch {
		case err == nil:
			c[name] = data
		case name == keyFile && errors.Is(err, fs.ErrPermission):
			// A checker need not be able to read the private key.
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return c, nil
}

// inspection is one look at all files.
type inspection struct {
	files    contents
	problems []Problem
	more     int // problems beyond maxProblems

	verifier note.Verifier
	key      string    // the text of the verifier key
	signed   bool      // tree is from a good checkpoint
	tree     tlog.Tree // as signed
	lines    [][]byte
	offsets  []int64
	keys     map[string]int64
	hashes   []tlog.Hash // computed from the lines
	root     tlog.Hash   // computed over the lines

	leavesTail, hashesTail int64 // bytes beyond the checkpoint
}

// maxProblems is how many are listed.
const maxProblems = 100

func (in *inspection) found(file string, leaf, at int64, format string, args ...any) {
	if len(in.problems) >= maxProblems {
		in.more++
		return
	}
	in.problems = append(in.problems, Problem{File: file, Leaf: leaf, Byte: at, What: fmt.Sprintf(format, args...)})
}

// inspect checks the files against one another and against opt.
func inspect(files contents, opt VerifyOptions) *inspection {
	in := &inspection{files: files, keys: make(map[string]int64)}
	for _, name := range []string{pubFile, checkpointFile, leavesFile, hashesFile} {
		if files[name] == nil {
			in.found(name, -1, -1, "the file is missing")
		}
	}
	in.checkKeys(opt.VerifierKey)
	in.checkCheckpoint()
	in.readLeaves()
	in.checkLeaves()
	in.checkHashes()
	in.checkRoot()
	if opt.Known != "" {
		in.checkKnown(opt.Known)
	}
	if in.more > 0 {
		in.problems = append(in.problems, Problem{Leaf: -1, Byte: -1, What: fmt.Sprintf("and %d more", in.more)})
	}
	return in
}

// checkKeys reads the public key, which must be the wanted one if one is wanted
// and the private key's if that can be read.
func (in *inspection) checkKeys(want string) {
	in.key = strings.TrimSuffix(string(in.files[pubFile]), "\n")
	if pub := in.files[pubFile]; pub != nil {
		v, err := note.NewVerifier(in.key)
		if canonical, _ := verifierKey(in.key); err != nil || canonical+"\n" != string(pub) {
			in.found(pubFile, -1, -1, "it is not one public key as this program writes it")
		} else {
			in.verifier = v
		}
	}
	if private := in.files[keyFile]; private != nil {
		if derived, err := publicOf(string(private)); err != nil {
			in.found(keyFile, -1, -1, "it is not a private key: %v", err)
		} else if derived != in.key {
			in.found(keyFile, -1, -1, "it belongs to the public key %s, not to the one in %s", derived, pubFile)
		}
	}
	want = strings.TrimSpace(want)
	if want == "" {
		return
	}
	if want != in.key {
		in.found(pubFile, -1, -1, "it is not the key that was asked for, %s", want)
	}
	if v, err := note.NewVerifier(want); err != nil {
		in.found("", -1, -1, "the key that was asked for is not a public key: %v", err)
	} else {
		in.verifier = v
	}
}

// checkCheckpoint reads the signed tree.
func (in *inspection) checkCheckpoint() {
	msg := in.files[checkpointFile]
	if msg == nil || in.verifier == nil {
		return
	}
	tree, err := openCheckpoint(string(msg), in.verifier)
	if err != nil {
		in.found(checkpointFile, -1, -1, "%v", err)
		return
	}
	in.tree, in.signed = tree, true
}

// openCheckpoint checks the signature of a checkpoint, that it is written as this
// program writes it, to the byte, and returns the tree.
func openCheckpoint(msg string, v note.Verifier) (tlog.Tree, error) {
	n, err := note.Open([]byte(msg), note.VerifierList(v))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the signature is not good: %w", err)
	}
	parts := strings.Split(n.Text, "\n")
	if len(parts) != 4 || parts[0] != v.Name() || parts[3] != "" {
		return tlog.Tree{}, fmt.Errorf("it is not a checkpoint of %s", v.Name())
	}
	size, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != parts[1] {
		return tlog.Tree{}, fmt.Errorf("the number of leaves, %q, is not a number", parts[1])
	}
	root, err := tlog.ParseHash(parts[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the root hash: %w", err)
	}
	want := fmt.Sprintf("%s\n— %s %s\n", n.Text, n.Sigs[0].Name, n.Sigs[0].Base64)
	sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	if err != nil || len(sig) < 4 || want != msg {
		return tlog.Tree{}, errors.New("there is more in it than the text and one signature")
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// readLeaves splits the leaves that the checkpoint covers from what follows.
func (in *inspection) readLeaves() {
	data := in.files[leavesFile]
	at := int64(0)
	in.offsets = []int64{0}
	for len(data) > 0 && (!in.signed || int64(len(in.lines)) < in.tree.N) {
		text, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			break
		}
		in.lines = append(in.lines, text)
		at += int64(len(text)) + 1
		in.offsets = append(in.offsets, at)
		data = rest
	}
	in.leavesTail = int64(len(data))
	n := int64(len(in.lines))
	switch {
	case in.signed && n < in.tree.N:
		in.found(leavesFile, n, at, "it ends here after %d whole leaves, the checkpoint covers %d", n, in.tree.N)
	case len(data) > 0:
		in.found(leavesFile, n, at, "%d bytes stand after the last leaf that the checkpoint covers: added by hand, or left by a crash, which the next start mends", len(data))
	}
}

// checkLeaves looks at each leaf by itself.
func (in *inspection) checkLeaves() {
	for i, text := range in.lines {
		n, at := int64(i), in.offsets[i]
		leaf, err := parseLine(text)
		if err != nil {
			in.found(leavesFile, n, at, "it is not a leaf: %v", err)
			continue
		}
		if leaf.Index != n {
			in.found(leavesFile, n, at, "it says that it is leaf %d", leaf.Index)
		}
		if first, ok := in.keys[leaf.Key]; ok {
			in.found(leavesFile, n, at, "its key %q is that of leaf %d", leaf.Key, first)
			continue
		}
		in.keys[leaf.Key] = n
	}
}

// checkHashes computes all hashes and compares them with the stored ones.
func (in *inspection) checkHashes() {
	reader := tlog.HashReaderFunc(in.readComputed)
	for i, text := range in.lines {
		more, err := tlog.StoredHashesForRecordHash(int64(i), tlog.RecordHash(text), reader)
		if err != nil {
			in.found(leavesFile, int64(i), in.offsets[i], "its hashes: %v", err)
			return
		}
		in.hashes = append(in.hashes, more...)
	}
	in.root, _ = tlog.TreeHash(int64(len(in.lines)), reader)
	stored := in.files[hashesFile]
	for i, h := range in.hashes {
		at := int64(i) * tlog.HashSize
		if at+tlog.HashSize > int64(len(stored)) {
			in.found(hashesFile, -1, int64(len(stored)), "it ends here, within hash %d; the leaves need %d hashes", i, len(in.hashes))
			return
		}
		if bytes.Equal(h[:], stored[at:at+tlog.HashSize]) {
			continue
		}
		if level, n := tlog.SplitStoredHashIndex(int64(i)); level == 0 {
			in.found(hashesFile, n, at, "the hash stored for leaf %d is not the leaf's hash: one of the two was changed", n)
		} else {
			in.found(hashesFile, -1, at, "the hash stored for leaves %d to %d is not theirs", n<<level, (n+1)<<level-1)
		}
	}
	if in.hashesTail = int64(len(stored) - len(in.hashes)*tlog.HashSize); in.hashesTail > 0 {
		in.found(hashesFile, -1, int64(len(stored))-in.hashesTail, "%d bytes stand after the last hash that the leaves need", in.hashesTail)
	}
}

func (in *inspection) readComputed(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(in.hashes)) {
			return nil, fmt.Errorf("hash %d of %d", x, len(in.hashes))
		}
		out[i] = in.hashes[x]
	}
	return out, nil
}

// checkRoot compares the leaves as a whole with what was signed.
func (in *inspection) checkRoot() {
	if !in.signed || int64(len(in.lines)) != in.tree.N || in.root == in.tree.Hash {
		return
	}
	stored := in.files[hashesFile]
	root, err := tlog.TreeHash(in.tree.N, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			if at := x * tlog.HashSize; at+tlog.HashSize <= int64(len(stored)) {
				out[i] = tlog.Hash(stored[at : at+tlog.HashSize])
			}
		}
		return out, nil
	}))
	if err == nil && root == in.tree.Hash {
		in.found(leavesFile, -1, -1, "the leaves are not those that were signed; the stored hashes are, so the leaves they disagree with were changed")
		return
	}
	in.found(leavesFile, -1, -1, "the leaves are not those that were signed: their root hash is %s, the checkpoint has %s", in.root, in.tree.Hash)
}

// checkKnown compares with a checkpoint that was seen earlier.
func (in *inspection) checkKnown(known string) {
	if in.verifier == nil {
		return
	}
	old, err := openCheckpoint(known, in.verifier)
	if err != nil {
		in.found("", -1, -1, "the known checkpoint is not one of this ledger: %v", err)
		return
	}
	if n := int64(len(in.lines)); old.N > n {
		in.found(leavesFile, n, -1, "the ledger has %d leaves; it had %d when the known checkpoint was made: an older copy was put in its place, or leaves were cut off", n, old.N)
		return
	}
	root, err := tlog.TreeHash(old.N, tlog.HashReaderFunc(in.readComputed))
	if err != nil || root != old.Hash {
		in.found(leavesFile, -1, -1, "the first %d leaves are not those of the known checkpoint: the ledger was rewritten", old.N)
	}
}

// publicOf returns the verifier key that belongs to a signer key.
func publicOf(private string) (string, error) {
	text, ok := strings.CutSuffix(private, "\n")
	if !ok {
		return "", errors.New("it has no end")
	}
	if _, err := note.NewSigner(text); err != nil {
		return "", err
	}
	// PRIVATE+KEY+name+hash+data, and data is the algorithm and the seed.
	parts := strings.SplitN(text, "+", 5)
	data, err := base64.StdEncoding.Strict().DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 5 || len(data) != 1+ed25519.SeedSize {
		return "", errors.New("it is not written as this program writes it")
	}
	pub, ok := ed25519.NewKeyFromSeed(data[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("it is of another kind")
	}
	return note.NewEd25519VerifierKey(parts[2], pub)
}

// verifierKey returns the key as this program writes it.
func verifierKey(key string) (string, error) {
	parts := strings.SplitN(key, "+", 3)
	if len(parts) != 3 {
		return "", errors.New("it has not three parts")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(data) != 1+ed25519.PublicKeySize {
		return "", errors.New("it is not written as this program writes it")
	}
	return note.NewEd25519VerifierKey(parts[0], ed25519.PublicKey(data[1:]))
}
