package postgres

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// A place is a slot in a channel.
type place struct {
	ch   chat.Channel
	slot news.Ref
}

// books are a transaction as the rules see it. What the rules read is fetched
// for all channels at once, what they write goes out together in flush. The
// lanes of the channels they write to are locked first, always in the same
// order, so that nobody's delivery changes in between.
type books struct {
	*txn
	receipts   map[place]*store.Receipt
	deliveries map[place]*ledger.Delivery
	whole      map[news.Ref]bool // slots of which every channel is known
	known      map[place]bool    // places that were looked up by themselves
	entries    map[news.Ref]*news.Entry

	filed   map[place]bool // receipts to save
	added   []*ledger.Delivery
	renewed map[store.DeliveryID]*ledger.Delivery
	removed map[store.DeliveryID]bool
	lanes   map[chat.Channel]bool // whose deliveries change
	putOff  map[chat.Channel]putOff
	freed   []store.DeliveryID             // no lane waits for them any more
	dues    map[store.DeliveryID]time.Time // of deliveries that are put off alone
	indexed indexer
}

// A putOff says until when and for which delivery a lane waits.
type putOff struct {
	until   time.Time
	blocker store.DeliveryID
}

var _ ledger.Books = (*books)(nil)

func (t *txn) books() *books {
	return &books{
		txn: t, receipts: map[place]*store.Receipt{}, deliveries: map[place]*ledger.Delivery{}, whole: map[news.Ref]bool{},
		known: map[place]bool{}, entries: map[news.Ref]*news.Entry{}, filed: map[place]bool{},
		renewed: map[store.DeliveryID]*ledger.Delivery{}, removed: map[store.DeliveryID]bool{}, lanes: map[chat.Channel]bool{},
		putOff: map[chat.Channel]putOff{}, dues: map[store.DeliveryID]time.Time{},
	}
}

// courier returns one that writes into the books.
func (b *books) courier() *ledger.Courier {
	return &ledger.Courier{Books: b, Ledger: b.s.ledger, Copy: b.s.copied, Now: b.s.now()}
}

// encode returns a record. Records hold nothing that JSON cannot.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // unreachable
	}
	return string(b)
}

func decode[T any](what string, rec []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(rec, v); err != nil {
		return nil, ledger.Damaged("%s: %v", what, err)
	}
	return v, nil
}

// fetch reads the records that a query returns in one column.
func fetch[T any](t *txn, what, query string, args ...any) (list []*T, err error) {
	rows, err := t.Query(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*T, error) {
		var rec []byte
		if err := row.Scan(&rec); err != nil {
			return nil, err
		}
		return decode[T](what, rec)
	})
}

// What delivery reads. An abandoned delivery's record is whole.
const (
	pendingColumns = `id, rec, attempts, tried`
	goneColumns    = `id, rec, NULL::integer, NULL::timestamptz`
)

// deliveries reads the deliveries that a query returns.
func deliveries(t *txn, query string, args ...any) ([]*ledger.Delivery, error) {
	rows, err := t.Query(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, delivery)
}

func delivery(row pgx.CollectableRow) (*ledger.Delivery, error) {
	var r deliveryRow
	if err := row.Scan(&r.id, &r.rec, &r.attempts, &r.tried); err != nil {
		return nil, err
	}
	return r.delivery()
}

type deliveryRow struct {
	id       int64
	rec      []byte
	attempts *int
	tried    *time.Time // to the microsecond
}

func (r *deliveryRow) delivery() (*ledger.Delivery, error) {
	d, err := decode[ledger.Delivery]("delivery", r.rec)
	if err != nil {
		return nil, err
	}
	d.ID = store.DeliveryID(r.id)
	if r.attempts == nil {
		return d, nil
	}
	d.Attempts = *r.attempts
	if tried := fromNull(r.tried); !d.Tried.Truncate(time.Microsecond).Equal(tried) {
		d.Tried = tried
	}
	return d, nil
}

// lock locks the lanes of channels, which are made if there are none.
func (b *books) lock(channels ...chat.Channel) error {
	if len(channels) == 0 {
		return nil
	}
	var adapters, ids, recs []string
	for _, ch := range channels {
		n := lane(ch)
		adapters, ids, recs = append(adapters, n.adapter), append(ids, n.channel), append(recs, encode(ch))
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO lane (adapter, channel, rec)
		SELECT a, c, r::json FROM unnest($1::text[], $2::text[], $3::text[]) AS n (a, c, r)
		ORDER BY a COLLATE "C", c COLLATE "C" ON CONFLICT DO NOTHING`, adapters, ids, recs)
	batch.Queue(`SELECT 1 FROM lane WHERE (adapter, channel) IN (SELECT a, c FROM unnest($1::text[], $2::text[]) AS n (a, c))
		ORDER BY adapter, channel FOR UPDATE`, adapters, ids)
	return b.SendBatch(b.ctx, batch).Close()
}

// load reads everything that is known of slots.
func (b *books) load(slots ...news.Ref) error {
	var sources, names []string
	for _, slot := range slots {
		if !b.whole[slot] {
			sources, names = append(sources, name(slot.Source)), append(names, slotName(slot))
			b.whole[slot] = true
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return b.take(`(source, slot) IN (SELECT s, t FROM unnest($1::text[], $2::text[]) AS n (s, t))`, sources, names)
}

// take reads the receipts and deliveries for which a condition holds.
func (b *books) take(where string, args ...any) error {
	receipts, err := fetch[store.Receipt](b.txn, "receipt", `SELECT rec FROM receipt WHERE `+where, args...)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		at := place{r.Channel, ledger.Slot(r.Kind, r.Entry, r.Number)}
		if !b.filed[at] {
			b.receipts[at] = r
		}
	}
	pending, err := deliveries(b.txn, `SELECT `+pendingColumns+` FROM delivery WHERE `+where, args...)
	for _, d := range pending {
		if at := (place{d.Channel, d.Slot()}); b.deliveries[at] == nil && !b.removed[d.ID] {
			b.deliveries[at] = d
		}
	}
	return err
}

// look makes sure that a place is known.
func (b *books) look(at place) error {
	if b.whole[at.slot] || b.known[at] {
		return nil
	}
	b.known[at] = true
	n := lane(at.ch)
	return b.take(`source = $1 AND slot = $2 AND adapter = $3 AND channel = $4`,
		name(at.slot.Source), slotName(at.slot), n.adapter, n.channel)
}

// Receipt implements [ledger.Books].
func (b *books) Receipt(ch chat.Channel, slot news.Ref) (*store.Receipt, error) {
	at := place{ch, slot}
	err := b.look(at)
	return b.receipts[at], err
}

// PutReceipt implements [ledger.Books].
func (b *books) PutReceipt(r *store.Receipt) error {
	at := place{r.Channel, ledger.Slot(r.Kind, r.Entry, r.Number)}
	c := *r
	b.receipts[at], b.filed[at], b.known[at] = &c, true, true
	return nil
}

// Pending implements [ledger.Books].
func (b *books) Pending(ch chat.Channel, slot news.Ref) (*ledger.Delivery, error) {
	at := place{ch, slot}
	err := b.look(at)
	return b.deliveries[at], err
}

// Around implements [ledger.Books].
func (b *books) Around(slot news.Ref) (receipts []store.Receipt, pending []chat.Channel, err error) {
	if err := b.load(slot); err != nil {
		return nil, nil, err
	}
	for at, r := range b.receipts {
		if at.slot == slot {
			receipts = append(receipts, *r)
		}
	}
	for at, d := range b.deliveries {
		if at.slot == slot && d != nil {
			pending = append(pending, at.ch)
		}
	}
	return receipts, pending, nil
}

// Add implements [ledger.Books]. The delivery gets its ID in flush.
func (b *books) Add(d *ledger.Delivery) error {
	b.added = append(b.added, d)
	b.deliveries[place{d.Channel, d.Slot()}] = d
	b.lanes[d.Channel] = true
	return nil
}

// Renew implements [ledger.Books].
func (b *books) Renew(d *ledger.Delivery) error {
	if d.ID != 0 {
		b.renewed[d.ID] = d
	}
	b.lanes[d.Channel] = true
	return nil
}

// Remove implements [ledger.Books].
func (b *books) Remove(d *ledger.Delivery) error {
	b.removed[d.ID] = true
	delete(b.renewed, d.ID)
	delete(b.deliveries, place{d.Channel, d.Slot()})
	b.lanes[d.Channel] = true
	return nil
}

// keep saves a delivery that goes on, put off until a time: by itself if it is
// Alone, else with its lane.
func (b *books) keep(d *ledger.Delivery, until time.Time) error {
	if d.Alone {
		b.dues[d.ID] = until
		b.freed = append(b.freed, d.ID)
	} else {
		b.dues[d.ID] = d.Hold
		b.putOff[d.Channel] = putOff{until, d.ID}
	}
	return b.Renew(d)
}

// Rollup implements [ledger.Books].
func (b *books) Rollup(ch chat.Channel, number uint64) (ledger.Rollup, error) {
	n := lane(ch)
	list, err := fetch[ledger.Rollup](b.txn, "roll-up", `SELECT rec FROM rollup WHERE adapter = $1 AND channel = $2 AND number = $3`,
		n.adapter, n.channel, int64(number))
	if err != nil {
		return ledger.Rollup{}, err
	}
	if len(list) == 0 {
		return ledger.Rollup{}, ledger.Damaged("roll-up %d of %s is promised and not there", number, ch)
	}
	return *list[0], nil
}

// PutRollup implements [ledger.Books].
func (b *books) PutRollup(ch chat.Channel, number uint64, r *ledger.Rollup) error {
	n := lane(ch)
	_, err := b.Exec(b.ctx, `INSERT INTO rollup (adapter, channel, number, rec) VALUES ($1, $2, $3, $4)
		ON CONFLICT (adapter, channel, number) DO UPDATE SET rec = excluded.rec`, n.adapter, n.channel, int64(number), encode(r))
	return err
}

// Rollups implements [ledger.Books].
func (b *books) Rollups(ch chat.Channel, f func(uint64, *ledger.Rollup) (bool, error)) error {
	n := lane(ch)
	const step = 16
	for below := int64(1<<63 - 1); ; {
		rows, err := b.Query(b.ctx, `SELECT number, rec FROM rollup WHERE adapter = $1 AND channel = $2 AND number < $3
			ORDER BY number DESC LIMIT $4`, n.adapter, n.channel, below, step)
		if err != nil {
			return err
		}
		type numbered struct {
			Number int64
			Rec    []byte
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[numbered])
		if err != nil {
			return err
		}
		for _, row := range list {
			below = row.Number
			r, err := decode[ledger.Rollup]("roll-up", row.Rec)
			if err != nil {
				return err
			}
			if enough, err := f(uint64(row.Number), r); enough || err != nil {
				return err
			}
		}
		if len(list) < step {
			return nil
		}
	}
}

// PutFolded implements [ledger.Books].
func (b *books) PutFolded(ch chat.Channel, number uint64, e *news.Entry) error {
	n := lane(ch)
	_, err := b.Exec(b.ctx, `INSERT INTO folded (adapter, channel, number, source, entry, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, n.adapter, n.channel, int64(number), name(e.Source), name(e.Entry), at(e.When()))
	return err
}

// flush writes what was changed. newly says that something may be due that
// other replicas should hear of.
func (b *books) flush() (newly bool, err error) {
	if err := b.indexed.flush(b.txn); err != nil {
		return false, err
	}
	batch := &pgx.Batch{}
	b.queue(batch)
	if batch.Len() == 0 {
		return false, nil
	}
	return len(b.added)+len(b.renewed) > 0, b.SendBatch(b.ctx, batch).Close()
}

// queue queues what was changed, but for entries.
func (b *books) queue(batch *pgx.Batch) {
	b.queueReceipts(batch)
	b.queueRemoved(batch)
	b.queueAdded(batch)
	b.queueRenewed(batch)
	b.queueLanes(batch)
}

func (b *books) queueReceipts(batch *pgx.Batch) {
	var sources, slots, adapters, channels, recs []string
	var messages []*string
	for at := range b.filed {
		r := b.receipts[at]
		n := lane(at.ch)
		sources, slots = append(sources, name(at.slot.Source)), append(slots, slotName(at.slot))
		adapters, channels, recs = append(adapters, n.adapter), append(channels, n.channel), append(recs, encode(r))
		var m *string
		if r.Message != "" {
			id := name(r.Message)
			m = &id
		}
		messages = append(messages, m)
	}
	if len(recs) > 0 {
		batch.Queue(`INSERT INTO receipt (source, slot, adapter, channel, message, rec)
			SELECT s, t, a, c, m, r::json FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (s, t, a, c, m, r)
			ON CONFLICT (source, slot, adapter, channel) DO UPDATE SET message = excluded.message, rec = excluded.rec`,
			sources, slots, adapters, channels, messages, recs)
	}
}

func (b *books) queueRemoved(batch *pgx.Batch) {
	if len(b.removed) == 0 {
		return
	}
	ids := numbers(slices.Collect(maps.Keys(b.removed)))
	batch.Queue(`DELETE FROM delivery WHERE id = ANY($1)`, ids)
	for id := range b.removed {
		b.freed = append(b.freed, id)
	}
}

// queueAdded inserts new deliveries in the order they were promised. One that
// was removed again was never there.
func (b *books) queueAdded(batch *pgx.Batch) {
	var sources, slots, adapters, channels, recs []string
	var ids []*int64 // of those that were given up and have one
	var loose, breaking, foldable []bool
	var attempts []int32
	var tried, dues []*time.Time
	var enqueued []time.Time
	for _, d := range b.added {
		n, slot := lane(d.Channel), d.Slot()
		sources, slots = append(sources, name(slot.Source)), append(slots, slotName(slot))
		adapters, channels, recs = append(adapters, n.adapter), append(channels, n.channel), append(recs, encode(d))
		loose, breaking, foldable = append(loose, d.Loose()), append(breaking, d.Breaking), append(foldable, d.Foldable())
		dues, enqueued = append(dues, b.s.there(d.Hold)), append(enqueued, at(d.Enqueued))
		attempts, tried = append(attempts, int32(d.Attempts)), append(tried, null(d.Tried))
		var id *int64
		if d.ID != 0 {
			id = new(int64(d.ID))
		}
		ids = append(ids, id)
	}
	if len(recs) > 0 {
		batch.Queue(`INSERT INTO delivery (id, source, slot, adapter, channel, loose, due, breaking, foldable, enqueued, rec, attempts, tried)
			SELECT coalesce(i, nextval('delivery_id_seq')), s, t, a, c, l, u, b, f, e, r::json, m, y
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::bool[], $8::bool[], $9::timestamptz[],
				$10::text[], $11::bigint[], $12::int[], $13::timestamptz[]) WITH ORDINALITY AS n (s, t, a, c, l, u, b, f, e, r, i, m, y, o) ORDER BY o`,
			sources, slots, adapters, channels, loose, dues, breaking, foldable, enqueued, recs, ids, attempts, tried)
	}
}

func (b *books) queueRenewed(batch *pgx.Batch) {
	var recs []string
	var ids []int64
	var loose, breaking, foldable, fixed []bool
	var attempts []int32
	var tried, dues []*time.Time
	var enqueued []time.Time
	for id, d := range b.renewed {
		due, set := b.dues[id]
		ids, recs = append(ids, int64(id)), append(recs, encode(d))
		loose, breaking, foldable = append(loose, d.Loose()), append(breaking, d.Breaking), append(foldable, d.Foldable())
		attempts, tried = append(attempts, int32(d.Attempts)), append(tried, null(d.Tried))
		fixed, dues, enqueued = append(fixed, set), append(dues, b.s.there(due)), append(enqueued, at(d.Enqueued))
	}
	if len(ids) > 0 {
		batch.Queue(`UPDATE delivery d SET rec = r::json, loose = l, breaking = b, foldable = o, enqueued = e, attempts = m, tried = y,
				due = CASE WHEN f THEN u ELSE d.due END
			FROM unnest($1::bigint[], $2::text[], $3::bool[], $4::bool[], $5::bool[], $6::bool[], $7::timestamptz[], $8::timestamptz[],
				$9::int[], $10::timestamptz[]) AS n (i, r, l, b, o, f, u, e, m, y) WHERE d.id = i`,
			ids, recs, loose, breaking, foldable, fixed, dues, enqueued, attempts, tried)
	}
}

// queueLanes brings the lanes up to what is pending in them.
func (b *books) queueLanes(batch *pgx.Batch) {
	for ch, p := range b.putOff {
		n := lane(ch)
		batch.Queue(`UPDATE lane SET until = $3, blocker = CASE WHEN $3::timestamptz IS NULL THEN 0 ELSE $4::bigint END
			WHERE adapter = $1 AND channel = $2`, n.adapter, n.channel, b.s.there(p.until), int64(p.blocker))
	}
	if len(b.lanes) == 1 {
		for ch := range b.lanes {
			n := lane(ch)
			batch.Queue(settleLane, n.adapter, n.channel, numbers(b.freed))
		}
	} else if len(b.lanes) > 1 {
		adapters, channels := b.laneNames()
		batch.Queue(settleLanes, adapters, channels, numbers(b.freed))
	}
}

// These say of a lane when it is due: what stands in line holds up the rest,
// and what is loose is due by itself. A lane that was put off for a delivery
// that is freed waits for it no more.
const (
	settled = `
		UPDATE lane l SET breaking = coalesce(n.breaking, false),
			until = CASE WHEN l.blocker = ANY($3) THEN NULL ELSE l.until END,
			blocker = CASE WHEN l.blocker = ANY($3) THEN 0 ELSE l.blocker END,
			wake = CASE
				WHEN n.pending = 0 THEN NULL
				WHEN l.until IS NOT NULL AND l.blocker <> ALL($3) THEN l.until
				ELSE coalesce(n.line, n.loose) END
		FROM (`
	pending = `
		count(d.id) AS pending, bool_or(d.breaking) AS breaking, min(d.enqueued) FILTER (WHERE NOT d.loose) AS line,
		min(coalesce(d.due, d.enqueued)) FILTER (WHERE d.loose) AS loose `

	settleLane = settled + `SELECT` + pending + `FROM delivery d WHERE d.adapter = $1 AND d.channel = $2) AS n
		WHERE l.adapter = $1 AND l.channel = $2`
	settleLanes = settled + `SELECT a, c,` + pending + `
			FROM unnest($1::text[], $2::text[]) AS u (a, c) LEFT JOIN delivery d ON d.adapter = a AND d.channel = c GROUP BY a, c
		) AS n WHERE l.adapter = n.a AND l.channel = n.c`
)

func (b *books) laneNames() (adapters, channels []string) {
	list := slices.SortedFunc(maps.Keys(b.lanes), func(x, y chat.Channel) int { return cmp.Compare(x.String(), y.String()) })
	for _, ch := range list {
		n := lane(ch)
		adapters, channels = append(adapters, n.adapter), append(channels, n.channel)
	}
	return adapters, channels
}

func numbers(ids []store.DeliveryID) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}
