package trunk

// Rank is where a trunk stands among others.
type Rank struct{ Order, Weight int }

// Arrange returns the indexes of trunks in the order in which one call tries them: the lowest order first, those of one order by
// chance, each in proportion to its weight among those that are left (as the weights of SRV). draw returns a number from 0 to n-1.
func Arrange(all []Rank, draw func(n int) int) []int {
	left := make([]int, len(all))
	for i := range left {
		left[i] = i
	}
	var arranged []int
	for len(left) > 0 {
		i := pick(all, left, draw)
		arranged = append(arranged, left[i])
		left = append(left[:i], left[i+1:]...)
	}
	return arranged
}

// pick chooses one of those of the lowest order.
func pick(all []Rank, left []int, draw func(n int) int) int {
	lowest, total := all[left[0]].Order, 0
	for _, i := range left {
		lowest = min(lowest, all[i].Order)
	}
	for _, i := range left {
		if all[i].Order == lowest {
			total += max(1, all[i].Weight)
		}
	}
	n := draw(total)
	for at, i := range left {
		if all[i].Order != lowest {
			continue
		}
		if n -= max(1, all[i].Weight); n < 0 {
			return at
		}
	}
	return 0
}
