package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A tally counts lines.
type tally struct {
	mu    sync.Mutex
	lines map[string]int
}

// maxLines bounds a tally, since anybody can call from ever new names.
const maxLines = 10_000

func (t *tally) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.lines[line]; !known && len(t.lines) >= maxLines {
		line = "others"
	}
	t.lines[line]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list strings.Builder
	for _, line := range slices.Sorted(maps.Keys(t.lines)) {
		fmt.Fprintf(&list, "%6d  %s\n", t.lines[line], line)
	}
	return list.String()
}
