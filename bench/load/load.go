// Calls some thirty deep, on and on.
package main

import "time"

//go:noinline
func work(depth int) int {
	if depth > 0 {
		return work(depth-1) + 1
	}
	sum := 0
	for i := 0; i < 20000; i++ {
		sum += i * i
	}
	return sum
}

var sink int

func main() {
	for {
		for i := 0; i < 50; i++ {
			sink += work(30)
		}
		time.Sleep(time.Millisecond)
	}
}
