// go_stacks [SECONDS]: code whose stack goes on elsewhere: leaves without frames, the clock's calls into the vDSO, stacks
// that grow, collected garbage, and (built with cgo) C below Go and Go below that C.
package main

import (
	"os"
	"strconv"
	"time"
)

//go:noinline
func leaf(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i ^ (sum >> 3)
	}
	return sum
}

//go:noinline
func clock(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += time.Now().Nanosecond()
	}
	return sum
}

//go:noinline
func grow(n int) byte {
	var room [256]byte
	if n == 0 {
		return room[0]
	}
	room[n&255] = 1
	return grow(n-1) + room[n&255]
}

//go:noinline
func garbage() [][]byte {
	var kept [][]byte
	for i := 0; i < 1000; i++ {
		kept = append(kept, make([]byte, 1000))
	}
	return kept
}

var sink any

func main() {
	seconds := 1.0
	if len(os.Args) > 1 {
		seconds, _ = strconv.ParseFloat(os.Args[1], 64)
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for time.Now().Before(end) {
		sink = leaf(300000)
		sink = clock(3000)
		grown := make(chan byte)
		go func() { grown <- grow(300) }()
		sink = <-grown
		sink = garbage()
		through_c(300000)
	}
}
