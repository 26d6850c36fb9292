package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
)

// TestRequests runs the program with platforms that post commands instead of
// keeping a connection, and asks it something over each.
func TestRequests(t *testing.T) {
	path, err := exec.LookPath("pullquote")
	if err != nil {
		t.Fatal(err)
	}
	slack, discord := slacktest.New(), discordtest.New()
	t.Cleanup(slack.Close)
	t.Cleanup(discord.Close)
	slack.AddChannel("C0QUAY")
	discord.AddChannel("130000000000000001")
	page := &crashPage{start: time.Now().Add(-time.Hour).UTC()}
	page.entries = []crashEntry{{headline: "Boat number 0 comes in"}}
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "5f1c0b2a9d"
	dir := t.TempDir()
	config := fmt.Sprintf(`requests: {listen: "127.0.0.1:0"}
admin: {socket: none}
adapters:
  - {name: slack, platform: slack, signing_secret_env: SIGNING, api_url: %q}
  - {name: discord, platform: discord, public_key: %q, api_url: %q}
sources:
  - {name: quay, url: %q, private: true, every: 1s, first_sight: 1, to: ["slack:C0QUAY", "discord:130000000000000001"]}
`, slack.URL(), hex.EncodeToString(public), discord.URL(), site.URL)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := launch(dir, append(os.Environ(), "SLACK_BOT_TOKEN="+slack.BotToken(), "SIGNING="+secret, "DISCORD_BOT_TOKEN="+discord.Token()),
		path, "run", "--config", "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	var at string
	told := regexp.MustCompile(`platforms are answered" address=(\S+)`)
	if err := eventually(func() error {
		out, _ := p.output()
		m := told.FindStringSubmatch(out)
		if m == nil || slack.Posts("C0QUAY") == 0 || discord.Posts("130000000000000001") == 0 {
			return fmt.Errorf("not up:\n%s", out)
		}
		at = "http://" + m[1]
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	// Slack: acknowledged in the response, answered at the response_url.
	answers, back := slack.Exchange("C0QUAY")
	form := url.Values{"command": {"/latest"}, "user_id": {"U1"}, "channel_id": {"C0QUAY"}, "team_id": {slacktest.TeamID}, "response_url": {back}}.Encode()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, form)
	code, body := postSigned(t, at+"/slack/slack", form, map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": "v0=" + hex.EncodeToString(mac.Sum(nil)),
	})
	if code != http.StatusOK || body != "" {
		t.Errorf("slack: %d %s", code, body)
	}
	if err := slack.Wait(10*time.Second, func() bool { return len(answers.Replies()) > 0 }); err != nil {
		t.Fatal(err)
	}
	if words := slacktest.Words(answers.Replies()[0].Blocks); !strings.Contains(words, "Boat number 0 comes in") {
		t.Errorf("slack answers %s", words)
	}

	// Discord: answered in the response.
	asked := fmt.Sprintf(`{"id":"%d","application_id":%q,"type":2,"token":"dG9rZW4","channel_id":"130000000000000001","guild_id":%q,
		"member":{"user":{"id":"80351110224678912"},"permissions":"1024"},"data":{"name":"latest","type":1,"id":"1"}}`,
		(time.Now().UnixMilli()-1420070400000)<<22, discordtest.AppID, discordtest.GuildID)
	code, body = postSigned(t, at+"/discord/discord", asked, map[string]string{
		"X-Signature-Timestamp": stamp, "X-Signature-Ed25519": hex.EncodeToString(ed25519.Sign(private, []byte(stamp+asked))),
	})
	if code != http.StatusOK || !strings.Contains(body, "Boat number 0 comes in") || !strings.Contains(body, `"flags":64`) {
		t.Errorf("discord: %d %s", code, body)
	}
	if n := discord.Connections(); n != 0 {
		t.Errorf("%d gateway connections", n)
	}
	for _, way := range []string{"/slack/slack", "/discord/discord"} {
		if code, _ := postSigned(t, at+way, asked, nil); code != http.StatusUnauthorized {
			t.Errorf("%s unsigned: %d", way, code)
		}
	}
	if out, _ := p.output(); bytes.Contains([]byte(out), []byte(secret)) {
		t.Error("the secret is in the log")
	}
}

func postSigned(t *testing.T, to, body string, header map[string]string) (code int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
