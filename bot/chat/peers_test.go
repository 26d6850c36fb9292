package chat

import "testing"

// TestShare checks that the parts of all replicas add up to the whole.
func TestShare(t *testing.T) {
	if n := (Share{}).Cut(50); n != 50 {
		t.Errorf("who is alone has %d of 50", n)
	}
	for n := range 120 {
		for of := 1; of < 70; of++ {
			sum, parts := 0, 0.0
			for rank := range of {
				s := Share{Rank: rank, Of: of}
				sum += s.Cut(n)
				parts += s.Part(float64(n))
			}
			if sum != n || parts < float64(n)-1e-6 || parts > float64(n)+1e-6 {
				t.Fatalf("%d parts of %d are %d, %g", of, n, sum, parts)
			}
		}
	}
}
