package signal

import "sync"

// eagerness is how many times what is free one sender may hold: alone it gets
// eight ninths, of two that want all each gets eight seventeenths, and there is
// always a part left for one that comes new.
const eagerness = 8

// A share divides something that is limited between those who hold parts of it,
// by dynamic thresholds (Choudhury and Hahne, 1998): the fuller it is, the less
// may one holder have, so that whoever floods is refused first. It knows only
// those who hold something. It is safe for concurrent use.
type share struct {
	mu    sync.Mutex
	total int64
	parts map[string]int64
}

// verdict says what came of a wish for a part.
type verdict uint8

const (
	granted verdict = iota
	full            // there is not so much left
	greedy          // there is, but this holder has its share already
)

// take gives n of most to who. One that holds nothing gets what there is.
func (s *share) take(who string, n, most int64) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.parts[who]
	switch {
	case s.total+n > most:
		if held > most/2 {
			return greedy
		}
		return full
	case held > 0 && held+n > eagerness*(most-s.total-n):
		return greedy
	}
	if s.parts == nil {
		s.parts = make(map[string]int64)
	}
	s.parts[who] = held + n
	s.total += n
	return granted
}

// give takes n back from who.
func (s *share) give(who string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total -= n
	if s.parts[who] -= n; s.parts[who] <= 0 {
		delete(s.parts, who)
	}
}

// held returns what is given out.
func (s *share) held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
