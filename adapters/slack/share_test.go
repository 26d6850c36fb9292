package slack

import (
	"fmt"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// TestShare checks that what replicas send together stays under the
// workspace's limit.
func TestShare(t *testing.T) {
	for of := 1; of <= 8; of++ {
		sent := 0
		for rank := range of {
			p := newPacer(1)
			p.share(chat.Share{Rank: rank, Of: of})
			now := time.Now().Add(time.Hour) // the burst is full
			end := now.Add(10 * time.Second)
			for ch := 0; now.Before(end); ch++ {
				if wait := p.take(fmt.Sprint(ch), now); wait > 0 {
					now = now.Add(wait)
					continue
				}
				sent++
			}
		}
		if most := int(10*teamRate) + teamBurst + of; sent > most || sent < most*8/10 {
			t.Errorf("%d replicas send %d in 10 s; the limit is %d", of, sent, most)
		}
	}
	p := newPacer(1)
	p.share(chat.Share{Rank: 1, Of: 3})
	p.share(chat.Share{})
	if p.team.Limit() != teamRate || p.team.Burst() != teamBurst {
		t.Errorf("alone again: %v, %d", p.team.Limit(), p.team.Burst())
	}
}
