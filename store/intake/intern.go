package intake

// entryCost is what an entry of an interned map takes beside its text.
const entryCost = 64

// interned remembers values by their text, up to about limit bytes. It keeps
// two generations: when the young one has half of the limit, the old one goes
// and the young one takes its place; what is asked for again moves to the young
// one. So what is in use stays, without a list of who was used when.
type interned[V any] struct {
	limit      int
	text       func(V) string
	young, old map[string]V
	size       int // of young
}

func (m *interned[V]) get(text []byte) (V, bool) {
	if v, ok := m.young[string(text)]; ok {
		return v, true
	}
	v, ok := m.old[string(text)]
	if ok {
		m.put(v)
	}
	return v, ok
}

func (m *interned[V]) put(v V) {
	text := m.text(v)
	cost := len(text) + entryCost
	if cost > m.limit/16 {
		return // one giant text must not push out everything else
	}
	if m.young == nil || m.size+cost > m.limit/2 {
		m.young, m.old, m.size = make(map[string]V), m.young, 0
	}
	m.young[text] = v
	m.size += cost
}
