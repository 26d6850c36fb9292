package demo

import "time"

// An update is one entry of the story at one moment.
type update struct {
	id        string
	at        time.Duration // published, after the start; negative: it was there before
	headline  string
	body      []string // paragraphs
	author    string
	key       bool
	image     string // caption; "" for no image
	correctAt time.Duration
	correct   []string      // the body from correctAt on; nil for no correction
	goneAt    time.Duration // 0 for never

	correctHeadline string // goes with correct
}

// revealed returns how long after the start the update appears.
func (u update) revealed() time.Duration { return max(u.at, 0) }

const (
	// Length is how long the story takes.
	Length = 58 * time.Second

	correctedAt = 30 * time.Second
	goneAt      = 40 * time.Second
)

// story is invented: town, people and storm. Newest last.
var story = []update{
	{
		id: "b7f3a1", at: -9 * time.Minute, author: "Ada Finch",
		headline: "Storm Odile nears Port Brannoch",
		body: []string{
			"Winds of 90 kilometres an hour are expected in Port Brannoch by the evening, the coastguard says.",
			"“We are asking everybody to stay away from the sea wall,” said Una Marsh, the harbour master.",
		},
	}, {
		id: "c20d94", at: -7 * time.Minute, author: "Ada Finch",
		headline: "Ferries stay in port",
		body: []string{
			"All crossings to Skerra Island are cancelled until tomorrow morning. Tickets stay valid for a week.",
		},
	}, {
		id: "d81e5c", at: -4 * time.Minute, author: "Jonah Pike", key: true,
		headline: "Harbour bridge closed to all traffic",
		body: []string{
			"The harbour bridge was closed in both directions after a gust pushed a lorry against the railing. Nobody was hurt.",
			"“I have never seen the bridge move like that in thirty years,” said the lorry's driver, Rosa Quill.",
		},
		image: "Empty lanes on the harbour bridge under a dark sky",
	}, {
		id: "e44b07", at: -90 * time.Second, author: "Jonah Pike",
		headline: "Mayor: 'Stay at home tonight'",
		body: []string{
			"The mayor, Tom Ferris, told reporters: “Stay at home tonight if you can. The bridge will still be there tomorrow.”",
			"He added that the council had opened two halls for people who cannot get back across the harbour.",
		},
	}, {
		id: "f19c3e", at: 4 * time.Second, author: "Ada Finch",
		headline: "Forty lorries wait on the quay",
		body: []string{
			"“Forty lorries are waiting on the quay and more are coming,” said Una Marsh, the harbour master.",
			"Drivers are being given soup and tea in the old fish market.",
		},
		correctAt: correctedAt, correctHeadline: "Fourteen lorries wait on the quay",
		correct: []string{
			"“Fourteen lorries are waiting on the quay and more are coming,” said Una Marsh, the harbour master.",
			"Drivers are being given soup and tea in the old fish market.",
			"Correction: an earlier version of this post misquoted the harbour master as saying that forty lorries were waiting.",
		},
	}, {
		id: "a5520b", at: 9 * time.Second, author: "Jonah Pike",
		headline: "Lifeboat brings two anglers ashore",
		body: []string{
			"The lifeboat crew brought two anglers ashore who had been cut off by the tide below the lighthouse.",
			"“They were cold and a little embarrassed, but they are fine,” said the coxswain, Mairi Dunn.",
		},
	}, {
		id: "90e6d8", at: 14 * time.Second, author: "Ada Finch",
		headline: "School hall becomes a dormitory",
		body: []string{
			"Sixty camp beds have been put up in the hall of Brannoch High School.",
			"“We have blankets, we have soup and we have a piano,” said the head teacher, Priya Nair. “Nobody will be bored.”",
		},
	}, {
		id: "7bc41f", at: 18 * time.Second, author: "Jonah Pike",
		headline: "Roof of the ice rink reported damaged",
		body: []string{
			"A reader reports that part of the ice rink's roof has come off. We are trying to confirm this.",
		},
		goneAt: goneAt,
	}, {
		id: "3d0f66", at: 23 * time.Second, author: "Ada Finch",
		headline: "Power cut on Lantern Street",
		body: []string{
			"About 300 homes around Lantern Street are without power after a tree fell on a line.",
			"According to the network operator, engineers hope “to have everybody back before midnight”.",
		},
	}, {
		id: "61a2c9", at: 28 * time.Second, author: "Jonah Pike",
		headline: "Bridge engineer: 'The cables are sound'",
		body: []string{
			"Engineers have looked at the bridge from the north tower.",
			"“The cables are sound and the deck did what it was built to do,” said Dr Helen Okafor, the bridge's chief engineer. " +
				"“We will check every joint before we let a single car across.”",
		},
	}, {
		id: "18d7e2", at: 34 * time.Second, author: "Ada Finch",
		headline: "Wind begins to drop",
		body: []string{
			"The weather station on the pier measured gusts of 70 kilometres an hour in the last half hour, down from 96.",
		},
	}, {
		id: "c9385a", at: 41 * time.Second, author: "Jonah Pike",
		headline: "Volunteers feed the stranded drivers",
		body: []string{
			"The rowing club has cooked for everybody who is stuck on the quay.",
			"“You cannot send people to bed hungry in a storm,” said Niall Byrne, who runs the club's kitchen.",
		},
	}, {
		id: "5e70b4", at: 47 * time.Second, author: "Ada Finch", key: true,
		headline: "One lane of the bridge reopens for buses",
		body: []string{
			"Buses may cross the harbour bridge again, one at a time and at walking pace.",
			"“We are going slowly because we want to go safely,” Dr Okafor said.",
		},
	}, {
		id: "f02b8d", at: 53 * time.Second, author: "Ada Finch",
		headline: "That is all for tonight",
		body: []string{
			"The bridge opens to cars at six in the morning, the harbour master says. We are closing this page now. Good night.",
		},
	},
}
