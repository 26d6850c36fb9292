package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
)

// Limits of the manifest (https://docs.slack.dev/reference/app-manifest).
const (
	maxAppName     = 35
	maxDescription = 140
	maxBotName     = 80
	maxCommand     = 32 // with the slash
	maxSummary     = 100
	maxHint        = 1000
	maxCommands    = 50
)

// scopes are the least that the adapter needs: to post and edit in channels
// that it was invited to, to answer commands, to find its own message again
// after a crash (for which Slack's documentation leaves open whether the
// history is enough to read metadata), to see whether it may post, to see who
// administers, and to send people the alerts they asked for. It needs no file.
var scopes = []string{
	"channels:history", "channels:read", "chat:write", "commands", "groups:history", "groups:read", "im:history", "im:write",
	"metadata.message:read", "usergroups:read", "users:read",
}

// reserved are the names of Slack's own commands. One of them makes Slack
// refuse the whole manifest, so such a command gets the app's name in front.
var reserved = map[string]bool{
	"away": true, "collapse": true, "dnd": true, "expand": true, "feed": true, "feedback": true, "invite": true,
	"join": true, "leave": true, "me": true, "msg": true, "mute": true, "open": true, "prefs": true, "pro": true,
	"remind": true, "remove": true, "rename": true, "search": true, "shortcuts": true, "shrug": true, "star": true,
	"status": true, "topic": true, "who": true,
}

type manifest struct {
	Meta struct {
		Major int `json:"major_version"`
		Minor int `json:"minor_version"`
	} `json:"_metadata"`
	Display struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Colour      string `json:"background_color"`
	} `json:"display_information"`
	Features struct {
		Bot struct {
			Name   string `json:"display_name"`
			Online bool   `json:"always_online"`
		} `json:"bot_user"`
		Commands  []manifestCommand  `json:"slash_commands"`
		Shortcuts []manifestShortcut `json:"shortcuts,omitempty"`
	} `json:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `json:"bot"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Interactivity struct {
			Enabled bool   `json:"is_enabled"`
			URL     string `json:"request_url,omitempty"`
		} `json:"interactivity"`
		OrgDeploy     bool `json:"org_deploy_enabled"`
		SocketMode    bool `json:"socket_mode_enabled"`
		TokenRotation bool `json:"token_rotation_enabled"`
	} `json:"settings"`
}

// A manifestShortcut is an entry in the menu of a message.
type manifestShortcut struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // "message"
	Callback    string `json:"callback_id"`
	Description string `json:"description"`
}

const maxShortcut = 24 // of a shortcut's name

type manifestCommand struct {
	Command     string `json:"command"`
	URL         string `json:"url,omitempty"`
	Description string `json:"description"`
	UsageHint   string `json:"usage_hint,omitempty"`
	Escape      bool   `json:"should_escape"`
}

// Manifest returns the app manifest, as JSON, that makes a Slack app called
// name with what an adapter needs: the least scopes, Socket Mode, buttons, and
// the slash commands. It is to be pasted at https://api.slack.com/apps, Create
// New App, From a manifest.
//
// With a requestURL, which is where Handler is reached from outside, commands
// come there and Socket Mode stays off.
//
// A command whose name is one of Slack's own is registered behind the app's
// name, "/pullquote-status", which Serve understands.
func Manifest(name string, specs []chat.CommandSpec, requestURL string) ([]byte, error) {
	name = inline(name)
	if name == "" || size(name) > maxAppName {
		return nil, fmt.Errorf("slack manifest: the name must have 1 to %d characters", maxAppName)
	}
	if len(specs) > maxCommands {
		return nil, fmt.Errorf("slack manifest: more than %d commands", maxCommands)
	}
	if u, err := url.Parse(requestURL); requestURL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return nil, errors.New("slack manifest: commands are requested from an address that begins with https://")
	}
	var m manifest
	m.Meta.Major, m.Meta.Minor = 1, 1
	m.Display.Name = name
	m.Display.Description = "Live pages as quote-and-headline cards, kept true to their source."
	m.Display.Colour = "#1f3a5f"
	m.Features.Bot.Name = clip(name, maxBotName)
	m.Features.Bot.Online = true
	m.Features.Commands = []manifestCommand{}
	for _, s := range specs {
		c, err := slashOf(name, s)
		if err != nil {
			return nil, fmt.Errorf("slack manifest: %w", err)
		}
		c.URL = requestURL
		m.Features.Commands = append(m.Features.Commands, c)
		if s.Message {
			m.Features.Shortcuts = append(m.Features.Shortcuts, manifestShortcut{
				Name: clip(inline(s.Label), maxShortcut), Type: "message", Callback: actionID + s.Name, Description: c.Description,
			})
		}
	}
	m.OAuth.Scopes.Bot = scopes
	m.Settings.Interactivity.Enabled = true
	m.Settings.Interactivity.URL, m.Settings.SocketMode = requestURL, requestURL == ""
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// slashOf returns a command as Slack lists it: "/latest", "[source] [count 1-10]".
func slashOf(app string, s chat.CommandSpec) (manifestCommand, error) {
	c := manifestCommand{Command: "/" + s.Name, Description: clip(inline(s.Summary), maxSummary)}
	if reserved[s.Name] {
		c.Command = "/" + prefix(app) + "-" + s.Name
	}
	if s.Name == "" || len(c.Command) > maxCommand || s.Name != strings.ToLower(s.Name) || !alphanumeric(strings.NewReplacer("-", "", "_", "").Replace(s.Name)) {
		return c, fmt.Errorf("command %q is not 1 to %d lower-case letters, digits, - and _", s.Name, maxCommand-1)
	}
	if c.Description == "" {
		return c, errors.New("command " + s.Name + " has no summary")
	}
	var hints []string
	for _, o := range s.Options {
		hint := o.Name
		if o.Kind == chat.NumberOption && o.Max > 0 {
			hint += fmt.Sprintf(" %d-%d", o.Min, o.Max)
		}
		hints = append(hints, "["+hint+"]")
	}
	c.UsageHint = clip(strings.Join(hints, " "), maxHint)
	return c, nil
}

// prefix returns the app's name as part of a command's.
func prefix(app string) string {
	s := strings.Map(func(r rune) rune {
		if alphanumeric(string(r)) {
			return r
		}
		return -1
	}, strings.ToLower(app))
	if s == "" {
		return "pullquote"
	}
	return s[:min(len(s), 12)]
}
