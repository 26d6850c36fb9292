package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store/ledger"
)

// token makes a claim's token from the one before: larger than it, and larger
// than any of before a failover that lost the last commits.
const nextToken = `greatest(token + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`

// Hold implements [chat.Peers].
func (s *Store) Hold(ctx context.Context, key string, ttl time.Duration) (chat.Hold, error) {
	if err := ledger.CheckHold(key, nil); err != nil {
		return chat.Hold{}, err
	}
	h, call := chat.Hold{Key: key}, rand.Text()
	err := s.write(ctx, func(t *txn) error {
		h.Expires = time.Now().Add(ttl)
		return t.QueryRow(t.ctx, `
			INSERT INTO hold AS h (key, token, expires, owner, call)
			VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + $2, $3, $4)
			ON CONFLICT (key) DO UPDATE SET token = greatest(h.token + 1, excluded.token), expires = excluded.expires, owner = excluded.owner,
				call = excluded.call
			WHERE h.expires IS NULL OR h.expires <= clock_timestamp() OR h.call = excluded.call
			RETURNING token, value`, name(key), ttl, s.self, call).Scan(&h.Token, &h.Value)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("%.40q: %w", key, chat.ErrHeld)
	}
	if err != nil {
		return chat.Hold{}, err
	}
	return h, nil
}

// Renew implements [chat.Peers].
func (s *Store) Renew(ctx context.Context, h chat.Hold, ttl time.Duration) (chat.Hold, error) {
	if err := ledger.CheckHold(h.Key, h.Value); err != nil {
		return chat.Hold{}, err
	}
	held := false
	err := s.write(ctx, func(t *txn) error {
		h.Expires = time.Now().Add(ttl)
		tag, err := t.Exec(t.ctx, `UPDATE hold SET expires = clock_timestamp() + $3, value = $4
			WHERE key = $1 AND token = $2 AND expires IS NOT NULL`, name(h.Key), int64(h.Token), ttl, h.Value)
		held = tag.RowsAffected() == 1
		return err
	})
	if err == nil && !held {
		err = fmt.Errorf("%.40q: %w", h.Key, chat.ErrHeld)
	}
	if err != nil {
		return chat.Hold{}, err
	}
	return h, nil
}

// Free implements [chat.Peers].
func (s *Store) Free(ctx context.Context, h chat.Hold) error {
	if err := ledger.CheckHold(h.Key, h.Value); err != nil {
		return err
	}
	return s.write(ctx, func(t *txn) error {
		_, err := t.Exec(t.ctx, `UPDATE hold SET expires = NULL, value = $3 WHERE key = $1 AND token = $2 AND expires IS NOT NULL`,
			name(h.Key), int64(h.Token), h.Value)
		return err
	})
}

// Once implements [chat.Peers]. A call whose commit went through although the
// answer was lost says that it was asked before: what it guards is then not
// done rather than done twice.
func (s *Store) Once(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	if err := ledger.CheckHold(key, nil); err != nil {
		return false, err
	}
	err = s.write(ctx, func(t *txn) error {
		tag, err := t.Exec(t.ctx, `
			INSERT INTO once AS o (key, until) VALUES ($1, clock_timestamp() + $2)
			ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE o.until <= clock_timestamp()`, name(key), ttl)
		first = tag.RowsAffected() == 1
		return err
	})
	return first, err
}

// Beat implements [store.Replicas]. It also sweeps away what has run out. What a
// replica that is not heard of any more had claimed is free again, before the
// claims run out: should it come back, its claims are lost.
func (s *Store) Beat(ctx context.Context, replica string, ttl time.Duration) (share chat.Share, err error) {
	if err := s.measure(ctx); err != nil {
		return share, err
	}
	freed := 0
	err = s.direct(ctx, func(t *txn) error {
		batch := &pgx.Batch{}
		batch.Queue(retireReplica, name(replica), s.self)
		batch.Queue(endSessions, name(replica))
		batch.Queue(freeDead, name(replica)).QueryRow(func(row pgx.Row) error { return row.Scan(&freed) })
		batch.Queue(forgetDead)
		if ttl > 0 {
			batch.Queue(`INSERT INTO replica (name, owner, joined, until) VALUES ($1, $2, clock_timestamp(), clock_timestamp() + $3)
				ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until`, name(replica), s.self, ttl)
		} else {
			batch.Queue(`DELETE FROM replica WHERE name = $1`, name(replica))
		}
		batch.Queue(`DELETE FROM once WHERE key IN (SELECT key FROM once WHERE until < clock_timestamp() ORDER BY until LIMIT 1000 FOR UPDATE SKIP LOCKED)`)
		batch.Queue(`SELECT count(*) FILTER (WHERE name < $1), count(*) FROM replica WHERE until >= clock_timestamp()`, name(replica)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&share.Rank, &share.Of) })
		return t.SendBatch(t.ctx, batch).Close()
	})
	if freed > 0 {
		s.ring()
	}
	if ttl <= 0 {
		share = chat.Share{}
	}
	return share, err
}

// retireReplica sets aside the row of who had this replica's name before.
const retireReplica = `UPDATE replica SET name = name || ' ' || owner, until = least(until, clock_timestamp() - interval '1 ms')
	WHERE name = $1 AND owner <> $2`

// endSessions ends what replicas that are not heard of may have under way: one
// that was stopped in the middle of a transaction would keep what it has locked.
// Should it come back, it connects again.
const endSessions = `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a, replica r
	WHERE r.until < clock_timestamp() AND r.name <> $1
		AND a.datname = current_database() AND a.usename = current_user AND a.state <> 'idle'
		AND starts_with(a.application_name, 'pullquote ' || right(r.owner, 8) || ' ')`

// freeDead frees what replicas had claimed that are not heard of. It does so at
// every beat, not once: what one of them asked for last may be granted by the
// server after it died, and one that was held up may claim before it beats again.
const freeDead = `
	WITH dead AS (
		SELECT owner FROM replica WHERE until < clock_timestamp() AND name <> $1
	), lanes AS (
		UPDATE lane SET expires = NULL WHERE (adapter, channel) IN (
			SELECT adapter, channel FROM lane WHERE expires IS NOT NULL AND owner IN (SELECT owner FROM dead) FOR UPDATE SKIP LOCKED) RETURNING 1
	), sources AS (
		UPDATE source SET expires = NULL WHERE id IN (
			SELECT id FROM source WHERE expires IS NOT NULL AND owner IN (SELECT owner FROM dead) FOR UPDATE SKIP LOCKED) RETURNING 1
	), holds AS (
		UPDATE hold SET expires = NULL WHERE key IN (
			SELECT key FROM hold WHERE expires IS NOT NULL AND owner IN (SELECT owner FROM dead) FOR UPDATE SKIP LOCKED) RETURNING 1
	) SELECT (SELECT count(*) FROM lanes) + (SELECT count(*) FROM sources) + (SELECT count(*) FROM holds)`

// forgetDead forgets the replicas of which nothing can be claimed any more.
const forgetDead = `DELETE FROM replica WHERE name IN (
	SELECT name FROM replica WHERE until < clock_timestamp() - interval '10 min' FOR UPDATE SKIP LOCKED)`

// Woken implements [store.Replicas].
func (s *Store) Woken() <-chan struct{} { return s.woken }

// bellName is the channel of the ledger's notices.
func (s *Store) bellName() string { return "pullquote_" + strings.ToLower(s.ledger) }

// anyway is how often Woken receives although nothing was heard: a notice may
// have been lost, a claim may have run out.
const anyway = 5 * time.Second

// listen rings when another replica did something, until ctx is done.
func (s *Store) listen(ctx context.Context, conf *pgx.ConnConfig) {
	for ctx.Err() == nil {
		_ = s.hear(ctx, conf) // the connection is lost: whatever happened meanwhile, look
		s.ring()
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *Store) hear(ctx context.Context, conf *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, conf.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it may be lost already
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.bellName()}.Sanitize()); err != nil {
		return err
	}
	s.ring()
	for {
		wait, cancel := context.WithTimeout(ctx, anyway)
		n, err := conn.WaitForNotification(wait)
		timeout := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil && !timeout {
			return err
		}
		if n == nil || n.Payload != s.self {
			s.ring()
		}
		if timeout && conn.IsClosed() {
			return nil
		}
	}
}

// ring makes Woken receive, once if it has not yet.
func (s *Store) ring() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}
