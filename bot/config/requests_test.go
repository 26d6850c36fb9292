package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// parseRequests reads a configuration of one adapter, with a source that goes
// to it.
func parseRequests(top, adapter, channel string, env map[string]string) (*Config, error) {
	text := fmt.Sprintf("%s\nadapters:\n  - {name: a, platform: %s}\nsources: [{name: quay, url: 'https://news.example/quay', to: ['a:%s']}]\n",
		top, adapter, channel)
	return Parse(filepath.Join("folder", "config.yaml"), []byte(text), Options{Getenv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}})
}

const (
	slackRoom   = "C024BE91L"
	discordRoom = "130000000000000001"
)

// TestRequests reads what adapters need to which commands come as requests.
func TestRequests(t *testing.T) {
	const secret = "tide5ecret"
	env := map[string]string{"SLACK_BOT_TOKEN": "xoxb-1", "SIGNING": secret}
	c, err := parseRequests("requests: {listen: '8099'}", "slack, signing_secret_env: SIGNING", slackRoom, env)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Adapters[0]
	if a.SigningSecret.Reveal() != secret || !a.AppToken.IsZero() || a.Inactive != "" || c.Requests.Listen != "127.0.0.1:8099" {
		t.Errorf("%+v, requests at %s", a, c.Requests.Listen)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, a); strings.Contains(s, secret) {
		t.Error("the secret is printed")
	}

	delete(env, "SIGNING")
	c, err = parseRequests("", "slack, signing_secret_env: SIGNING", slackRoom, env)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Adapters[0]; !strings.Contains(a.Inactive, "SIGNING is not set") || c.Requests.Listen != defaultRequests {
		t.Errorf("%+v, requests at %s", a, c.Requests.Listen)
	}

	key := strings.Repeat("0aF9", 16)
	c, err = parseRequests("", "discord, shards: 3, public_key: '"+key+"'", discordRoom, map[string]string{"DISCORD_BOT_TOKEN": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Adapters[0]; a.PublicKey != key || a.Shards != 3 || a.Inactive != "" {
		t.Errorf("%+v", a)
	}
}

func TestRequestsProblems(t *testing.T) {
	env := map[string]string{"SLACK_BOT_TOKEN": "xoxb-1", "DISCORD_BOT_TOKEN": "x", "TOKEN": "xoxb-tide", "SPACED": "tide tide"}
	for _, tt := range []struct{ name, top, adapter, channel, line, want string }{
		{"no port", "requests: {listen: nowhere}", "slack", slackRoom, ":1:", "write a host and a port"},
		{"no key of ours", "requests: {port: 80}", "slack", slackRoom, ":1:", "listen"},
		{"both", "", "slack, signing_secret_env: TOKEN, signing_secret_file: b", slackRoom, ":3:", "are both here"},
		{"a token", "", "slack, signing_secret_env: TOKEN", slackRoom, ":3:", "a token"},
		{"spaces", "", "slack, signing_secret_env: SPACED", slackRoom, ":3:", "is no token"},
		{"in the file", "", "slack, signing_secret: tide", slackRoom, ":3:", "not written in this file"},
		{"a short key", "", "discord, public_key: abcdef", discordRoom, ":3:", "64 hexadecimal digits"},
		{"a key of other letters", "", "discord, public_key: " + strings.Repeat("x", 64), discordRoom, ":3:", "64 hexadecimal digits"},
		{"fewer than no shards", "", "discord, shards: -1", discordRoom, ":3:", "shards"},
	} {
		_, err := parseRequests(tt.top, tt.adapter, tt.channel, env)
		if err == nil || !strings.Contains(err.Error(), tt.line) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "tide") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
