package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxReplica bounds the name of a replica, in bytes.
const maxReplica = 64

// store reads where the ledger is: a file, or a database whose address stands
// in the file or in a variable.
func (b *builder) store(in, env value) {
	c := &b.config
	text := b.textOf(in, "")
	if name := b.textOf(env, ""); name != "" {
		if text != "" {
			b.problem(env, "store and store_env are both here; keep one")
			return
		}
		if b.Getenv != nil {
			text, _ = b.Getenv(name)
		}
		if text == "" {
			b.problem(env, "%s is not set; it should hold the address of the database, such as postgres://db.example/pullquote", name)
			return
		}
		if !isDatabase(text) {
			b.problem(env, "%s holds no address of a database; that begins with postgres://", name)
			return
		}
		in = env
	}
	at, err := LedgerAt(cmp.Or(text, "pullquote.db"))
	if err != nil {
		b.problem(in, "store: %v", err)
		return
	}
	c.Store, c.Database = at.Store, at.Database
	if c.Database.IsZero() {
		c.Store = b.path(c.Store)
		return
	}
	if u, err := url.Parse(text); err == nil && in != env {
		if _, open := u.User.Password(); open {
			b.notice(in, "store: whoever reads this file can read the database's password; store_env takes the address from the environment")
		}
	}
}

// LedgerAt returns a configuration of which only the ledger is set: the path of
// a file, or the address of a database. No error holds the address.
func LedgerAt(text string) (*Config, error) {
	if !isDatabase(text) {
		if scheme, _, ok := strings.Cut(text, "://"); ok {
			return nil, fmt.Errorf("a ledger is not kept in %q; write the path of a file, or postgres://…", scheme)
		}
		return &Config{Store: text}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("the address of a database is postgres://host/database, with user:password@ before the host; signs such as @ and / in a password are written %40 and %2F")
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return &Config{Store: shown.String(), Database: NewSecret(text)}, nil
}

func isDatabase(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// replica reads what this process is called among those that share a database.
func (b *builder) replica(v value) {
	name := b.textOf(v, "")
	if len(name) > maxReplica || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		b.problem(v, "replica is a name of at most %d letters, digits and signs without spaces", maxReplica)
		return
	}
	b.config.Replica = name
}
