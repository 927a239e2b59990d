package slack

import (
	"sync"
	"time"
)

// cache remembers values for a time, and no more than max of them. What is
// forgotten is asked for again.
type cache[V any] struct {
	mu  sync.Mutex
	now func() time.Time
	ttl time.Duration
	max int
	m   map[string]cached[V]
}

type cached[V any] struct {
	v     V
	until time.Time
}

func newCache[V any](now func() time.Time, ttl time.Duration, max int) *cache[V] {
	return &cache[V]{now: now, ttl: ttl, max: max, m: map[string]cached[V]{}}
}

func (c *cache[V]) get(key string) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[key]
	if !ok || c.now().After(e.until) {
		return v, false
	}
	return e.v, true
}

func (c *cache[V]) put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.m[key]; !there && len(c.m) >= c.max {
		c.shrink()
	}
	c.m[key] = cached[V]{v, c.now().Add(c.ttl)}
}

// update changes a value in place if it is there.
func (c *cache[V]) update(key string, f func(*V) (keep bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[key]
	if !ok || c.now().After(e.until) {
		return
	}
	if f(&e.v) {
		c.m[key] = e
	} else {
		delete(c.m, key)
	}
}

func (c *cache[V]) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key)
}

func (c *cache[V]) dropIf(is func(key string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.m {
		if is(k) {
			delete(c.m, k)
		}
	}
}

// shrink makes room: what is out of date goes, and if that is little, any
// quarter of the rest.
func (c *cache[V]) shrink() {
	now := c.now()
	for k, e := range c.m {
		if now.After(e.until) {
			delete(c.m, k)
		}
	}
	for k := range c.m {
		if len(c.m) <= c.max-c.max/4 {
			return
		}
		delete(c.m, k)
	}
}
