// Package config reads the configuration file.
//
// [Load] turns a YAML file into a [Config] that is complete: every default is
// filled in, every value is in range, every channel names an adapter that
// exists. Whatever is wrong is reported at once, as an [Error] that lists each
// mistake with its place in the file, the line, and what to write instead.
//
// Tokens are never in the file. An adapter names an environment variable or a
// file that holds its token; this package is the only reader of both, and
// hands them on as [Secret], which does not print itself. An adapter whose
// token is not there is inactive, which is no mistake: the same file serves a
// first run on a terminal and the newsroom's machine.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// Options is what the configuration is checked against: things that other
// packages know.
type Options struct {
	// Getenv looks a variable up; nil means that none is set.
	Getenv func(name string) (value string, ok bool)
	// CheckCron reports what is wrong with a schedule; nil accepts all.
	CheckCron func(spec string) error
	// DigestSpec reads when a digest comes as a cron expression; nil accepts all.
	DigestSpec func(when string) (spec string, err error)
	// Formats are the names a source's format may have; empty accepts all.
	Formats []string
	// Demos are the names that may follow "demo:" in a source's url; empty
	// accepts all.
	Demos []string
	// CheckProfile reports what is wrong with a site profile, which is handed
	// over as JSON with its name in it; nil accepts all.
	CheckProfile func(profile []byte) error
	// Commands are the names of all commands, which may be called otherwise;
	// empty reads no other names.
	Commands []string
}

// A Config is a configuration that holds no mistake.
type Config struct {
	// Store is where the ledger is: the path of a file, relative to the working
	// directory or absolute, or a database without user and password.
	Store    string
	Database Secret // the whole address of the database; zero for a file
	Replica  string // what this process is called among those that share a database; "" is made up
	Contact  string // where the owner of a source can reach us; "" if not stated
	Log      Log
	Limits   Limits
	Delivery Delivery
	Admin    Admin
	Push     Push
	Requests Requests // where commands come as requests
	Adapters []Adapter
	// Operators are the channels where the bot says what is wrong with it;
	// empty means in the log only.
	Operators []chat.Channel
	Commands  map[string]string // other names for commands, by their own; nil for none
	Rooms     []Room            // what channels want of everything they are told
	Profiles  []Profile
	Sources   []Source
	// Notices are things that are as they may be, but perhaps not as they
	// were meant: one line each.
	Notices []string
}

// A Log is how the program logs.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Limits bound the reading of sources.
type Limits struct {
	Body    int64         // bytes of one document, unpacked
	Timeout time.Duration // for one reading
	PerHost int           // requests to one host at the same time
}

// Delivery bounds what a channel is told. A negative value means no bound, as
// the bot's options have it; none is zero.
type Delivery struct {
	EditWindow time.Duration // a card is edited at most once in it
	PerMinute  int           // cards a channel takes in a minute before plain updates are folded
	CatchUp    int           // late updates that get a card of their own after a pause
}

// Admin is how operators reach the running program.
type Admin struct {
	// Listen is the host and port of the operators' page, its metrics and health
	// checks; "" means that there is none.
	Listen string
	// Socket is the path of the socket that commands such as backup use; ""
	// means that there is none.
	Socket string
}

// Push is how hubs reach us (WebSub).
type Push struct {
	URL    string // public base address of the callback, without a slash at its end; "" means no push
	Listen string // host and port of the callback
}

// A Profile says where a publisher's pages keep what makes an entry.
type Profile struct {
	Name string
	JSON []byte // the whole profile, its name included
}

// A Platform is a kind of adapter.
type Platform string

// The platforms.
const (
	Console Platform = "console"
	Slack   Platform = "slack"
	Discord Platform = "discord"
)

// An Adapter is one workspace, bot or terminal.
type Adapter struct {
	Name     string
	Platform Platform
	BotToken Secret // Slack
	AppToken Secret // Slack
	Token    Secret // Discord
	// With these, commands come as requests to Requests.Listen instead of over a
	// connection of ours.
	SigningSecret Secret // Slack
	PublicKey     string // Discord: 64 hexadecimal digits
	Shards        int    // Discord: gateway connections of all replicas; 0 = as Discord advises
	Admins        string // Slack: the user group whose members administer, beside the workspace's own admins; "" means none
	Guild         string // Discord: the one server to register commands in; "" means everywhere
	// Home are Discord servers whose managers see and decide for all that the bot
	// does; Guild is always among them. Workspaces and terminals always are.
	Home   []string
	Rate   int    // how many times the platform's ordinary limits this bot was granted; 1 for most, 0 on a terminal
	APIURL string // where the platform is reached instead of its own address; "" means there
	// Inactive says why the adapter cannot be used, such as "SLACK_BOT_TOKEN
	// is not set"; "" if it can.
	Inactive string
}

// A Source is a followed source and where it is told.
type Source struct {
	news.Source   // URL is "demo:NAME" for a page of our own
	Subscriptions []Subscription
}

// Channels returns the channels the source is told in, in the file's order,
// each once.
func (s *Source) Channels() []chat.Channel {
	list := make([]chat.Channel, len(s.Subscriptions))
	for i := range s.Subscriptions {
		list[i] = s.Subscriptions[i].Channel
	}
	return list
}

// A Subscription is a channel that is told a source, and how.
type Subscription struct {
	Channel chat.Channel
	Silent  bool     // post without notifications, where the platform can
	Style   string   // "" for a card an entry, "thread" or "forum": as package store has it
	Publish bool     // publish to the channels that follow this one
	Closing bool     // post a summary when coverage ends
	Delete  bool     // delete the card of a withdrawn entry instead of striking it through
	Tags    []string // of forum posts
	Filter  string   // as package rules reads it; "" = everything
	// Mentions are told aloud of what MentionWhen, a filter, wants: "" is key
	// events.
	Mentions    []chat.Mention
	MentionWhen string
}

// A Room is what a channel wants of everything it is told.
type Room struct {
	Channel chat.Channel
	Quiet   string // hours as package rules reads them; "" = none
	Pass    string // a filter of what passes quiet hours; "" = breaking sources only
	Digests []Digest
}

// A Digest is a summary that a channel gets at fixed times.
type Digest struct {
	When    string          // as it was written: "daily 08:00 Europe/London"
	Spec    string          // the same as Options.DigestSpec has it
	Sources []news.SourceID // none = what the channel follows
	Thread  bool            // in the thread of the one source's page
}

// Active reports whether the adapter that ch names can be used.
func (c *Config) Active(ch chat.Channel) bool {
	for i := range c.Adapters {
		if c.Adapters[i].Name == ch.Adapter {
			return c.Adapters[i].Inactive == ""
		}
	}
	return false // unreachable for a channel of c
}

// maxFile is room for ten thousand sources.
const maxFile = 1 << 20

// Load reads the file at path. Relative paths in it are relative to the
// folder it lies in. Mistakes in it are an *[Error].
func Load(path string, o Options) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration file %s; config.example.yaml is one to start from", path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, o)
}

// Parse reads data as if it were the file name.
func Parse(name string, data []byte, o Options) (*Config, error) {
	d, top := parseDocument(name, data)
	if len(d.problems) > 0 {
		return nil, d.err()
	}
	b := builder{document: d, Options: o, dir: filepath.Dir(name)}
	b.build(top)
	if len(d.problems) > 0 {
		return nil, d.err()
	}
	return &b.config, nil
}

// A builder fills a Config from a document.
type builder struct {
	*document
	Options
	dir    string // of the file
	config Config
	named  []namedSource // of digests, to be looked up when all sources are read
}

// A namedSource is the name of a source that must be there.
type namedSource struct {
	at value
	id news.SourceID
}

// The keys of each section, in the order of the example.
var (
	topKeys = []string{
		"store", "store_env", "replica", "contact", "log", "limits", "delivery", "admin", "push", "requests", "adapters", "operators", "commands", "channels", "profiles", "sources",
	}
	logKeys      = []string{"level", "format"}
	limitKeys    = []string{"body", "timeout", "per_host"}
	deliveryKeys = []string{"edit_window", "per_minute", "catch_up"}
	adminKeys    = []string{"listen", "socket"}
	pushKeys     = []string{"url", "listen"}
	requestKeys  = []string{"listen"}
	sourceKeys   = []string{
		"name", "title", "url", "private", "format", "fragments", "every", "slowest", "cron", "zone",
		"first_sight", "max_age", "breaking", "silent", "closing", "to",
	}
	subscriptionKeys = []string{
		"channel", "style", "silent", "publish", "closing", "delete_withdrawn", "tags", "filter", "mention", "mention_when",
	}
	channelKeys = []string{"channel", "quiet", "quiet_pass", "digests"}
	digestKeys  = []string{"when", "sources", "thread"}
	adapterKeys = map[Platform][]string{
		Console: {"name", "platform"},
		Slack: {
			"name", "platform", "bot_token_env", "bot_token_file", "app_token_env", "app_token_file",
			"signing_secret_env", "signing_secret_file", "admins", "rate", "api_url",
		},
		Discord: {"name", "platform", "token_env", "token_file", "guild", "home", "public_key", "shards", "rate", "api_url"},
	}
	platforms = []string{string(Console), string(Slack), string(Discord)}
)

func (b *builder) build(top value) {
	s := b.section(top, "the configuration", topKeys)
	c := &b.config
	b.store(s["store"], s["store_env"])
	b.replica(s["replica"])
	c.Contact = b.contact(s["contact"])
	b.log(s["log"])
	b.limits(s["limits"])
	b.delivery(s["delivery"])
	b.admin(s["admin"])
	b.push(s["push"])
	b.config.Requests.Listen = b.listen(b.section(s["requests"], "requests", requestKeys)["listen"], defaultRequests, defaultRequests)
	adapters := b.adapters(s["adapters"])
	b.operators(s["operators"], adapters)
	b.commands(s["commands"])
	b.rooms(s["channels"], adapters)
	b.profiles(s["profiles"])
	b.sources(s["sources"], adapters)
	b.lookUp()
	if s["sources"].absent() && len(b.problems) == 0 {
		b.problem(top, "there are no sources; add at least one under sources:")
	}
}

func (b *builder) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(b.dir, p)
}

// contact goes into a header, so it is held to what a header may hold.
func (b *builder) contact(v value) string {
	text := b.textOf(v, "")
	for _, r := range text {
		if r <= ' ' || r > '~' || r == '(' || r == ')' {
			b.problem(v, "contact is a web or mail address, such as https://news.example/bot or bot@news.example")
			return ""
		}
	}
	return text
}

func (b *builder) log(v value) {
	s := b.section(v, "log", logKeys)
	b.config.Log.Format = b.oneOf(s["format"], "text", []string{"text", "json"})
	level := b.oneOf(s["level"], "info", []string{"debug", "info", "warn", "error"})
	if err := b.config.Log.Level.UnmarshalText([]byte(level)); err != nil {
		b.problem(s["level"], "%v", err) // unreachable: the four levels are slog's
	}
}

func (b *builder) limits(v value) {
	s := b.section(v, "limits", limitKeys)
	b.config.Limits = Limits{
		// bot/parse reads no document above 32 MiB.
		Body: b.size(s["body"], 15<<20, 64<<10, 32<<20),
		// A reading must end well before its claim in the ledger does.
		Timeout: b.duration(s["timeout"], 30*time.Second, time.Second, time.Minute),
		PerHost: b.integer(s["per_host"], 4, 1, 64),
	}
}
