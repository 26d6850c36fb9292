package bot

import (
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// postOf composes the post of a delivery: its card, and where and how it
// stands. It is pure.
func postOf(w store.Work) chat.Post {
	d, sub := w.Delivery, w.Subscription
	p := chat.Post{
		Channel: d.Channel, Card: cardFor(w), Silent: d.Silent,
		Thread: threadOf(w), Key: d.Key, Tried: d.Tried,
	}
	switch d.Kind {
	case store.Head:
		p.Thread, p.Forum = "", sub.Style == store.Forum
		// The head itself is not published: it changes with every entry, and
		// what is published can be edited only a few times.
	case store.Card:
		p.Broadcast = w.Entry.Key
		// A forum takes no message outside a post: better one of its own than none.
		p.Forum = p.Thread == "" && sub.Style == store.Forum
		p.Publish = sub.Publish
	case store.Note:
		p.Broadcast = w.Entry.Key
		if w.Card != nil {
			p.Reply = w.Card.Message
		}
		p.Publish = sub.Publish
	case store.Closing:
		p.Broadcast = true
		p.Forum = p.Thread == "" && sub.Style == store.Forum
		p.Publish = sub.Publish
	case store.Rollup:
		p.Forum = p.Thread == "" && sub.Style == store.Forum
	}
	if p.Forum {
		p.Tags = sub.Tags
	}
	// A thread of a forum has no channel around it that shows a message too, and
	// nothing of a thread is published but what is shown outside it.
	p.Broadcast = p.Broadcast && p.Thread != "" && sub.Style == store.Thread
	p.Publish = p.Publish && (p.Thread == "" || p.Broadcast)
	return p
}

// threadOf returns the message under which a delivery stands, "" for the
// channel itself.
func threadOf(w store.Work) chat.MessageID {
	if w.Subscription.Style == store.Cards || w.Head == nil || w.Head.Gone {
		return ""
	}
	return w.Head.Message
}

// homeless reports whether a delivery belongs into a thread that is not there
// any more: who deletes a page's message wants no more of it.
func homeless(w store.Work) bool {
	return w.Subscription.Style != store.Cards && w.Delivery.Kind != store.Head && w.Head != nil && w.Head.Gone
}

// nothingToShow reports whether nothing needs to stand for a delivery that has
// no message: an entry that was withdrawn before anybody in the channel can
// have seen it, a note without a card to answer or with nothing to tell.
func nothingToShow(w store.Work) bool {
	switch w.Delivery.Kind {
	case store.Card:
		return w.Entry.Withdrawn && w.Delivery.Tried.IsZero()
	case store.Digest:
		return len(w.Entries) == 0
	case store.Note:
		return w.Card == nil || w.Card.Gone || w.Card.Message == "" || saysNothing(w)
	}
	return false
}

// cardFor composes the card of a delivery of any kind.
func cardFor(w store.Work) chat.Card {
	switch w.Delivery.Kind {
	case store.Head:
		return headForm(w.Source, w.Page, w.Entries, w.Count)
	case store.Rollup:
		return rollupForm(w.Source, w.Entries, w.Count, w.Earlier)
	case store.Closing:
		return closingForm(w.Source, w.Page, w.Entries, w.Count)
	case store.Note:
		return noteForm(w.Source, w.Before, w.Entry)
	case store.Digest:
		return digestForm(w.Delivery, w.Entries)
	case store.Notice:
		return chat.Card{Form: chat.NoticeForm, Text: w.Delivery.Text}
	}
	return CardOf(w.Source, w.Entry)
}
