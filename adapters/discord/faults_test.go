package discord

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

// meanings says what each fault is to Send, Edit and Delete; one reason for all
// where they agree.
var meanings = map[string][]chat.Reason{
	"429-header":        {chat.RateLimited},
	"429-body":          {chat.RateLimited},
	"429-both":          {chat.RateLimited},
	"429-absurd":        {chat.RateLimited},
	"429-nonsense":      {chat.RateLimited},
	"429-global":        {chat.RateLimited},
	"429-shared":        {chat.RateLimited},
	"429-edge":          {chat.RateLimited},
	"403-edge":          {chat.RateLimited},
	"500":               {chat.Unknown},
	"502":               {chat.Unknown},
	"503":               {chat.Unknown},
	"500-after":         {chat.Unknown},
	"502-after":         {chat.Unknown},
	"reset":             {chat.Unknown},
	"reset-after":       {chat.Unknown},
	"half-answer-after": {chat.Unknown, chat.Unknown, 0}, // a deletion's answer has no halves
	"stall":             {chat.Unknown},
	"stall-after":       {chat.Unknown},
	"drip-after":        {chat.Unknown, chat.Unknown, 0},
	"not-json-after":    {chat.Unknown, 0, 0}, // what an edit is answered matters to nobody
	"html-after":        {chat.Unknown, 0, 0},
	"no-id-after":       {chat.Unknown, 0, 0},
	"unauthorized":      {chat.Unauthorized},
	"missing-access":    {chat.Gone},
	"missing-right":     {chat.Gone},
	"channel-gone":      {chat.Gone, chat.Gone, 0},
	"message-gone":      {chat.Rejected, chat.Gone, 0},
	"edit-refused":      {chat.Frozen},
	"published-edits":   {chat.RateLimited},
	"archived":          {chat.Gone, chat.Frozen, chat.Gone},
	"locked":            {chat.Gone, chat.Frozen, chat.Gone},
	"invalid-form":      {chat.Rejected},
	"automod":           {chat.Rejected},
}

// Every fault meets every call, once. The reason is right, it comes in time,
// and when the fault is over one more call makes all well, with nothing twice.
func TestEveryFault(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(meanings)), slices.Sorted(maps.Keys(discordtest.Faults())); !slices.Equal(got, want) {
		t.Fatalf("meanings of %q, faults %q", got, want)
	}
	for name, f := range discordtest.Faults() {
		for i, call := range []string{"send", "edit", "delete"} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				srv, a := start(t)
				id := mustSend(t, a, post("stands"))
				p := post("card")
				calls := map[string]func(context.Context) error{
					"send":   func(ctx context.Context) error { _, err := a.Send(ctx, p); return err },
					"edit":   func(ctx context.Context) error { return a.Edit(ctx, channelA, id, card("Bridge open again")) },
					"delete": func(ctx context.Context) error { return a.Delete(ctx, channelA, id) },
				}
				srv.Fail(f)
				ctx, cancel := givingUp(t, name)
				defer cancel()
				begun := time.Now()
				err := calls[call](ctx)
				if d, _ := ctx.Deadline(); time.Since(d) > 2*time.Second {
					t.Errorf("it took %v", time.Since(begun))
				}
				want := meanings[name][0]
				if len(meanings[name]) > 1 {
					want = meanings[name][i]
				}
				if got := chat.ReasonOf(err); got != want {
					t.Fatalf("%v, want reason %v", err, want)
				}
				if want == chat.Unknown {
					p.Tried = begun
				}
				a.limits = newLimits(0, 0) // the wait is over
				err = calls[call](t.Context())
				if chat.ReasonOf(err) == chat.Unknown { // the connection that broke was still in use
					p.Tried = begun
					err = calls[call](t.Context())
				}
				if err != nil {
					t.Fatalf("when all is well again: %v", err)
				}
				whole(t, srv, call)
			})
		}
	}
}

// whole checks what stands in the end.
func whole(t *testing.T, srv *discordtest.Server, call string) {
	t.Helper()
	switch call {
	case "send":
		stands(t, srv, channelID, "stands", "card")
	case "delete":
		stands(t, srv, channelID)
	case "edit":
		stands(t, srv, channelID, "stands")
		if got := srv.Messages(channelID)[0].Embeds[0].Title; got != "Bridge open again" {
			t.Errorf("it shows %q", got)
		}
	}
}

// What is wrong for good stays so until somebody mends it, costs one request
// each time, and then goes on with nothing lost or doubled.
func TestLastingTrouble(t *testing.T) {
	for _, tt := range []struct {
		name string
		harm func(*discordtest.Server)
		mend func(*discordtest.Server)
		want chat.Reason
	}{
		{"channel deleted", func(s *discordtest.Server) { s.RemoveChannel(channelID) }, func(s *discordtest.Server) { s.AddChannel(channelID) }, chat.Gone},
		{"may not see", func(s *discordtest.Server) { s.Deny(channelID, permViewChannel) }, func(s *discordtest.Server) { s.Deny(channelID, 0) }, chat.Gone},
		{"may not send", func(s *discordtest.Server) { s.Deny(channelID, permSendMessages) }, func(s *discordtest.Server) { s.Deny(channelID, 0) }, chat.Gone},
		{"may not embed", func(s *discordtest.Server) { s.Deny(channelID, permEmbedLinks) }, func(s *discordtest.Server) { s.Deny(channelID, 0) }, chat.Gone},
		{"token revoked", func(s *discordtest.Server) { s.Revoke() }, func(s *discordtest.Server) { s.Restore() }, chat.Unauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			tt.harm(srv)
			for i := range 5 {
				before := len(srv.Requests())
				_, err := a.Send(t.Context(), post("card"))
				if se := reason(t, err, tt.want); se.Remedy == "" {
					t.Error("no remedy")
				}
				if n := len(srv.Requests()) - before; n != 1 {
					t.Errorf("attempt %d: %d requests", i, n)
				}
			}
			tt.mend(srv)
			mustSend(t, a, post("card"))
			stands(t, srv, channelID, "card")
		})
	}
}

func TestEditRefused(t *testing.T) {
	srv, a := start(t)
	id := mustSend(t, a, post("card"))
	srv.Fail(discordtest.Faults()["edit-refused"])
	se := reason(t, a.Edit(t.Context(), channelA, id, card("x")), chat.Frozen)
	if se.RetryAfter != 10*time.Minute {
		t.Errorf("wait %v", se.RetryAfter)
	}
}

// An answer that takes for ever is given up, and what was accepted is found.
func TestSlowAnswers(t *testing.T) {
	for _, name := range []string{"drip-after", "stall-after"} {
		srv, a := start(t)
		srv.Fail(discordtest.Faults()[name])
		ctx, cancel := context.WithTimeout(t.Context(), stallTime)
		p := post("card")
		begun := time.Now()
		_, err := a.Send(ctx, p)
		cancel()
		reason(t, err, chat.Unknown)
		p.Tried = begun
		for n := range 3 {
			mustSend(t, a, p)
			if d := srv.Doubles(); len(d) > 0 {
				t.Fatalf("%s, attempt %d: doubled: %q", name, n, d)
			}
		}
	}
}

// Several deliveries whose outcomes are unknown are told apart.
func TestManyUnknown(t *testing.T) {
	srv, a := start(t)
	faults := discordtest.Faults()
	names := []string{"reset-after", "reset", "500-after", "503", "half-answer-after", "not-json-after"}
	for i := range 30 {
		f := faults[names[i%len(names)]]
		f.Method = "POST"
		srv.Fail(f)
		begun := time.Now()
		p := post(fmt.Sprint("card", i))
		_, err := a.Send(t.Context(), p)
		reason(t, err, chat.Unknown)
		p.Tried = begun.Add(-time.Duration(i) * time.Minute) // some soon, some late
		mustSend(t, a, p)
	}
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint("card", i))
	}
	stands(t, srv, channelID, want...)
}
