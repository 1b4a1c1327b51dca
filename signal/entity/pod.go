package entity

import "strings"

// safe are the characters of Kubernetes' generated suffixes: no vowels and
// nothing that is mistaken for one, so that they make no words
// (k8s.io/apimachinery/pkg/util/rand).
const safe = "bcdfghjklmnpqrstvwxz2456789"

// Workload returns the name of what runs the pod: without the hash of a
// ReplicaSet and the suffix of a pod, the number of a StatefulSet, or the time
// of a CronJob. A name without any of them comes back as it is.
func Workload(pod string) string {
	head, tail, ok := cutLast(pod)
	switch {
	case !ok:
		return pod
	case digits(tail) && len(tail) <= 4: // StatefulSet: db-0
		return head
	case !generated(tail, 5, 5):
		return pod
	}
	// One suffix is cut. What precedes it may be a hash (Deployment: 6 to 10 of
	// the same characters) or a time (CronJob: minutes since 1970).
	if h, t, ok := cutLast(head); ok && (generated(t, 6, 10) || digits(t) && len(t) == 8) {
		return h
	}
	return head
}

func cutLast(s string) (head, tail string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// generated reports whether s could be a generated suffix of that length.
// Short words without vowels and digits do not occur; a suffix may by chance
// have no digit.
func generated(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	return strings.Trim(s, safe) == ""
}
