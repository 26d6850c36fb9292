package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	envPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	userGroup   = regexp.MustCompile(`^S[A-Z0-9]{5,20}$`)
	snowflake   = regexp.MustCompile(`^[0-9]{15,20}$`)
)

// maxRate is more than any platform grants.
const maxRate = 1000

// adapters reads the adapters and returns the line of each name.
func (b *builder) adapters(v value) (lines map[string]int) {
	lines = make(map[string]int)
	taken := make(map[string]string) // where a token comes from → whose it is
	for _, item := range b.list(v, "adapters", "each begins with - name:") {
		b.adapter(item, lines, taken)
	}
	return lines
}

func (b *builder) adapter(item value, lines map[string]int, taken map[string]string) {
	platform := platformOf(item)
	keys, ok := adapterKeys[platform]
	if !ok { // then no key can be called wrong
		for _, p := range platforms {
			keys = append(keys, adapterKeys[Platform(p)]...)
		}
	}
	what := "an adapter"
	if ok {
		what = "a " + string(platform) + " adapter"
	}
	s := b.section(item, what, keys)
	a := Adapter{Platform: platform, Name: b.unique(item, s, "adapter", lines)}
	if !ok {
		b.choosePlatform(item, s["platform"])
		return
	}
	t := tokenReader{builder: b, section: s, item: item, adapter: &a, taken: taken}
	switch platform {
	case Slack:
		a.BotToken = t.read("bot_token", "SLACK_BOT_TOKEN", "xapp-", "the app-level token")
		if s["signing_secret_env"].absent() && s["signing_secret_file"].absent() {
			a.AppToken = t.read("app_token", "SLACK_APP_TOKEN", "xoxb-", "the bot token")
		} else {
			a.SigningSecret = t.read("signing_secret", "SLACK_SIGNING_SECRET", "xox", "a token")
			for _, key := range []string{"app_token_env", "app_token_file"} {
				if v := s[key]; !v.absent() {
					b.problem(v, "with a signing secret commands come as requests, and no app-level token is used; remove %s", key)
				}
			}
		}
		a.Admins = b.textOf(s["admins"], "")
		if a.Admins != "" && !userGroup.MatchString(a.Admins) {
			b.problem(s["admins"], "admins is the ID of a user group, such as S0604QSJC: open the group in Slack and copy its ID")
		}
	case Discord:
		a.Token = t.read("token", "DISCORD_BOT_TOKEN", "", "")
		a.PublicKey = b.textOf(s["public_key"], "")
		if a.PublicKey != "" && !publicKey.MatchString(a.PublicKey) {
			b.problem(s["public_key"], "public_key is 64 hexadecimal digits: in the developer portal, General Information, Public Key")
		}
		a.Shards = b.integer(s["shards"], 0, 0, 1<<14)
		a.Guild = b.textOf(s["guild"], "")
		if a.Guild != "" && !snowflake.MatchString(a.Guild) {
			b.problem(s["guild"], "guild is the server's ID, 15 to 20 digits: switch on Developer Mode, right-click the server, Copy Server ID")
		}
		a.Home = b.home(s["home"])
	case Console:
	}
	if platform != Console {
		a.Rate = b.integer(s["rate"], 1, 1, maxRate)
	}
	a.APIURL = b.apiURL(s["api_url"])
	b.config.Adapters = append(b.config.Adapters, a)
}

// home reads the servers of the operator.
func (b *builder) home(v value) (ids []string) {
	for _, item := range b.list(v, "home", `home: ["80351110224678912"]`) {
		id, ok := b.text(item)
		if ok && !snowflake.MatchString(id) {
			b.problem(item, "home lists servers' IDs, 15 to 20 digits in quotation marks: switch on Developer Mode, right-click the server, Copy Server ID")
		} else if ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// platformOf looks ahead for the platform, which decides about the other keys.
func platformOf(item value) Platform {
	m, ok := item.node.(*ast.MappingNode)
	if !ok {
		return ""
	}
	for _, kv := range m.Values {
		if key, ok := kv.Key.(*ast.StringNode); ok && key.Value == "platform" && kv.Value != nil {
			if text, ok := kv.Value.(*ast.StringNode); ok {
				return Platform(text.Value)
			}
		}
	}
	return ""
}

func (b *builder) choosePlatform(item, v value) {
	if _, isMap := item.node.(*ast.MappingNode); !isMap {
		return // noted already
	}
	if v.absent() {
		b.problem(item, "the adapter has no platform; write platform: %s", list(platforms, "or"))
		return
	}
	b.oneOf(v, "", platforms)
}

// unique reads the name of an adapter or source and notes one that is missing,
// badly formed or taken.
func (b *builder) unique(item value, s map[string]value, what string, lines map[string]int) string {
	if _, isMap := item.node.(*ast.MappingNode); !isMap {
		return "" // noted already
	}
	v := s["name"]
	name, ok := b.text(v)
	if !ok {
		if v.absent() {
			b.problem(item, "the %s has no name; write name: and a short word", what)
		}
		return ""
	}
	if !namePattern.MatchString(name) {
		b.problem(v, "a name is 1 to 40 lower-case letters, digits and hyphens%s", suggestName(name))
		return ""
	}
	if line, ok := lines[name]; ok {
		b.problem(v, "the name %s is taken by the %s in line %d", name, what, line)
		return ""
	}
	lines[name] = v.line
	return name
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

func suggestName(name string) string {
	like := strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if !namePattern.MatchString(like) {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", like)
}

func (b *builder) apiURL(v value) string {
	text := b.textOf(v, "")
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		b.problem(v, "api_url is an http or https address, such as http://127.0.0.1:8080/")
		return ""
	}
	return text
}

// A tokenReader finds the tokens of one adapter.
type tokenReader struct {
	*builder
	section map[string]value
	item    value
	adapter *Adapter
	taken   map[string]string
}

// read returns the token of the kind, "bot_token" for example: from the file
// that bot_token_file names, else from the variable that bot_token_env names,
// else from the variable preset. A variable that is not set makes the adapter
// inactive. A token that begins with wrong is what other says.
func (t tokenReader) read(kind, preset, wrong, other string) Secret {
	env, file := t.section[kind+"_env"], t.section[kind+"_file"]
	from := t.item // where to report what is wrong with the token
	text, origin := "", ""
	switch {
	case !env.absent() && !file.absent():
		t.problem(file, "%s_env and %s_file are both here; keep one", kind, kind)
		return Secret{}
	case !file.absent():
		from = file
		text, origin = t.fromFile(file)
	default:
		if !env.absent() {
			from = env
		}
		text, origin = t.fromEnv(env, preset)
	}
	if origin == "" {
		return Secret{} // noted already
	}
	if owner, ok := t.taken[origin]; ok {
		t.problem(from, "%s holds the token of %s already; another adapter needs a token of its own: write %s_env or %s_file",
			origin, owner, kind, kind)
		return Secret{}
	}
	t.taken[origin] = "adapter " + t.adapter.Name
	if text == "" {
		return Secret{} // inactive
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.problem(from, "what %s holds is no token: it has spaces, line breaks or other signs in it", origin)
		return Secret{}
	}
	if wrong != "" && strings.HasPrefix(text, wrong) {
		t.problem(from, "%s holds %s, which begins with %q; the two may be swapped", origin, other, wrong)
		return Secret{}
	}
	return NewSecret(text)
}

// fromEnv returns what the variable holds. origin "" means that v is wrong,
// text "" that the variable is not set.
func (t tokenReader) fromEnv(v value, preset string) (text, origin string) {
	name := preset
	if !v.absent() {
		s, ok := t.text(v)
		if !ok {
			return "", ""
		}
		if !envPattern.MatchString(s) {
			t.hide(v.line, v.column)
			t.problem(v, "this is the name of an environment variable, such as %s, and not the token itself", preset)
			return "", ""
		}
		name = s
	}
	if t.Getenv != nil {
		text, _ = t.Getenv(name)
		text = strings.TrimSpace(text)
	}
	if text == "" {
		t.inactive(name + " is not set")
	}
	return text, name
}

func (t tokenReader) inactive(why string) {
	if t.adapter.Inactive != "" {
		why = t.adapter.Inactive + ", " + why
	}
	t.adapter.Inactive = why
}

// maxToken is longer than any token.
const maxToken = 8 << 10

// fromFile returns what the file holds. origin "" means that it cannot be
// used, which is noted: who names a file means it to be there.
func (t tokenReader) fromFile(v value) (text, origin string) {
	name, ok := t.text(v)
	if !ok {
		return "", ""
	}
	if slackToken.MatchString(name) || discordToken.MatchString(name) {
		t.hide(v.line, v.column)
		t.problem(v, "this is the path of a file that holds the token, and not the token itself")
		return "", ""
	}
	path := t.path(name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.problem(v, "there is no such file")
		return "", ""
	}
	if err != nil {
		t.problem(v, "the file cannot be read: %v", err)
		return "", ""
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		t.problem(v, "the file cannot be read: %v", err)
		return "", ""
	}
	text = strings.TrimSpace(string(data))
	if text == "" || len(data) > maxToken {
		t.problem(v, "the file %s holds no token", name)
		return "", ""
	}
	return text, path
}

// checkChannel notes an ID that the platform cannot have. "@" and a user's ID
// are the direct messages with that user.
func (b *builder) checkChannel(v value, a *Adapter, id string) {
	switch a.Platform {
	case Slack:
		if !slackChannel.MatchString(id) {
			b.problem(v, "%.60q is no Slack channel ID; it begins with C, G or D, as in %s:C024BE91L: in Slack, click the channel's name, then About",
				id, a.Name)
		}
	case Discord:
		if !snowflake.MatchString(strings.TrimPrefix(id, "@")) {
			b.problem(v, "%.60q is no Discord channel ID, which is 15 to 20 digits: switch on Developer Mode, right-click the channel, Copy Channel ID", id)
		}
	case Console:
	}
}

var publicKey = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

var slackChannel = regexp.MustCompile(`^([CGD]|@[UW])[A-Z0-9]{2,}$`)

// adapterNames returns the names in lines in order.
func adapterNames(lines map[string]int) []string {
	names := make([]string, 0, len(lines))
	for n := range lines {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
