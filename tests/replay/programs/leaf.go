// A goroutine whose leaf has no frame of its own.
package main

var sink int

//go:noinline
func leaf(n int) int {
	return n*7 + 3
}

//go:noinline
func calls() {
	for {
		sink += leaf(sink)
	}
}

func main() {
	calls()
}
