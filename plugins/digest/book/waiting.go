package book

// Waiting are the topics about which something was asked since a time, in Unix
// seconds, and of which no thread has an answer.
func (b *Book) Waiting(since int64) map[uint32]bool {
	out := map[uint32]bool{}
	for item, e := range b.entries {
		for _, s := range e.sources {
			if int64(s.at) >= since {
				if topic, ok := b.Index.Topic(item); ok {
					out[topic] = true
				}
				break
			}
		}
	}
	if len(out) == 0 {
		return out
	}
	for item, e := range b.entries {
		for _, s := range e.sources {
			if s.has {
				if topic, ok := b.Index.Topic(item); ok {
					delete(out, topic)
				}
				break
			}
		}
	}
	return out
}
