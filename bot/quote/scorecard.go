package quote

// A feature is one observation about a quoted stretch or about a phrase that
// may be its speaker.
type feature uint8

// The features. What each is worth stands in scorecard.
const (
	tailVerbName feature = iota
	tailNameVerb
	tailAccording
	tailDash
	tailBare
	tailLater
	tailNextName
	finalTail
	saySubject
	cueSubject
	colonName
	colonIntro
	headlineColon
	according
	inverted
	agentOf
	ownerOf
	verbSubject
	pastCue
	pastSay
	colonSay
	nextToQuote
	firstInSentence
	sameSentence
	prevSameSentence
	prevSameLoose
	prevSameParagraph
	prevBesideWords
	prevParagraph
	prevFar
	prevOpen
	sayBefore
	verbBefore
	newSpeaker
	nextSentence
	isPerson
	isRole
	isPronoun
	isBody
	isGroup
	isDocument
	isThing
	isFirstPerson
	isIt
	afterPreposition
	isOwner
	isObject

	oneWord
	twoWords
	threeWords
	fewWords
	sixWords
	tenWords
	hasTail
	hasSay
	hasCue
	hasVerb
	hasColon
	hasContinued
	hasQuotedBeside
	afterNaming
	afterSoCalled
	titleShape
	oneCapital
	endsInside
	beforeNoun
	inMarkup
	singleMarks
	inHeadline
	hasSource
	wholeSentence
	nounAfterArticle
	titlePlace
	bylined
	crosshead
	blockQuote
	epithet
	inscription
	spoken
	nFeatures
)

// scorecard is what each feature is worth. The points are small whole numbers
// set by hand; the candidate with the most becomes the speaker, and a quoted
// stretch counts as a quotation when its own points are not negative. In the
// examples "Q" is the stretch and <> stands around the phrase.
var scorecard = [nFeatures]struct {
	name    string
	points  int
	example string
}{
	// Where the phrase stands.
	tailVerbName:      {"tail: verb, name", 36, `"Q," said <Ada Bell>.`},
	tailNameVerb:      {"tail: name, verb", 36, `"Q," <Ada Bell>, the harbour master, said.`},
	tailAccording:     {"tail: according to", 40, `"Q", according to <Ada Bell>`},
	tailDash:          {"tail: dash and name", 24, `"Q" – <Ada Bell>, harbour master`},
	tailBare:          {"tail: name without verb", 20, `"Q," the former <harbour master>.`},
	tailLater:         {"verb and name later in the sentence", 9, `"Q" was what <Ada Bell> called it.`},
	tailNextName:      {"name right after, no comma", 14, `a "Q" <Bell> said was near`},
	finalTail:         {"the sentence ends with name and verb", 28, `It was "Q" to them, <Ada Bell> said.`},
	saySubject:        {"subject of a verb of saying", 24, `<Ada Bell> said the bridge was "Q".`},
	cueSubject:        {"subject of a verb of judging", 20, `<Ada Bell> called the plan "Q".`},
	verbSubject:       {"subject of another verb", 11, `<Ada Bell> wants a "Q".`},
	pastCue:           {"a nearer verb has another subject", -5, `<Bell> said Cole wants a "Q".`},
	pastSay:           {"a nearer verb of saying has another subject", -10, `<Bell> said Cole called it "Q".`},
	colonSay:          {"colon between verb and quote", 4, `<Ada Bell> said: "Q"`},
	nextToQuote:       {"its verb stands right before the quote", 8, `what <Ada Bell> called "Q"`},
	colonName:         {"name and colon", 26, `<Ada Bell>: "Q"`},
	colonIntro:        {"sentence before ends with a colon", 18, `<Ada Bell> wrote to the council: / "Q"`},
	headlineColon:     {"name and colon open the headline", 22, `<Ada Bell>: Bridge was 'Q' for years`},
	according:         {"according to, before", 21, `According to <Ada Bell>, it was "Q".`},
	inverted:          {"verb before the name", 16, `As <Ada Bell> put it; Said <Ada Bell>: "Q"`},
	agentOf:           {"by, after a passive", 22, `It was called "Q" by <Ada Bell>.`},
	ownerOf:           {"owner of what was said", 16, `<Ada Bell>'s claim that it was "Q"`},
	firstInSentence:   {"first phrase of the sentence", 4, `<Ada Bell> has a "Q" for them.`},
	sameSentence:      {"same sentence, before", 3, `the bridge that <Bell> built is "Q"`},
	prevSameSentence:  {"spoke just before in the sentence", 22, `<Bell> said "P" and "Q".`},
	prevSameLoose:     {"spoke before in the sentence", 6, `<Bell> said "P", which Cole called "Q".`},
	prevSameParagraph: {"spoke before, the quote stands alone", 15, `"P," <Bell> said. "Q."`},
	prevBesideWords:   {"spoke before in the paragraph", 6, `"P," <Bell> said. The bridge was "Q".`},
	prevParagraph:     {"spoke last, the paragraph is all quote", 13, `"P," <Bell> said. / "Q."`},
	prevFar:           {"spoke last, some paragraphs ago", 4, `"P," <Bell> said. / … / "Q."`},
	prevOpen:          {"quotation runs on from the last paragraph", 26, `<Bell> said: "P. / "Q."`},
	sayBefore:         {"said something in the sentence before", 11, `<Bell> disagreed and said so. "Q."`},
	verbBefore:        {"subject of the sentence before", 7, `<Bell> laughed. "Q."`},
	newSpeaker:        {"another one speaks between", -6, `"P," <Bell> said. Cole nodded. "Q."`},
	nextSentence:      {"subject of the sentence after", 3, `"Q." <Bell> looked away.`},
	isPerson:          {"a name", 3, `Ada Bell`},
	isRole:            {"a role", 2, `the harbour master`},
	isPronoun:         {"he, she, they", 2, `she`},
	isBody:            {"an organisation", 0, `the council`},
	isGroup:           {"several people", 1, `residents`},
	isDocument:        {"something written", -3, `the report`},
	isThing:           {"a thing", -7, `the bridge`},
	isFirstPerson:     {"I, we, you", -8, `we`},
	isIt:              {"it", -4, `it`},
	afterPreposition:  {"after a preposition", -7, `with <Ada Bell>`},
	isOwner:           {"an owner", -4, `<Ada Bell>'s bridge`},
	isObject:          {"right after a verb", -6, `told <Ada Bell>`},

	// Whether the stretch is a quotation at all.
	oneWord:          {"one word", -6, `"ceiling"`},
	twoWords:         {"two words", -4, `"gold star"`},
	threeWords:       {"three words", -2, `"on the brink"`},
	fewWords:         {"four or five words", 0, `"no reason to worry"`},
	sixWords:         {"six words or more", 6, `"there is no reason to worry"`},
	tenWords:         {"ten words or more", 5, ``},
	hasTail:          {"a tail names the speaker", 14, `"Q," said Bell`},
	hasSay:           {"in a clause of saying", 9, `Bell said it was "Q"`},
	hasCue:           {"in a clause of judging", 8, `Bell called it "Q"`},
	hasVerb:          {"somebody does something", 4, `Bell wants a "Q"`},
	hasColon:         {"colon before", 4, `Bell: "Q"`},
	hasContinued:     {"a speaker is being quoted", 3, `"P," Bell said. The "Q" …`},
	hasQuotedBeside:  {"another quotation in the sentence", 3, `Bell said "P" and "Q"`},
	afterNaming:      {"after a word of naming", -12, `the film "Q"`},
	afterSoCalled:    {"after so-called", -14, `so-called "Q"`},
	titleShape:       {"capitals as in a title", -9, `"The Lost Ferry"`},
	oneCapital:       {"one word with a capital", -3, `"Ferry"`},
	endsInside:       {"comma or stop inside the marks", 2, `"Q,"`},
	beforeNoun:       {"stands before a noun", -2, `the "Q" policy`},
	inMarkup:         {"inside markup", -40, `<a href="Q">`},
	singleMarks:      {"single marks in the text", -4, `'Q'`},
	inHeadline:       {"in a headline", 5, `Bridge 'Q', say residents`},
	hasSource:        {"nobody near who could have said it", -3, `It is a "Q".`},
	wholeSentence:    {"capital first, stop last", 4, `"Nobody knows."`},
	nounAfterArticle: {"after an article", -1, `the "Q"`},
	titlePlace:       {"a title where titles stand", -6, `on <Meridian News>'s "Early Tide"`},
	blockQuote:       {"a paragraph above an attribution line", 10, `Q / – Ada Bell, harbour master`},
	crosshead:        {"a single-quoted line on its own", -10, `'A long night' between two paragraphs`},
	bylined:          {"a title and its author", -30, `"Q," by Ada Bell`},
	inscription:      {"what a sign or a crowd says", 7, `a sign reading "Save Our Ferry"`},
	epithet:          {"what somebody is called", 8, `Bell called him "Captain Calm"`},
	spoken:           {"speaks of I or we", 3, `"I don't know"`},
}

// A tally is a set of features and what they are worth together.
type tally struct {
	bits   uint64
	bits2  uint64
	points int
}

func (t *tally) add(f feature) {
	if f < 64 {
		if t.bits&(1<<f) != 0 {
			return
		}
		t.bits |= 1 << f
	} else {
		if t.bits2&(1<<(f-64)) != 0 {
			return
		}
		t.bits2 |= 1 << (f - 64)
	}
	t.points += scorecard[f].points
}

// place adds f; of the features that say where a phrase stands, and of those
// that say it spoke before, only the best of each counts.
func (t *tally) place(f feature) {
	from, to := tailVerbName, verbSubject
	switch {
	case f >= prevSameSentence && f <= prevOpen:
		from, to = prevSameSentence, prevOpen
	case f > verbSubject:
		t.add(f)
		return
	}
	for g := from; g <= to; g++ {
		if !t.has(g) {
			continue
		}
		if scorecard[g].points >= scorecard[f].points {
			return
		}
		t.bits &^= 1 << g
		t.points -= scorecard[g].points
	}
	t.add(f)
}

// tail reports whether the phrase stands in a tail of the quote.
func (t *tally) tail() bool {
	return t.has(tailVerbName) || t.has(tailNameVerb) || t.has(tailAccording) || t.has(tailDash)
}

// saidSo reports whether the text says in so many words that the phrase spoke.
func (t *tally) saidSo() bool {
	return t.tail() || t.has(saySubject) || t.has(cueSubject) || t.has(colonName) || t.has(headlineColon) || t.has(according)
}

func (t *tally) has(f feature) bool {
	if f < 64 {
		return t.bits&(1<<f) != 0
	}
	return t.bits2&(1<<(f-64)) != 0
}
