//go:build cgo

package main

/*
extern int in_go(int);
static int in_c(int n) {
  volatile int sum = 0;
  for (int i = 0; i < n; i++) {
    sum += i;
  }
  return sum + in_go(n);
}
*/
import "C"

//export in_go
func in_go(n C.int) C.int { return C.int(leaf(int(n))) }

//go:noinline
func through_c(n int) { sink = int(C.in_c(C.int(n))) }
