package resolve

import (
	"cmp"
	"slices"
)

// sortSRV brings records into the order that drawSRV wants. Of too many, the
// lightest of the last priority are left out.
func sortSRV(list []SRV) []SRV {
	list = slices.Clone(list)
	for i := range list {
		list[i].Target = canonical(list[i].Target)
	}
	slices.SortStableFunc(list, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight))
	})
	list = list[:min(len(list), maxRecords)]
	slices.SortStableFunc(list, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight))
	})
	return list
}

// sortNAPTR sorts by order and preference (RFC 3403 section 4.1).
func sortNAPTR(list []NAPTR) []NAPTR {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return list
}

// drawSRV appends sorted records to drawn, by priority, and within a priority
// drawn by weight as RFC 2782 has it: the share of a server is that of its
// weight.
func drawSRV(sorted, drawn []SRV, intN func(int) int) []SRV {
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Priority == sorted[0].Priority {
			n++
		}
		drawn = append(drawn, sorted[:n]...)
		shuffle(drawn[len(drawn)-n:], intN)
		sorted = sorted[n:]
	}
	return drawn
}

// shuffle draws one record after the other. Those of weight 0 stand in front, so
// that a number of 0, and nothing else, takes the first of them.
func shuffle(list []SRV, intN func(int) int) {
	sum := 0
	for _, rec := range list {
		sum += int(rec.Weight)
	}
	for ; len(list) > 1; list = list[1:] {
		var at int
		if sum == 0 {
			at = intN(len(list)) // no weights: RFC 2782 leaves it open
		} else {
			at = pick(list, intN(sum+1))
		}
		drawn := list[at]
		copy(list[1:at+1], list[:at]) // the others keep their order
		list[0] = drawn
		sum -= int(drawn.Weight)
	}
}

// pick returns the first record at which the sum of the weights reaches number.
func pick(list []SRV, number int) int {
	sum := 0
	for i, rec := range list {
		if sum += int(rec.Weight); sum >= number {
			return i
		}
	}
	return len(list) - 1
}
