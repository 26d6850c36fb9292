package quote

import "strings"

// A class is a set of grammatical roles a word can play. Words outside the
// lexicon have none; what they are is guessed from their shape.
type class uint32

const (
	clDet    class = 1 << iota // opens a noun phrase: the, a, this, some
	clPoss                     // opens a noun phrase that somebody owns: his, their
	clPron                     // stands for a speaker: he, they, I
	clPrep                     // what follows is no subject: of, with
	clAux                      // has, would, did
	clAdv                      // may stand between subject and verb: also, later
	clConj                     // and, but, or
	clSub                      // opens a clause: that, because, when
	clRel                      // who, which
	clSay                      // reports speech and nothing else: said
	clCue                      // reports speech, judgement or naming: called, praised
	clVerb                     // any other common verb
	clIng                      // its -ing form
	clPart                     // a form that is also the past participle
	clRole                     // one person by what they do: minister, witness
	clGroup                    // several people: police, residents
	clOrg                      // a body that speaks: council, company
	clDoc                      // something written or said: statement, report
	clTitle                    // stands before a name only: Mr, Sir
	clDate                     // Monday, March
	clNum                      // two, dozen
	clMasc                     // he, Mr, spokesman, John
	clFem                      // she, Ms, spokeswoman, Mary
	clCommon                   // an ordinary word that may open a sentence with a capital
	clDemo                     // an adjective with a capital: British, Republican
	clFirst                    // a first name
	clNaming                   // what follows in marks is a name: called, titled
	clPlace                    // a large place that is no person
	clTime                     // a noun of time: week, night
	clBe                       // a form of be
	clBase                     // a verb as it follows "to": say, not said or says
	clObj                      // him, them, himself
)

// anyVerb is every class of verb.
const anyVerb = clSay | clCue | clVerb

// stopsPhrase is what a noun phrase cannot contain.
const stopsPhrase = clPrep | clAux | clConj | clSub | clRel | clPron | clDet | clPoss

// A wordList gives one class to many words.
type wordList struct {
	class class
	words string
}

// wordLists is the lexicon of words that do not change their form.
var wordLists = []wordList{
	{clDet, "the a an this that these those some any each every another no several many most few both all one two three four five six seven eight nine ten either neither more other such"},
	{clNum, "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred hundreds thousand thousands million millions billion dozen dozens first second third half nearly almost about over"},
	{clPoss, "his her their its our my your whose"},
	{clPron, "he she they it we i you"},
	{clObj, "him them me us himself herself themselves itself myself"},
	{clMasc, "he his him himself mr sir lord father brother rev spokesman chairman congressman councilman businessman policeman fireman salesman salesmen king prince uncle grandfather son husband actor waiter man boy lad gentleman dad footballer monsieur herr señor fr bishop archbishop imam baron duke earl emperor pope"},
	{clFem, "she her hers herself mrs ms miss dame lady mother sister spokeswoman chairwoman congresswoman councilwoman businesswoman policewoman queen princess aunt grandmother daughter wife actress waitress woman girl mum mom madame señora frau widow baroness duchess countess empress nun midwife"},
	{clPrep, "of in on at by for with from to into onto upon over under about against between among amongst during through throughout across after before behind beside besides beyond despite down except inside near off out outside past per since than toward towards until up via within without like unlike amid alongside around above below beneath as regarding concerning following including versus"},
	{clAux, "has have had is are was were be been being am do does did will would shall should can could may might must ought isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't wouldn't shouldn't can't couldn't cannot mustn't ain't 's 've 'd 'll 're 'm"},
	{clBe, "is are was were be been being am isn't aren't wasn't weren't 's 're"},
	{clAdv, "ago also later earlier then again once ever never always often sometimes now just only even still already soon recently previously repeatedly today yesterday tomorrow tonight twice further instead meanwhile however therefore thus too so not n't quickly simply famously reportedly allegedly apparently presumably back ahead directly publicly privately perhaps maybe rather quite very well aloud much finally initially eventually afterwards afterward yet almost nearly hereby nonetheless nevertheless thereby first immediately"},
	{clConj, "and but or nor yet plus"},
	{clSub, "that because although though while when whenever if as after before since until unless whether where wherever how why what whereas once so"},
	{clRel, "who which whom whose that"},
	{clTitle, "sens reps govs drs messrs mr mrs ms miss mx dr sir dame lord lady prof professor rev reverend sen rep gov gen col capt lt sgt cpl cllr hon rt pc del det supt insp monsieur madame herr frau señor señora baroness baron st shri smt justice ald asst maj adm cmdr pte father sister"},
	{clDate, "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed thu thur thurs fri sat sun christmas easter"},
	{clTime, "week weeks month months year years day days night nights morning afternoon evening weekend hour hours minute minutes today yesterday tonight tomorrow decade decades moment summer winter spring autumn"},
	{clDemo, "american british english scottish welsh irish french german spanish italian portuguese russian chinese japanese indian australian canadian european african asian muslim christian jewish catholic republican democratic conservative labour liberal tory israeli palestinian iranian iraqi syrian turkish greek polish ukrainian mexican brazilian dutch belgian swedish norwegian danish finnish pakistani nigerian kenyan saudi korean vietnamese western northern southern eastern arab hindu sikh islamic latino hispanic black white federal olympic soviet nazi internet protestant methodist anglican"},
	{clPlace, "britain england scotland wales ireland france germany spain italy portugal russia china japan india australia canada europe africa asia america london paris berlin washington dublin delhi mumbai sydney melbourne york ohio texas florida california iowa hampshire virginia nevada michigan pennsylvania carolina georgia arizona colorado wisconsin boston chicago brussels moscow beijing israel iran iraq syria turkey mexico brazil ukraine korea pakistan afghanistan egypt libya yemen lebanon jordan kenya nigeria africa austria switzerland netherlands belgium sweden norway denmark finland greece portugal poland hungary romania serbia croatia cuba venezuela colombia argentina chile peru vietnam thailand indonesia malaysia singapore philippines taiwan nepal bangladesh zealand brisbane perth adelaide belfast cardiff edinburgh glasgow manchester liverpool birmingham leeds cork galway limerick kolkata chennai bangalore bengaluru hyderabad kerala punjab gujarat bihar tehran baghdad kabul damascus riyadh ankara cairo jerusalem seoul pyongyang tokyo geneva vienna rome madrid barcelona lisbon athens warsaw kyiv kiev crimea gaza aleppo orlando dallas houston philadelphia cleveland detroit baltimore pittsburgh seattle denver phoenix atlanta miami maryland massachusetts connecticut delaware maine vermont minnesota missouri montana nebraska oklahoma oregon tennessee utah wyoming idaho kansas kentucky louisiana mississippi alabama alaska arkansas hawaii illinois indiana wisconsin dakota"},
	{clCommon, "willing despite although meanwhile however there here yes no ok okay what where when why how while if in on at for from by with to not but and or so as after before since until during under over about because then now today yesterday tomorrow tonight this that these those it its he she they we you i his her their our my your who which whose once even still also just only perhaps maybe indeed instead later earlier recently finally first second third last next another other others some many most few several all both each every either neither none much more less nearly almost asked speaking writing responding referring commenting addressing discussing citing quoting noting adding according given based born following including regarding concerning live updates update breaking latest new exclusive watch read more share video photo image picture credit source correction please click sign subscribe follow related advertisement is are was were be do does did has have had can could will would should may might must let thank thanks dear hello great good big small old young long short high low right left best worst better top full key real true false early late local national international public private human free open major minor special senior junior chief deputy former acting interim retired outgoing incoming newly veteran longtime per via like unlike without within among between through throughout across against amid around behind beyond near off out outside inside up down above below whether unless though yet nor too very well part time people everyone everybody someone anyone nobody nothing something everything things thing way back home things go get make take see look come keep think know want need help try ask tell say call give find show says said tells told calls called state city county town village north south east west northern southern"},
	{clNaming, "called named titled entitled dubbed nicknamed known labelled labeled headlined christened so-called billed codenamed termed word term song film movie book novel album series show programme program episode play podcast band magazine chapter blog column poem ballad single musical documentary sitcom track"},
}

// roleWords names single people. The plural is made by rule and is a group.
const roleWords = `activist actor actress adviser advisor advocate agent aide ambassador analyst anchor announcer architect artist assistant athlete attorney author
baker banker barrister biographer bishop archbishop blogger boss broadcaster broker brother builder businessman businesswoman butcher campaigner candidate captain caller cardinal carer caretaker
ceo cfo cto chair chairman chairperson chairwoman champion chancellor chaplain chef chief chieftain cleric clerk climber coach co-author co-chair co-chairman co-founder co-host
colleague collector columnist comedian comic commander commentator commissioner composer conductor congressman congresswoman constable consultant contractor contributor controller cook coordinator co-ordinator coroner
correspondent councilman councilwoman councillor councilor counsel counsellor cousin coxswain creator critic curator cyclist dad dancer daughter dealer dean defender defendant delegate demonstrator dentist deputy designer detective
developer diplomat director doctor donor driver economist editor editor-in-chief educator employee employer engineer entrepreneur envoy epidemiologist executive expert father farmer ferryman fighter filmmaker firefighter fisherman fishmonger footballer forecaster foreman
founder freshman friend geologist girl girlfriend boyfriend goalkeeper golfer governor graduate grandfather grandmother grandson granddaughter grocer guard guest guide hacker harbourmaster head headmaster headmistress headteacher historian holder homeowner host hostage hotelier hunter husband hydrologist imam
inspector instructor insider intern inventor investigator investor jockey journalist judge juror justice keeper king landlord landlady lawmaker lawyer leader lecturer legislator librarian lieutenant lifeguard lobbyist magistrate man manager manageress mathematician mayor md mediator meteorologist midwife
minister model moderator mother mp mep msp tds musician narrator nanny neighbour neighbor neurologist newscaster nominee novelist nun nurse observer officer official ombudsman operative operator opponent organiser organizer owner painter paramedic
parent parishioner participant partner passenger passer-by pastor patient patrolman pensioner performer pharmacist philosopher photographer physician physicist pilot plaintiff player plumber poet policeman policewoman policymaker politician pollster pope poster premier presenter president priest prime-minister
prince princess principal producer professor programmer promoter prosecutor protester protestor provost psychiatrist psychologist publican publicist publisher pundit queen ranger reader realtor receptionist rector referee reformer refugee representative researcher resident rescuer respondent
retiree reporter reviewer rival runner sailor salesman saleswoman scholar scientist screenwriter secretary senator sergeant sheriff shopkeeper singer sister skipper socialist sociologist soldier solicitor son source speaker speechwriter spokesman spokesperson spokeswoman sportsman sponsor staffer stallholder statistician
steward strategist striker student superintendent superstar supervisor supporter surfer surgeon surveyor survivor suspect swimmer teacher technician teenager tenant theorist therapist tourist trader trainer translator treasurer trustee tutor uncle aunt undergraduate user vicar vet veteran victim viewer visitor
volunteer voter waiter waitress warden watchdog wife whistleblower whistle-blower widow widower winner winger witness woman boy worker writer youngster person pm md gp ceo vp vice-president chairlady backbencher frontbencher whip taoiseach tánaiste td sarpanch collector bowler batsman batter wicketkeeper midfielder
mum mom businessperson boatman bosun lockkeeper rector curate postmaster postmistress stationmaster ex-president ex-minister ex-wife ex-husband stepfather stepmother mother-in-law father-in-law first-lady mastermind commodore admiral colonel general major marshal master mistress constable apostle disciple preacher evangelist
lady gentleman mogul tycoon billionaire millionaire magnate strongman dictator politico commentariat member rapper drummer guitarist violinist pianist soprano tenor magician cashier gardener hairdresser jeweller joiner carpenter electrician welder miner docker trawlerman oceanographer seismologist volcanologist biologist botanist chemist ecologist climatologist archaeologist astronomer astronaut virologist immunologist cardiologist oncologist campaigner-in-chief nephew niece pal mate teammate team-mate insider ally foe running-mate frontrunner incumbent challenger contender newcomer underdog favourite favorite conservative liberal democrat republican tory socialist centrist moderate progressive communist nationalist unionist libertarian feminist`

// groupWords names several people at once.
const groupWords = `mob mobs gang gangs crowds thugs yobs hooligans extremists rioters looters youths passers-by punks police people officials men women children authorities critics fans family families crowd crew staff detectives officers experts scientists residents neighbours protesters supporters opponents prosecutors lawyers lawmakers republicans democrats conservatives liberals socialists tories allies aides
sources insiders voters readers viewers members parents students teachers workers ministers senators bystanders onlookers locals campaigners activists investigators firefighters paramedics rescuers medics doctors nurses troops forces duo trio couple pair public media press audience jury panel marchers strikers analysts economists reporters journalists
americans russians britons australians germans italians israelis palestinians christians muslims jews catholics evangelicals hispanics latinos audiences others everyone everybody many some cops folks kids brothers sisters parishioners organisers organizers leaders bosses chiefs mps meps councillors clergy gop`

// orgWords names bodies that speak.
const orgWords = `agency administration airline alliance army assembly association authority bank board body broadcaster bureau business cabinet campaign cathedral center centre chamber channel charity church city clinic club coalition college commission committee community company conference congress consortium consulate corporation corp council county court
department directorate division embassy enterprise establishment executive faculty federation fellowship firm force foundation franchise fund government group guild hospital house inc industry inquiry institute institution journal kremlin league library lobby ltd magazine manufacturer ministry monarchy mosque movement museum navy network news newspaper nhs office ombudsman
operator opposition organisation organization outlet outfit panel paper parish parliament partnership party pentagon platform post producer publication publisher regime regulator resistance restaurant retailer school secretariat senate service site society startup station store studio supplier synagogue syndicate tabloid team thinktank think-tank times town tribunal tribune trust
troupe union unit university village watchdog website weekly wing bbc cnn fbi cia nbc cbs abc itv nyt ap reuters afp upi msnbc un nato eu rnc dnc nasa pac aclu nra`

// docWords names what is written or said and may itself be quoted.
const docWords = `phrase phrases hashtag motto account accusation ad advert advertisement affidavit alert analysis announcement answer appeal argument article assertion assessment attack bill bio biography blog book briefing broadcast brochure bulletin call caption chant charge chapter charter claim clip code column comment comments commercial communique complaint conclusion constitution contract criticism
critique decision declaration decree definition description diary document documentary draft editorial email emails entry essay estimate evidence excerpt exchange explanation facebook feed filing film finding findings flyer footage forecast guidance guidelines handbook headline indictment instagram instruction interview introduction invitation invoice issue joke judgment judgement label lawsuit law leaflet
legend letter line list listing log magazine mailer manifesto manual manuscript memo memoir memorandum message minutes motion motto note notes notice obituary opinion order pamphlet paper paragraph passage petition piece placard plaque platform plea pledge poem policy poll post poster posting prayer preface prediction press profile programme promise proposal prospectus question
quote reaction readout record recording refrain rejoinder release remark remarks reminder report reports resolution response review ruling rumour rumor script section segment sentence sermon sign slide slogan social song speech statement stories story study submission subtitle suggestion suit summary survey tape testimony text texts thread title tract transcript transcription tweet tweets twitter
update verdict version video view vow warning warrant wire word words website rhetoric t-shirt shirt banner sticker billboard`

// A verbForms lists verbs by their base form; -s, -ed and -ing are made by
// rule. Irregular forms are listed after it.
var verbForms = []wordList{
	{clSay, "add ask reply respond state declare announce explain tweet remark comment continue conclude insist argue claim warn suggest admit-t acknowledge concede joke quip-p shout yell recall observe report reveal stress emphasise emphasize urge vow pledge promise retort counter exclaim boast lament muse caution assert contend maintain predict reiterate repeat whisper cry testify answer complain confirm recount interject chant scream snap-p opine echo note chime elaborate recite retweet demur-r sigh grumble plead exhort wonder query clarify reassure inform inquire enquire estimate reason recommend propose fume rage thunder gush murmur mutter intone declaim demand speculate surmise counsel advise intimate implore utter proclaim allege affirm blog-g email text post bark roar howl laugh grin snarl growl groan wail sob-b stammer stutter shriek bellow theorise theorize hypothesise venture volunteer relay summarise summarize"},
	{clCue, "advocate admire adore despise bash belittle brush-x coin compliment curse cuss disparage disavow embrace extol-l float hint invoke liken lampoon malign oppose peddle pitch ponder prefer-r rant rave rebut-t refute reckon reference regret resent revive scorn scoff sneer snipe spout tick trash trumpet tweak underline underscore unload vilify vouch wax weigh zing accuse criticise criticize slam-m blast blame praise condemn denounce mock dub-b label brand hail refer-r characterise characterize compare dismiss reject attack tout portray cite quote express deny describe thank call name term deem consider ridicule deride decry bemoan assail scold rebuke chastise lambast lambaste berate savage rap-p hammer pillory welcome applaud celebrate commend congratulate defend endorse promote champion depict liken credit paint pan-n champion trumpet bill caricature lash rail criticise question challenge press pressure issue release publish deliver use include read-r outline offer pose refuse decline agree disagree doubt dispute contest contradict believe expect fear hope imagine suppose suspect assume assess judge rate rule mention mean-x sum-m tell-x point hint imply signal indicate illustrate demonstrate argue apologise apologize vent lobby invite encourage beg-g warn remind assure convince persuade request call-x instruct order tease taunt heckle insult slur-r smear fault chide needle skewer blister pronounce certify declare christen address testify narrate preach scrawl print broadcast paraphrase parrot punctuate profess pray toast cheer jeer boo gripe whine crow blurt chuckle deadpan-n counsel envision picture foresee describe liken tweet argue speculate"},
	{clVerb, "accept achieve act agree aim allow appeal appear apply approach approve arrange arrest arrive ask attempt attend avoid back base beat-x become-x begin-x belong bring-x build-x buy-x campaign cancel care carry cast catch-x cause change charge check choose-x claim clear close collect combine come-x complete concern conduct confront contain control cost cover create cross cut-x deal-x debate decide deliver depend deserve design determine develop die direct discover discuss display divide draw-x dress drive-x drop-p eat-x elect emerge employ enable end endure engage enjoy ensure enter escape establish examine exist expand experience expose extend face fail fall-x favour favor feature feel-x fight-x figure file fill finish fire fit-t flee-x fly-x focus follow force form gather get-x give-x go-x grow-x guess handle happen hate have head hear-x help hide-x hit-x hold-x host identify ignore improve increase inherit injure insist install intend introduce invest investigate involve join jump keep-x kick kill knock know-x land last launch lead-x lean learn leave-x lift like limit link listen live load look lose-x love make-x manage march marry mark match matter measure meet-x mind miss move need nominate notice obtain occur open operate oppose organise organize overcome own pass pay-x perform permit pick place plan-n play point prefer-r prepare present pretend prevent proceed produce protect prove provide pull push put-x raise reach react realise realize receive recognise recognize record reduce reflect regard relate remain remember remove replace represent require resign resist resolve respect rest result retire return reveal ride-x ring-x rise-x risk run-x save search see-x seek-x seem sell-x send-x serve set-x settle shake-x shape share shift shoot-x show-x shut-x sign sit-x sleep-x smile speak-x spend-x split spread stand-x start stay step-p stick-x stop-p strike-x struggle study submit-t succeed suffer suggest support surprise surround survive swear-x sweep-x take-x talk target teach-x tend test think-x threaten throw-x touch tour trace trade train travel treat trigger try turn understand-x unveil vary view visit vote wait walk want warn wash watch wear-x win-x wish withdraw-x work worry yield pause nod shrug unleash spark spur trail vie overhaul veto bet brace descend slip"},
}

// irregular lists verb forms that no rule gives: base, -s, past, participle,
// -ing, as far as they differ.
var irregular = []wordList{
	{clSay, "protested say says said tell tells told write writes wrote speak"},
	{clSay | clIng, "saying telling writing"},
	{clCue, "think thinks thought feel feels felt know knows knew mean means meant read reads put puts hit hits sing sings sang swear swears swore speak speaks spoke forecast foresee foresaw write go goes went"},
	{clCue | clIng, "thinking feeling reading putting singing swearing speaking"},
	{clPart, "said told thought felt read put"}, // their other classes stand above
	{clVerb, "beat become becomes became begin begins began break breaks broke bring brings brought build builds built buy buys bought catch caught choose chooses chose come comes came cut cuts deal deals dealt draw draws drew drive drives drove eat ate fall falls fell fight fights fought flee flees fled fly flies flew get gets got give gives gave grow grows grew hear hears heard hide hid hold holds held keep keeps kept lead leads led leave leaves left lose loses lost make makes made meet meets met pay pays paid ride rides rode ring rang rise rises rose run runs ran see sees saw seek seeks sought sell sells sold send sends sent set sets shake shook shoot shot show shows showed shut sit sits sat sleep slept spend spends spent stand stands stood stick stuck strike strikes struck sweep swept take takes took teach taught throw throws threw understand understands understood wear wears wore win wins won withdraw withdrew find finds found laid lay let lets"},
	{clVerb | clIng, "becoming beginning breaking bringing building buying choosing coming cutting dealing drawing driving falling fighting flying getting giving going growing hearing holding keeping leading leaving losing making meeting paying riding rising running seeing seeking selling sending setting sitting spending standing striking taking teaching throwing understanding wearing winning withdrawing finding being having doing letting"},
	{clBase, "say tell write speak think feel know mean read put hit sing swear go beat become begin break bring build buy catch choose come cut deal draw drive eat fall fight flee fly get give grow hear hide hold keep lead leave lose make meet pay ride ring rise run see seek sell send set shake shoot show shut sit sleep spend stand stick strike sweep take teach throw understand wear win withdraw find lay let"},
	{clVerb | clPart, "written spoken known sung sworn seen taken given gone done come become begun broken chosen drawn driven eaten fallen flown got gotten grown hidden ridden rung risen run shaken shown stricken thrown worn found made held sent met led kept left lost paid sold set"},
}

var lexicon = buildLexicon()

func buildLexicon() map[string]class {
	lex := make(map[string]class, 9000)
	add := func(w string, c class) { lex[w] |= c }
	for _, l := range wordLists {
		for w := range strings.FieldsSeq(l.words) {
			add(w, l.class)
		}
	}
	for w := range strings.FieldsSeq(roleWords) {
		add(w, clRole)
		add(plural(w), clGroup)
	}
	for w := range strings.FieldsSeq(groupWords) {
		add(w, clGroup)
	}
	for w := range strings.FieldsSeq(orgWords) {
		add(w, clOrg)
		if len(w) > 3 {
			add(plural(w), clOrg|clGroup)
		}
	}
	for w := range strings.FieldsSeq(docWords) {
		add(w, clDoc)
		add(plural(w), clDoc)
	}
	for _, l := range verbForms {
		for w := range strings.FieldsSeq(l.words) {
			addVerb(add, w, l.class)
		}
	}
	for _, l := range irregular {
		for w := range strings.FieldsSeq(l.words) {
			add(w, l.class)
		}
	}
	for w := range strings.FieldsSeq(mascNames) {
		add(w, clFirst|clMasc)
	}
	for w := range strings.FieldsSeq(femNames) {
		add(w, clFirst|clFem)
	}
	for w := range strings.FieldsSeq(eitherNames) {
		add(w, clFirst)
	}
	return lex
}

// addVerb adds a verb and its regular forms. "plan-n" doubles the consonant;
// "-x" marks a verb whose other forms are irregular and listed elsewhere.
func addVerb(add func(string, class), verb string, c class) {
	base, double, _ := strings.Cut(verb, "-")
	add(base, c|clBase)
	if double == "x" {
		return
	}
	stem := base + double
	switch {
	case strings.HasSuffix(base, "e"):
		add(base+"s", c)
		add(base+"d", c|clPart)
		add(base[:len(base)-1]+"ing", c|clIng)
	case strings.HasSuffix(base, "y") && !strings.ContainsAny(base[len(base)-2:len(base)-1], "aeiou"):
		add(base[:len(base)-1]+"ies", c)
		add(base[:len(base)-1]+"ied", c|clPart)
		add(base+"ing", c|clIng)
	default:
		add(plural(base), c)
		add(stem+"ed", c|clPart)
		add(stem+"ing", c|clIng)
	}
}

// plural returns the regular plural of a noun, which is also the third person
// of a verb.
func plural(w string) string {
	switch {
	case strings.HasSuffix(w, "man"):
		return w[:len(w)-3] + "men"
	case strings.HasSuffix(w, "s"), strings.HasSuffix(w, "x"), strings.HasSuffix(w, "ch"), strings.HasSuffix(w, "sh"):
		return w + "es"
	case strings.HasSuffix(w, "y") && len(w) > 1 && !strings.ContainsAny(w[len(w)-2:len(w)-1], "aeiou"):
		return w[:len(w)-1] + "ies"
	}
	return w + "s"
}

// classOf returns the classes of a word, case folded (ASCII only, as the
// lexicon is). It does not allocate.
func classOf(word string) class {
	var buf [24]byte
	if len(word) > len(buf) {
		return 0
	}
	n := 0
	for i := 0; i < len(word); i++ {
		c := word[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == 0xE2 && i+2 < len(word) && word[i+1] == 0x80 && word[i+2] == 0x99: // ’
			c = '\''
			i += 2
		}
		buf[n] = c
		n++
	}
	return lexicon[string(buf[:n])]
}
