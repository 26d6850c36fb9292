package adaptertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// try sends a post that must succeed.
func (p *Platform) try(t *testing.T, post chat.Post) chat.MessageID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := p.Adapter.Send(ctx, post)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if id == "" {
		t.Fatal("Send returned no id")
	}
	return id
}

// under returns a post of a plain card in the thread of a page.
func (p *Platform) under(page chat.MessageID, key, headline string) chat.Post {
	post := p.post(key, plain(headline))
	post.Thread = page
	return post
}

// page posts the message of a page.
func (p *Platform) page(t *testing.T) chat.MessageID {
	t.Helper()
	return p.try(t, p.post("thepage", forms()[chat.HeadForm]))
}

// thread checks what stands in the thread of a page, by headline.
func (p *Platform) thread(t *testing.T, page chat.MessageID, want ...string) []Message {
	t.Helper()
	ms := p.Thread(page)
	if len(ms) != len(want) {
		t.Fatalf("%d messages in the thread, want %d: %v", len(ms), len(want), ms)
	}
	for i, m := range ms {
		shows(t, m.Text, want[i])
		inert(t, m.Text, m.Mentions, m.Links)
	}
	return ms
}

// threads skips the test on a platform without threads.
func (p *Platform) threads(t *testing.T) {
	t.Helper()
	if p.Thread == nil {
		t.Skip("this platform has no threads")
	}
}

func threadsHold(t *testing.T, p *Platform) {
	page := p.page(t)
	first := p.try(t, p.under(page, "delivery1", "Bridge closed"))
	second := p.try(t, p.under(page, "delivery2", "Ferries stay in port"))
	if first == second || first == page {
		t.Errorf("ids %q, %q, %q", page, first, second)
	}
	if p.Alone && p.Thread == nil { // then the reader sees it where he sees everything
		p.count(t, 3)
		return
	}
	p.threads(t)
	p.count(t, 1)
	ms := p.thread(t, page, "Bridge closed", "Ferries stay in port")
	for i, id := range []chat.MessageID{first, second} {
		if ms[i].ID != "" && ms[i].ID != id {
			t.Errorf("Send returned id %q, the message has %q", id, ms[i].ID)
		}
	}
	if err := p.Adapter.Edit(t.Context(), p.Channel, first, plain("Bridge open again")); err != nil {
		t.Fatal(err)
	}
	head := forms()[chat.HeadForm]
	head.Headline = "Storm over, bridge open"
	if err := p.Adapter.Edit(t.Context(), p.Channel, page, head); err != nil {
		t.Fatal(err)
	}
	p.thread(t, page, "Bridge open again", "Ferries stay in port")
	p.count(t, 1)
	shows(t, p.newest(t).Text, head.Headline)
	if err := p.Adapter.Delete(t.Context(), p.Channel, first); err != nil {
		t.Fatal(err)
	}
	p.thread(t, page, "Ferries stay in port")
	p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, first, plain("Bridge closed")), chat.Gone)
}

// threadsBroadcast posts in a thread what is shown in the channel too.
func threadsBroadcast(t *testing.T, p *Platform) {
	p.threads(t)
	page := p.page(t)
	post := p.under(page, "delivery1", "Bridge closed")
	post.Broadcast = true
	id := p.try(t, post)
	p.thread(t, page, "Bridge closed")
	p.count(t, 2)
	shows(t, p.newest(t).Text, "Bridge closed")
	if err := p.Adapter.Edit(t.Context(), p.Channel, id, plain("Bridge open again")); err != nil {
		t.Fatal(err)
	}
	p.thread(t, page, "Bridge open again")
	p.count(t, 2)
	shows(t, p.newest(t).Text, "Bridge open again")
	if err := p.Adapter.Delete(t.Context(), p.Channel, id); err != nil {
		t.Fatal(err)
	}
	p.thread(t, page)
	p.count(t, 1)
}

// threadsRecognise loses the answers to what a page and its thread are made
// of. Each is tried again and stands once.
func threadsRecognise(t *testing.T, p *Platform) {
	p.threads(t)
	if !p.Recognises {
		t.Skip("this platform cannot find the message of an earlier attempt")
	}
	again := func(post chat.Post) chat.MessageID {
		t.Helper()
		p.fail(t, LostAnswer)
		tried := time.Now()
		_, err := p.Adapter.Send(t.Context(), post)
		p.failed(t, err, chat.Unknown)
		post.Tried = tried
		return p.try(t, post)
	}
	page := again(p.post("thepage", forms()[chat.HeadForm]))
	p.count(t, 1)
	id := again(p.under(page, "delivery1", "Bridge closed"))
	p.thread(t, page, "Bridge closed")
	again(p.under(page, "delivery2", "Ferries stay in port"))
	aloud := p.under(page, "delivery3", "Forty lorries wait")
	aloud.Broadcast = true
	loud := again(aloud)
	p.thread(t, page, "Bridge closed", "Ferries stay in port", "Forty lorries wait")
	p.count(t, 2)
	for id, headline := range map[chat.MessageID]string{id: "Bridge open again", loud: "Fifty lorries wait"} {
		if err := p.Adapter.Edit(t.Context(), p.Channel, id, plain(headline)); err != nil {
			t.Errorf("the id of the message that was found does not serve: %v", err)
		}
	}
	p.thread(t, page, "Bridge open again", "Ferries stay in port", "Fifty lorries wait")
	shows(t, p.newest(t).Text, "Fifty lorries wait")
}

// threadsGo takes a thread away.
func threadsGo(t *testing.T, p *Platform) {
	p.threads(t)
	if p.RemoveThread == nil {
		t.Skip("threads of this platform do not go")
	}
	page := p.page(t)
	id := p.try(t, p.under(page, "delivery1", "Bridge closed"))
	p.RemoveThread(page)
	_, err := p.Adapter.Send(t.Context(), p.under(page, "delivery2", "Ferries stay in port"))
	if se := p.failed(t, err, chat.Gone); !se.Thread {
		t.Errorf("%v; want one that says the thread is gone, not the channel", err)
	}
	p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, id, plain("Bridge open again")), chat.Gone)
	if err := p.Adapter.Delete(t.Context(), p.Channel, id); err != nil {
		t.Errorf("Delete of what went with its thread: %v", err)
	}
	p.try(t, p.post("delivery3", plain("Ferries stay in port")))
	shows(t, p.newest(t).Text, "Ferries stay in port")
}

// forumsHold opens a post in a forum; anywhere else it is a message.
func forumsHold(t *testing.T, p *Platform) {
	post := p.post("thepage", forms()[chat.HeadForm])
	post.Forum, post.Tags = true, []string{"no such tag", "", "@everyone"}
	if p.Forum == (chat.Channel{}) {
		p.try(t, post)
		p.count(t, 1)
		shows(t, p.newest(t).Text, post.Card.Headline)
		return
	}
	post.Channel = p.Forum
	if p.Recognises {
		p.fail(t, LostAnswer)
		tried := time.Now()
		_, err := p.Adapter.Send(t.Context(), post)
		p.failed(t, err, chat.Unknown)
		post.Tried = tried
	}
	page := p.try(t, post)
	posts := p.ForumPosts()
	if len(posts) != 1 {
		t.Fatalf("%d posts in the forum, want 1: %v", len(posts), posts)
	}
	shows(t, posts[0].Text, post.Card.Headline)
	under := p.under(page, "delivery1", "Bridge closed")
	under.Channel = p.Forum
	id := p.try(t, under)
	p.thread(t, page, "Bridge closed")
	for id, c := range map[chat.MessageID]chat.Card{id: plain("Bridge open again"), page: plain("Storm over")} {
		if err := p.Adapter.Edit(t.Context(), p.Forum, id, c); err != nil {
			t.Fatal(err)
		}
	}
	p.thread(t, page, "Bridge open again")
	shows(t, p.ForumPosts()[0].Text, "Storm over")
	if p.RemoveThread == nil {
		return
	}
	p.RemoveThread(page)
	_, err := p.Adapter.Send(t.Context(), under)
	if se := p.failed(t, err, chat.Gone); !se.Thread {
		t.Errorf("%v; want one that says the thread is gone, not the forum", err)
	}
}

// repliesArePosted answers messages that stand and messages that do not.
func repliesArePosted(t *testing.T, p *Platform) {
	id, _ := p.send(t, "delivery1", plain("Bridge closed"))
	for i, to := range []chat.MessageID{id, p.Missing, "no such\nid"} {
		post := p.post(fmt.Sprint("note", i), forms()[chat.NoteForm])
		post.Card.Headline, post.Reply = fmt.Sprint("Note number ", i), to
		p.try(t, post)
		shows(t, p.newest(t).Text, post.Card.Headline)
	}
	p.count(t, 4)
	if p.Thread == nil {
		return
	}
	page := p.page(t)
	first := p.try(t, p.under(page, "delivery2", "Ferries stay in port"))
	note := p.under(page, "note9", "Ferries sail again")
	note.Reply = first
	p.try(t, note)
	p.thread(t, page, "Ferries stay in port", "Ferries sail again")
	p.count(t, 5)
}

// publishIsNoError publishes where nothing can be published.
func publishIsNoError(t *testing.T, p *Platform) {
	post := p.post("delivery1", card())
	post.Publish = true
	p.try(t, post)
	p.count(t, 1)
	shows(t, p.newest(t).Text, post.Card.Headline)
}

// mentionsAreTold holds that who is to be told aloud is, and nobody else.
func mentionsAreTold(t *testing.T, p *Platform) {
	for i, id := range []string{"", "everyone", "@everyone", "here", "!channel", "U1> <!channel> <@U2", "1> @everyone <@2", "x\ny"} {
		post := p.post(fmt.Sprint("delivery", i), card())
		post.Mentions = []chat.Mention{{ID: id}, {Role: true, ID: id}}
		p.try(t, post)
		if m := p.newest(t); len(m.Mentions) > 0 {
			t.Errorf("the id %q tells %q", id, m.Mentions)
		}
	}
	if p.Member == (chat.Mention{}) {
		t.Skip("nobody can be told aloud on this platform")
	}
	post := p.post("aloud", hostileCard(hostile[0].text))
	post.Mentions = []chat.Mention{p.Member}
	p.try(t, post)
	if m := p.newest(t); len(m.Mentions) != 1 || m.Mentions[0] != p.Member.ID {
		t.Errorf("it tells %q, want %q", m.Mentions, p.Member.ID)
	}
}

func deleteRemoves(t *testing.T, p *Platform) {
	id, _ := p.send(t, "delivery1", plain("Bridge closed"))
	p.send(t, "delivery2", plain("Ferries stay in port"))
	for range 2 { // one that is not there any more is no error
		if err := p.Adapter.Delete(t.Context(), p.Channel, id); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if err := p.Adapter.Delete(t.Context(), p.Channel, p.Missing); err != nil {
		t.Errorf("Delete of a message that is not there: %v", err)
	}
	if p.Reprints {
		return
	}
	p.count(t, 1)
	shows(t, p.newest(t).Text, "Ferries stay in port")
	p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, id, plain("Bridge open again")), chat.Gone)
	p.count(t, 1)
}

// deleteFails holds that a Delete that was not done is no success.
func deleteFails(t *testing.T, p *Platform) {
	id, _ := p.send(t, "delivery1", plain("Bridge closed"))
	for _, f := range []Fault{Unauthorized, ServerError, Reset} {
		p.fail(t, f)
		p.failed(t, p.Adapter.Delete(t.Context(), p.Channel, id), reasons[f])
		p.count(t, 1)
	}
}

// paceIsFree holds that a channel without history may be written to at once,
// and that asking takes no time.
func paceIsFree(t *testing.T, p *Platform) {
	if d := p.Adapter.Pace(p.Channel); d != 0 {
		t.Errorf("a fresh channel is to wait %v", d)
	}
	start := time.Now()
	for range 1000 {
		if d := p.Adapter.Pace(p.Channel); d < 0 || d > time.Hour {
			t.Fatalf("a channel is to wait %v", d)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("asking 1000 times took %v", took)
	}
	other := chat.Channel{Adapter: p.Channel.Adapter, ID: p.Channel.ID + "0"}
	if d := p.Adapter.Pace(other); d < 0 || d > time.Hour {
		t.Errorf("another channel is to wait %v", d)
	}
}

// cardsArePressed presses a button under a card.
func cardsArePressed(t *testing.T, p *Platform) {
	if p.PressUnder == nil {
		t.Skip("this platform has no buttons under cards")
	}
	heard := make(chan chat.Command, 1)
	p.serve(t, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		heard <- c
		return chat.Reply{Text: "It is stopped."}, nil
	})
	post := p.post("delivery1", card())
	post.Buttons = []chat.Button{{Label: "Stop this alert", Action: "alert.7"}}
	id := p.try(t, post)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.PressUnder(ctx, id, "Stop this alert"); err != nil {
		t.Fatal(err)
	}
	select {
	case c := <-heard:
		if c.Kind != chat.Press || c.Action != "alert.7" || c.Target != id || c.Channel != p.Channel {
			t.Errorf("the handler heard %+v; want target %q", c, id)
		}
	case <-ctx.Done():
		t.Error("the handler hears nothing")
	}
}
