package discord

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

const (
	forumID = "1500000000000000050"
	newsID  = "1500000000000000060" // of announcements
	voiceID = "1500000000000000070"
)

func head(key string) chat.Post {
	return chat.Post{Channel: channelA, Key: key, Card: chat.Card{
		Form: chat.HeadForm, Source: "Harbour Gazette", Headline: "Storm tide in the harbour", URL: "https://gazette.example/live/storm", Count: 3,
	}}
}

func in(p chat.Post, thread chat.MessageID) chat.Post {
	p.Thread = thread
	return p
}

func mustSend(t *testing.T, a *Adapter, p chat.Post) chat.MessageID {
	t.Helper()
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// standing returns the keys of the cards in a channel or thread, in order.
func standing(srv *discordtest.Server, id string) []string {
	var keys []string
	for _, m := range srv.Messages(id) {
		keys = append(keys, m.Key())
	}
	return keys
}

func stands(t *testing.T, srv *discordtest.Server, id string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, standing(srv, id)); d != "" {
		t.Errorf("in %s (-want +got):\n%s", id, d)
	}
}

func onlyThread(t *testing.T, srv *discordtest.Server, channel string) discordtest.Thread {
	t.Helper()
	ts := srv.Threads(channel)
	if len(ts) != 1 {
		t.Fatalf("%d threads in %s, want 1: %+v", len(ts), channel, ts)
	}
	return ts[0]
}

func TestThreads(t *testing.T) {
	for _, kind := range []int{0, 5} {
		t.Run(fmt.Sprint("kind ", kind), func(t *testing.T) {
			srv, a := start(t)
			srv.AddChannelKind(channelID, kind)
			top := mustSend(t, a, head("head"))
			thread := onlyThread(t, srv, channelID)
			if thread.Name != "Storm tide in the harbour" {
				t.Errorf("the thread is called %q", thread.Name)
			}
			one := mustSend(t, a, in(post("one"), top))
			key := in(post("two"), top)
			key.Broadcast, key.Reply = true, one
			key.Mentions = []chat.Mention{{ID: userID}}
			two := mustSend(t, a, key)
			stands(t, srv, channelID, "head", "two")
			stands(t, srv, thread.ID, "one", "two")
			below, above := srv.Messages(thread.ID)[1], srv.Messages(channelID)[1]
			if below.Reply != srv.Messages(thread.ID)[0].ID || above.Reply != "" {
				t.Errorf("replies to %q and %q", below.Reply, above.Reply)
			}
			if len(below.Told) != 0 || !slices.Equal(above.Told, []string{userID}) {
				t.Errorf("told %q in the thread, %q in the channel", below.Told, above.Told)
			}
			if err := a.Edit(t.Context(), channelA, two, card("Bridge open again")); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{channelID, thread.ID} {
				m := srv.Messages(id)[1]
				if m.Embeds[0].Title != "Bridge open again" || m.Key() != "two" {
					t.Errorf("in %s stands %q of %q", id, m.Embeds[0].Title, m.Key())
				}
			}
			for range 2 { // the second finds nothing
				if err := a.Delete(t.Context(), channelA, two); err != nil {
					t.Fatal(err)
				}
			}
			stands(t, srv, channelID, "head")
			stands(t, srv, thread.ID, "one")
			reason(t, a.Edit(t.Context(), channelA, two, card("x")), chat.Gone)
		})
	}
}

// A head where there can be no thread stands alone, and what belongs under it
// beside it.
func TestThreadsWhereThereCanBeNone(t *testing.T) {
	srv, a := start(t)
	srv.AddChannelKind(voiceID, 2)
	voice := chat.Channel{Adapter: "discord", ID: voiceID}
	h := head("head")
	h.Channel = voice
	top := mustSend(t, a, h)
	p := in(post("one"), top)
	p.Channel, p.Broadcast = voice, true
	id := mustSend(t, a, p)
	stands(t, srv, voiceID, "head", "one")
	for _, m := range []chat.MessageID{top, id} {
		if err := a.Edit(t.Context(), voice, m, card("x")); err != nil {
			t.Errorf("edit %s: %v", m, err)
		}
	}
}

// Each request of a post in several parts fails in every way, once; the next
// attempt finds what stands, and nothing stands twice.
func TestPartsOfAPost(t *testing.T) {
	faults := discordtest.Faults()
	aims := []struct {
		name   string
		at     discordtest.Fault
		post   func(top chat.MessageID) chat.Post
		places []string // where the card must stand at the end: "channel", "thread", "forum"
	}{
		{"head, its message", discordtest.Fault{Method: "POST", Path: "messages"}, func(chat.MessageID) chat.Post { return head("card") }, []string{"channel"}},
		{"head, its thread", discordtest.Fault{Method: "POST", Path: "threads"}, func(chat.MessageID) chat.Post { return head("card") }, []string{"channel"}},
		{"in a thread", discordtest.Fault{Method: "POST", Path: "messages"}, func(top chat.MessageID) chat.Post { return in(post("card"), top) }, []string{"thread"}},
		{"broadcast, in the thread", discordtest.Fault{Method: "POST", Path: "thread"}, broadcast, []string{"channel", "thread"}},
		{"broadcast, in the channel", discordtest.Fault{Method: "POST", Path: "messages"}, broadcast, []string{"channel", "thread"}},
		{"forum post", discordtest.Fault{Method: "POST", Path: "forum"}, func(chat.MessageID) chat.Post {
			p := head("card")
			p.Channel.ID, p.Forum = forumID, true
			return p
		}, []string{"forum"}},
	}
	transient := []string{"429-header", "429-body", "429-both", "429-absurd", "429-nonsense", "429-shared", "500", "502", "503", "500-after", "502-after",
		"reset", "reset-after", "half-answer-after", "stall-after", "not-json-after", "html-after", "no-id-after"}
	for _, aim := range aims {
		for _, name := range transient {
			for _, age := range []time.Duration{time.Second, 5 * time.Hour} {
				t.Run(fmt.Sprint(aim.name, " ", name, " ", age), func(t *testing.T) {
					t.Parallel()
					srv, a := start(t)
					srv.AddForum(forumID, false)
					top := mustSend(t, a, head("top"))
					thread := onlyThread(t, srv, channelID)
					f := faults[name]
					f.Method, f.Path = aim.at.Method, map[string]string{
						"messages": "/channels/" + channelID + "/messages", "thread": "/channels/" + thread.ID + "/messages",
						"forum": "/channels/" + forumID + "/threads", "threads": "",
					}[aim.at.Path]
					if aim.at.Path == "threads" {
						f.Tail = "/threads"
					}
					if aim.name == "in a thread" {
						f.Path = "/channels/" + thread.ID + "/messages"
					}
					begun := make(chan struct{})
					f.Begun = begun
					srv.Fail(f)
					p := aim.post(top)
					ctx, cancel := givingUp(t, name)
					defer cancel()
					id, err := a.Send(ctx, p)
					select {
					case <-begun:
					default:
						t.Fatal("the fault met nothing")
					}
					settle(t, a, p, id, err, age)
					where := map[string]string{"channel": channelID, "thread": thread.ID}
					if ts := srv.Threads(forumID); len(ts) > 0 {
						where["forum"] = ts[0].ID
					}
					for _, place := range aim.places {
						if n := strings.Count(strings.Join(standing(srv, where[place]), " "), "card"); n != 1 {
							t.Errorf("%d cards in the %s, want 1", n, place)
						}
					}
					if d := srv.Doubles(); len(d) > 0 {
						t.Errorf("doubled: %q", d)
					}
					if n := len(srv.Threads(forumID)); n > 1 {
						t.Errorf("%d forum posts", n)
					}
				})
			}
		}
	}
}

// stallTime is when a caller gives up what does not answer.
const stallTime = 150 * time.Millisecond

// givingUp returns the context of a caller who meets a fault: one that does not
// wait for ever.
func givingUp(t *testing.T, fault string) (context.Context, context.CancelFunc) {
	if strings.HasPrefix(fault, "stall") || strings.HasPrefix(fault, "drip") {
		return context.WithTimeout(t.Context(), stallTime)
	}
	return context.WithTimeout(t.Context(), patience)
}

func broadcast(top chat.MessageID) chat.Post {
	p := in(post("card"), top)
	p.Broadcast = true
	return p
}

// settle does what the engine does after an attempt: it tries again, with Tried
// set if the outcome was not known, until the post stands and its id serves. An
// attempt of long ago is one of which the adapter remembers nothing.
func settle(t *testing.T, a *Adapter, p chat.Post, id chat.MessageID, err error, age time.Duration) {
	t.Helper()
	for n := 0; err != nil; n++ {
		if n == 5 {
			t.Fatalf("not settled: %v", err)
		}
		r := chat.ReasonOf(err)
		if r != chat.Unknown && r != chat.RateLimited && r != chat.Transient {
			t.Fatalf("reason %v: %v", r, err)
		}
		if r == chat.Unknown {
			p.Tried = time.Now().Add(-age)
		}
		a.limits = newLimits(0, 0) // the wait is over
		id, err = a.Send(t.Context(), p)
	}
	if err := a.Edit(t.Context(), p.Channel, id, p.Card); err != nil {
		t.Errorf("the id %s does not serve: %v", id, err)
	}
}

// The engine has no receipt of the first attempt, and the earlier part stands:
// the second attempt, whatever its reason, must not lose that.
func TestHalfwayIsUnknown(t *testing.T) {
	for _, name := range []string{"429-header", "missing-right", "unauthorized", "503"} {
		t.Run(name, func(t *testing.T) {
			srv, a := start(t)
			f := discordtest.Faults()[name]
			f.Tail = "/threads"
			f.Times = 2
			srv.Fail(f)
			p := head("head")
			_, err := a.Send(t.Context(), p)
			reason(t, err, chat.Unknown)
			p.Tried = time.Now()
			a.limits = newLimits(0, 0)
			_, err = a.Send(t.Context(), p)
			want := map[string]chat.Reason{"429-header": chat.RateLimited, "missing-right": chat.Gone, "unauthorized": chat.Unauthorized, "503": chat.Unknown}[name]
			se := reason(t, err, want)
			if name == "missing-right" && se.Remedy != remedyThreads {
				t.Errorf("remedy %q", se.Remedy)
			}
			a.limits = newLimits(0, 0)
			top := mustSend(t, a, p)
			stands(t, srv, channelID, "head")
			mustSend(t, a, in(post("one"), top))
			stands(t, srv, onlyThread(t, srv, channelID).ID, "one")
		})
	}
}

func TestBroadcastWhereTheChannelWillNot(t *testing.T) {
	srv, a := start(t)
	top := mustSend(t, a, head("head"))
	f := discordtest.Faults()["missing-right"]
	f.Method, f.Path = "POST", "/channels/"+channelID+"/messages"
	srv.Fail(f)
	id := mustSend(t, a, broadcast(top))
	stands(t, srv, channelID, "head")
	if err := a.Edit(t.Context(), channelA, id, card("x")); err != nil {
		t.Error(err)
	}
}

func TestEditOfABroadcast(t *testing.T) {
	for _, tt := range []struct {
		name   string
		do     func(srv *discordtest.Server, thread string)
		want   chat.Reason
		thread bool
	}{
		{"one deleted in the thread", func(s *discordtest.Server, th string) { s.Delete(th, s.Messages(th)[0].ID) }, 0, false},
		{"one deleted in the channel", func(s *discordtest.Server, th string) { s.Delete(channelID, s.Messages(channelID)[1].ID) }, 0, false},
		{"both deleted", func(s *discordtest.Server, th string) {
			s.Delete(th, s.Messages(th)[0].ID)
			s.Delete(channelID, s.Messages(channelID)[1].ID)
		}, chat.Gone, false},
		{"thread deleted", func(s *discordtest.Server, th string) { s.RemoveChannel(th) }, 0, false},
		{"frozen in the channel", func(s *discordtest.Server, th string) { s.Freeze(channelID) }, chat.Frozen, false},
		{"broken in the thread", func(s *discordtest.Server, th string) {
			s.Fail(discordtest.Fault{Method: "PATCH", Status: 503})
		}, chat.Unknown, false},
		{"broken in the channel", func(s *discordtest.Server, th string) {
			s.Fail(discordtest.Fault{Method: "PATCH", Channel: channelID, Status: 503})
		}, chat.Unknown, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			top := mustSend(t, a, head("head"))
			id := mustSend(t, a, broadcast(top))
			thread := onlyThread(t, srv, channelID).ID
			tt.do(srv, thread)
			err := a.Edit(t.Context(), channelA, id, card("Bridge open again"))
			if got := chat.ReasonOf(err); got != tt.want {
				t.Errorf("%v, want reason %v", err, tt.want)
			}
			if tt.want == chat.Unknown {
				if err := a.Edit(t.Context(), channelA, id, card("Bridge open again")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestThreadIsGone(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(srv *discordtest.Server, thread string)
		edit chat.Reason
	}{
		{"deleted", func(s *discordtest.Server, th string) { s.RemoveChannel(th) }, chat.Gone},
		{"locked", func(s *discordtest.Server, th string) { s.Archive(th, true) }, chat.Frozen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			top := mustSend(t, a, head("head"))
			id := mustSend(t, a, in(post("one"), top))
			tt.do(srv, onlyThread(t, srv, channelID).ID)
			for _, tried := range []time.Time{{}, time.Now(), time.Now().Add(-time.Hour)} {
				p := in(post("two"), top)
				p.Tried = tried
				_, err := a.Send(t.Context(), p)
				if se := reason(t, err, chat.Gone); !se.Thread {
					t.Errorf("tried %v: the channel is said to be gone: %v", tried, err)
				}
			}
			se := reason(t, a.Edit(t.Context(), channelA, id, card("x")), tt.edit)
			if se.Thread != (tt.edit == chat.Gone) {
				t.Errorf("thread %v", se.Thread)
			}
			_, err := a.Send(t.Context(), in(post("three"), "no such\nid"))
			if se := reason(t, err, chat.Gone); !se.Thread {
				t.Error("an id that is none: the channel is said to be gone")
			}
		})
	}
}

func TestArchivedThreadOpensAgain(t *testing.T) {
	srv, a := start(t)
	top := mustSend(t, a, head("head"))
	one := mustSend(t, a, in(post("one"), top))
	thread := onlyThread(t, srv, channelID).ID
	for _, tt := range []struct {
		name string
		do   func() error
	}{
		{"post", func() error { _, err := a.Send(t.Context(), in(post("two"), top)); return err }},
		{"edit", func() error { return a.Edit(t.Context(), channelA, one, card("x")) }},
		{"delete", func() error { return a.Delete(t.Context(), channelA, one) }},
	} {
		srv.Archive(thread, false)
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if onlyThread(t, srv, channelID).Archived {
			t.Errorf("%s: the thread is still archived", tt.name)
		}
	}
	stands(t, srv, thread, "two")
}

func TestForum(t *testing.T) {
	srv, a := start(t)
	srv.AddForum(forumID, true, discordtest.Tag{ID: "1700000000000000001", Name: "Storms"}, discordtest.Tag{ID: "1700000000000000002", Name: "Sport"},
		discordtest.Tag{ID: "1700000000000000003", Name: "Official", Moderated: true})
	forum := chat.Channel{Adapter: "discord", ID: forumID}
	p := head("head")
	p.Channel, p.Forum = forum, true
	_, err := a.Send(t.Context(), p)
	if se := reason(t, err, chat.Gone); se.Remedy != remedyTag {
		t.Errorf("remedy %q", se.Remedy)
	}
	p.Tags = []string{"storms", "1700000000000000002", "Official", "Nonsense", "STORMS "}
	top := mustSend(t, a, p)
	made := onlyThread(t, srv, forumID)
	if d := cmp.Diff([]string{"1700000000000000001", "1700000000000000002"}, made.Tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	q := in(post("one"), top)
	q.Channel = forum
	one := mustSend(t, a, q)
	stands(t, srv, made.ID, "head", "one")
	for _, id := range []chat.MessageID{top, one} {
		if err := a.Edit(t.Context(), forum, id, card("x")); err != nil {
			t.Errorf("edit %s: %v", id, err)
		}
	}
	stands(t, srv, made.ID, "head", "one")
}

// What is not asked to be a forum post becomes one in a forum: nothing else
// can stand there.
func TestPlainPostInAForum(t *testing.T) {
	srv, a := start(t)
	srv.AddForum(forumID, false)
	p := post("one")
	p.Channel.ID = forumID
	id := mustSend(t, a, p)
	stands(t, srv, onlyThread(t, srv, forumID).ID, "one")
	if err := a.Edit(t.Context(), p.Channel, id, card("x")); err != nil {
		t.Error(err)
	}
	q := post("two") // and the other way round
	q.Forum = true
	mustSend(t, a, q)
	stands(t, srv, channelID, "two")
}

func TestForumTagsChange(t *testing.T) {
	srv, a := start(t)
	srv.AddForum(forumID, true, discordtest.Tag{ID: "1700000000000000001", Name: "Storms"})
	p := post("one")
	p.Channel.ID, p.Forum, p.Tags = forumID, true, []string{"Storms"}
	mustSend(t, a, p)
	srv.AddForum(forumID, true, discordtest.Tag{ID: "1700000000000000009", Name: "Storms"})
	p.Key = "two"
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Transient)
	mustSend(t, a, p)
	posts := srv.Threads(forumID)
	if len(posts) != 2 || posts[1].Tags[0] != "1700000000000000009" {
		t.Fatalf("posts %+v", posts)
	}
	stands(t, srv, posts[1].ID, "two")
}

// A forum post is found among many, open or archived since.
func TestForumPostIsFound(t *testing.T) {
	for _, archived := range []bool{false, true} {
		t.Run(fmt.Sprint("archived ", archived), func(t *testing.T) {
			srv, a := start(t)
			srv.AddForum(forumID, false)
			forum := chat.Channel{Adapter: "discord", ID: forumID}
			var want chat.MessageID
			for i := range 20 {
				p := head(fmt.Sprint("post", i))
				p.Channel, p.Forum = forum, true
				id := mustSend(t, a, p)
				if i == 12 {
					want = id
				}
			}
			if archived {
				r, _ := parseRef(want)
				srv.Archive(r.thread, false)
			}
			p := head("post12")
			p.Channel, p.Forum, p.Tried = forum, true, time.Now().Add(-5*time.Hour)
			if id := mustSend(t, a, p); id != want {
				t.Errorf("%s, want %s", id, want)
			}
			if n := len(srv.Threads(forumID)); n != 20 {
				t.Errorf("%d posts", n)
			}
		})
	}
}

func TestReply(t *testing.T) {
	srv, a := start(t)
	first := mustSend(t, a, post("one"))
	p := post("two")
	p.Reply = first
	mustSend(t, a, p)
	ms := srv.Messages(channelID)
	if ms[1].Reply != ms[0].ID {
		t.Errorf("it answers %q", ms[1].Reply)
	}
	srv.Delete(channelID, ms[0].ID)
	for i, gone := range []chat.MessageID{first, "no such\nid", "1999999999999999999"} {
		p.Key, p.Reply = fmt.Sprint("gone", i), gone
		mustSend(t, a, p)
	}
	stands(t, srv, channelID, "two", "gone0", "gone1", "gone2")
}

func TestMentions(t *testing.T) {
	srv, a := start(t)
	p := post("one")
	p.Mentions = []chat.Mention{{ID: userID}, {Role: true, ID: "1700000000000000001"}, {ID: userID}, {ID: "everyone"}, {Role: true, ID: "@here"}}
	id := mustSend(t, a, p)
	m := srv.Messages(channelID)[0]
	if m.Content != "<@"+userID+"> <@&1700000000000000001>" || !slices.Equal(m.Told, []string{userID, "1700000000000000001"}) {
		t.Errorf("%q tells %q", m.Content, m.Told)
	}
	if err := a.Edit(t.Context(), channelA, id, card("x")); err != nil {
		t.Fatal(err)
	}
	if after := srv.Messages(channelID)[0]; after.Content != m.Content {
		t.Errorf("after the edit: %q", after.Content)
	}
	p = post("two")
	for i := range 500 {
		p.Mentions = append(p.Mentions, chat.Mention{ID: fmt.Sprint(1700000000000000000 + i)})
	}
	mustSend(t, a, p)
}

func TestDirectMessages(t *testing.T) {
	srv, a := start(t)
	to := chat.Channel{Adapter: "discord", ID: "@" + userID}
	if err := a.Check(t.Context(), to); err != nil {
		t.Error(err)
	}
	p := post("one")
	p.Channel = to
	id := mustSend(t, a, p)
	if err := a.Edit(t.Context(), to, id, card("x")); err != nil {
		t.Error(err)
	}
	stands(t, srv, srv.Direct(userID), "one")
	if err := a.Delete(t.Context(), to, id); err != nil {
		t.Error(err)
	}
	stands(t, srv, srv.Direct(userID))
	for _, bad := range []string{"@", "@everyone", "@@" + userID} {
		p.Channel.ID = bad
		_, err := a.Send(t.Context(), p)
		reason(t, err, chat.Gone)
	}
}

func TestPublish(t *testing.T) {
	srv, a := start(t)
	srv.AddChannelKind(newsID, 5)
	p := post("one")
	p.Publish = true
	mustSend(t, a, p) // the channel has no followers
	news := chat.Channel{Adapter: "discord", ID: newsID}
	for i := range 12 {
		p.Key, p.Channel = fmt.Sprint("news", i), news
		mustSend(t, a, p)
	}
	count := func() (n int) {
		for _, m := range srv.Messages(newsID) {
			n += m.Published
		}
		return n
	}
	if n := count(); n != 10 {
		t.Errorf("%d published, want 10: that is what an hour allows", n)
	}
	p.Key, p.Tried = "news3", time.Now()
	mustSend(t, a, p)
	if n := count(); n != 10 {
		t.Errorf("%d published: one of them again", n)
	}
}

func TestPublishFails(t *testing.T) {
	for _, name := range []string{"429-body", "missing-right", "500", "reset-after"} {
		srv, a := start(t)
		srv.AddChannelKind(newsID, 5)
		f := discordtest.Faults()[name]
		f.Tail = "/crosspost"
		srv.Fail(f)
		p := post("one")
		p.Channel.ID, p.Publish = newsID, true
		mustSend(t, a, p)
		stands(t, srv, newsID, "one")
	}
}

// A published message takes three edits an hour; the wait is in the body.
func TestEditsOfAPublishedMessage(t *testing.T) {
	srv, a := start(t)
	srv.AddChannelKind(newsID, 5)
	srv.Enforce(1)
	news := chat.Channel{Adapter: "discord", ID: newsID}
	p := post("one")
	p.Channel, p.Publish = news, true
	id := mustSend(t, a, p)
	other := post("two")
	other.Channel = news
	two := mustSend(t, a, other)
	for i := range 3 {
		if err := a.Edit(t.Context(), news, id, card(fmt.Sprint("x", i))); err != nil {
			t.Fatal(err)
		}
	}
	se := reason(t, a.Edit(t.Context(), news, id, card("x3")), chat.RateLimited)
	if se.RetryAfter != maxWait || se.Global {
		t.Errorf("wait %v, global %v", se.RetryAfter, se.Global)
	}
	if err := a.Edit(t.Context(), news, two, card("y")); err != nil {
		t.Errorf("another message waits too: %v", err)
	}
}

// After a ledger was restored from an old copy the adapter looks for what was
// sent since: edited, in whatever form, among hundreds of others.
func TestFoundAfterARestore(t *testing.T) {
	srv, a := start(t)
	tried := time.Now()
	notice := chat.Post{Channel: channelA, Key: "notice", Card: chat.Card{Form: chat.NoticeForm, Text: "Slack refuses C0QUAY."}}
	top := mustSend(t, a, head("head"))
	sent := map[string]chat.MessageID{"notice": mustSend(t, a, notice), "entry": mustSend(t, a, post("entry")), "card": mustSend(t, a, broadcast(top))}
	for i := range 600 {
		mustSend(t, a, post(fmt.Sprint("other", i)))
	}
	srv.ForgetNonces()
	for key, id := range sent {
		c := post("x").Card
		if key == "notice" {
			c = chat.Card{Form: chat.NoticeForm, Text: "Slack refuses C0QUAY and two others."}
		}
		if err := a.Edit(t.Context(), channelA, id, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []chat.Post{notice, post("entry"), broadcast(top)} {
		p.Tried = tried.Add(-3 * time.Hour)
		if id := mustSend(t, a, p); id != sent[p.Key] {
			t.Errorf("%s is %s, want %s", p.Key, id, sent[p.Key])
		}
	}
	if d := srv.Doubles(); len(d) > 0 {
		t.Errorf("doubled: %q", d)
	}
}

// A thread can be a channel of the configuration itself.
func TestThreadAsAChannel(t *testing.T) {
	const thread = "1500000000000000080"
	srv, a := start(t)
	srv.AddThread(thread, channelID)
	p := post("one")
	p.Channel.ID = thread
	id := mustSend(t, a, p)
	for _, call := range []func() error{
		func() error { return a.Edit(t.Context(), p.Channel, id, card("x")) },
		func() error { return a.Delete(t.Context(), p.Channel, id) },
	} {
		srv.Archive(thread, false)
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	stands(t, srv, thread)
}
