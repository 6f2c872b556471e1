package main

import (
	"sync"
	"time"
)

const (
	bytesPerSecond = 4_000_000
	burstBytes     = 2_000_000
)

// A token bucket, as the server's rate limiter: what is larger than the burst never passes.
type limiter struct {
	mutex  sync.Mutex
	tokens float64
	last   time.Time
}

func newLimiter(now time.Time) *limiter { return &limiter{tokens: burstBytes, last: now} }

func (l *limiter) allow(size int, now time.Time) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.tokens = min(burstBytes, l.tokens+now.Sub(l.last).Seconds()*bytesPerSecond)
	l.last = now
	if float64(size) > l.tokens {
		return false
	}
	l.tokens -= float64(size)
	return true
}
