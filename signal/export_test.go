package signal

// Held is how many bytes of bodies are in flight.
func Held(d *Doors) int64 { return d.bodies.held() }
