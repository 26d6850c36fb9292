package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const someSource = "adapters: [{name: console, platform: console}]\nsources: [{name: a, url: 'https://news.example/a', to: [console:t]}]\n"

func TestStore(t *testing.T) {
	const whole = "postgres://bot:tide@db.example:5432/pullquote?sslmode=require"
	for _, tt := range []struct {
		text, env, store, database, notice string
	}{
		{text: "", store: "pullquote.db"},
		{text: "store: sub/ledger.db", store: "sub/ledger.db"},
		{text: "store: " + whole, store: "postgres://db.example:5432/pullquote", database: whole, notice: "store_env"},
		{text: "store: postgresql://db.example/pullquote", store: "postgresql://db.example/pullquote", database: "postgresql://db.example/pullquote"},
		{text: "store: postgres:///pullquote?host=/run/postgresql", store: "postgres:///pullquote", database: "postgres:///pullquote?host=/run/postgresql"},
		{text: "store_env: LEDGER", env: whole, store: "postgres://db.example:5432/pullquote", database: whole},
	} {
		dir := t.TempDir()
		c, err := parseIn(dir, tt.text+"\n"+someSource, tt.env)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		store := tt.store
		if tt.database == "" {
			store = filepath.Join(dir, tt.store)
		}
		if c.Store != store || c.Database.Reveal() != tt.database {
			t.Errorf("%s: store %s, database %q", tt.text, c.Store, c.Database.Reveal())
		}
		said := fmt.Sprint(c.Notices)
		if tt.notice == "" && strings.Contains(said, "store") || !strings.Contains(said, tt.notice) {
			t.Errorf("%s: notices %s", tt.text, said)
		}
		if printed := fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Notices); strings.Contains(printed, "tide") {
			t.Errorf("%s: the password is printed", tt.text)
		}
		if tt.database != "" && c.Admin.Socket != filepath.Join(dir, "pullquote.sock") {
			t.Errorf("%s: socket %s", tt.text, c.Admin.Socket)
		}
	}
}

func TestStoreProblems(t *testing.T) {
	for _, tt := range []struct{ text, env, line, want string }{
		{"store: mysql://db/x", "", ":1:", `store: a ledger is not kept in "mysql"`},
		{"store: postgres://bot:tide@db.example", "", ":1:", "store: the address of a database is"},
		{"store: 'postgres://bot:tide/@db.example/x'", "", ":1:", "store: the address of a database is"},
		{"store: a.db\nstore_env: LEDGER", "postgres://db/x", ":2:", "store and store_env are both here"},
		{"store_env: LEDGER", "", ":1:", "LEDGER is not set"},
		{"store_env: LEDGER", "tide.db", ":1:", "LEDGER holds no address"},
		{"replica: 'a b'", "", ":1:", "replica is a name"},
		{"replica: " + strings.Repeat("x", 65), "", ":1:", "replica is a name"},
	} {
		_, err := parseIn(t.TempDir(), tt.text+"\n"+someSource, tt.env)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.line) || strings.Contains(err.Error(), "tide") {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

// parseIn reads a configuration that lies in dir, where the variable LEDGER may
// be set.
func parseIn(dir, text, ledger string) (*Config, error) {
	return Parse(filepath.Join(dir, "config.yaml"), []byte(text), Options{Getenv: func(name string) (string, bool) {
		if name != "LEDGER" {
			return "", false
		}
		return ledger, ledger != ""
	}})
}
