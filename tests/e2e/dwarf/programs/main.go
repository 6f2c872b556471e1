package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

type pair struct {
	word  string
	count int
}

func twist(n int) int { return n*3 + 1 }

func count(words []string) []pair {
	counts := map[string]int{}
	for _, word := range words {
		counts[strings.ToLower(word)] += twist(len(word))
	}
	pairs := make([]pair, 0, len(counts))
	for word, n := range counts {
		pairs = append(pairs, pair{word, n})
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i].count > pairs[j].count })
	return pairs
}

func main() {
	for _, p := range count(os.Args) {
		fmt.Println(p.word, p.count)
	}
}
