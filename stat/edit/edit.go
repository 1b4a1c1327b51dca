// Package edit says how far two words are apart, and which of some words is
// nearest.
//
// It answers one question: what did a person who wrote this probably mean? The
// distance is Levenshtein's, in bytes.
package edit

// Nearest returns the word of known with the least distance to word, the first
// in the alphabet if there are several, or "" if none is at most most away.
func Nearest(word string, known []string, most int) string {
	best, at := "", most+1
	for _, k := range known {
		if d := Distance(word, k); d < at || d == at && best != "" && k < best {
			best, at = k, d
		}
	}
	return best
}

// Distance returns how many bytes must be put in, taken out or changed to make b
// of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
