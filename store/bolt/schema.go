package bolt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// schema is the version of the layout below. A file with a higher one is
// refused; a lower one is brought up when it is opened.
const schema = 2

// The layout. A name is its length in two bytes and its bytes; a ref is the
// names of source and entry; a lane is the names of adapter and channel. A
// time is 12 bytes that sort newest first. Everything is big-endian, so that
// keys sort as their parts do.
//
//	bucket     key                             value
//	meta       "schema" "ledger" "epoch"       records: number, id, number of openings
//	           "copying" "copied"              records: when a copy was begun; copyRecord of a file that is one
//	source     name                            record: sourceRecord
//	sub        source name + lane              record: subRecord
//	entry      ref                             record: news.Entry, as last recorded
//	known      ref                             record: knownRecord, the small part of it that a poll needs
//	alias      source name + alias name        record: the entry's id
//	time       source name + time + entry name first seen
//	all        time + ref                      first seen
//	word       word + 0 + time + ref + quote   first seen; the empty word stands for every quote
//	spoken     speaker name + time + ref       nothing
//	speaker    time + speaker name             record: the name; the time is that of the newest entry in spoken
//	out        lane + delivery id              record: deliveryRecord
//	pending    slot + lane                     delivery id in out
//	receipt    slot + lane                     record: store.Receipt; without Message = nothing stands
//	message    lane + message name             the slot whose receipt it is
//	abandoned  number                          record: deliveryRecord
//	revision   ref + number                    record: news.Entry, as it was at that revision
//	url        hash of an address + ref        nothing
//	rollup     lane + number                   record: rollupRecord
//	folded     lane + number + time + ref      nothing
//	kept       key                             bytes another room keeps
//
// A slot is the ref of an entry, or for what is no entry's card a ref whose
// entry name begins with NUL; see ledger.Slot. Schema 1 had no message,
// revision, url, rollup, folded and kept.
//
// A record is a version byte, the CRC-32C of key and payload, and the payload
// in JSON. Fields of records are added, never renamed, reused or given another
// meaning; a reader ignores those it does not know.
const (
	metaBucket      = "meta"
	sourceBucket    = "source"
	subBucket       = "sub"
	entryBucket     = "entry"
	knownBucket     = "known"
	aliasBucket     = "alias"
	timeBucket      = "time"
	allBucket       = "all"
	wordBucket      = "word"
	spokenBucket    = "spoken"
	speakerBucket   = "speaker"
	outBucket       = "out"
	pendingBucket   = "pending"
	receiptBucket   = "receipt"
	abandonedBucket = "abandoned"
	messageBucket   = "message"
	revisionBucket  = "revision"
	urlBucket       = "url"
	rollupBucket    = "rollup"
	foldedBucket    = "folded"
	keptBucket      = "kept"
)

// buckets are all there are; Open makes those that are missing.
var buckets = []string{
	metaBucket, sourceBucket, subBucket, entryBucket, knownBucket, aliasBucket, timeBucket, allBucket,
	wordBucket, spokenBucket, speakerBucket, outBucket, pendingBucket, receiptBucket, abandonedBucket,
	messageBucket, revisionBucket, urlBucket, rollupBucket, foldedBucket, keptBucket,
}

// recordBuckets are those whose values are records.
var recordBuckets = []string{
	metaBucket, sourceBucket, subBucket, entryBucket, knownBucket, aliasBucket, speakerBucket,
	outBucket, receiptBucket, abandonedBucket, revisionBucket, rollupBucket, keptBucket,
}

// Records that the rules know.
type (
	sourceRecord   = ledger.Source
	subRecord      = ledger.Subscription
	rollupRecord   = ledger.Rollup
	deliveryRecord = ledger.Delivery
	copyRecord     = ledger.Copy
	knownRecord    = ledger.Known
)

// maxName bounds a name in a key; bbolt takes keys up to 32 KiB.
const maxName = 256

// appendName appends a name. One that is too long is cut and made unique by
// its hash; the record holds it whole.
func appendName[S ~string](key []byte, s S) []byte {
	if len(s) > maxName {
		sum := sha256.Sum256([]byte(s))
		s = s[:maxName-len(sum)] + S(sum[:])
	}
	key = binary.BigEndian.AppendUint16(key, uint16(len(s)))
	return append(key, s...)
}

// cutName returns the length of the name that key begins with, prefix
// included, or -1 if it begins with none.
func cutName(key []byte) int {
	if len(key) < 2 {
		return -1
	}
	n := 2 + int(binary.BigEndian.Uint16(key))
	if n > len(key) {
		return -1
	}
	return n
}

func sourceKey(id news.SourceID) []byte { return appendName(nil, id) }

func refKey(ref news.Ref) []byte {
	return appendName(appendName(make([]byte, 0, 4+len(ref.Source)+len(ref.Entry)), ref.Source), ref.Entry)
}

func appendLane(key []byte, ch chat.Channel) []byte {
	return appendName(appendName(key, ch.Adapter), ch.ID)
}

// outKey is the key of a delivery in out.
func outKey(ch chat.Channel, id store.DeliveryID) []byte {
	return binary.BigEndian.AppendUint64(appendLane(nil, ch), uint64(id))
}

// timeLen is the length of a time in a key.
const timeLen = 12

// appendTime appends t so that newer times sort first, whatever the year.
func appendTime(key []byte, t time.Time) []byte {
	key = binary.BigEndian.AppendUint64(key, ^(uint64(t.Unix()) ^ 1<<63))
	return binary.BigEndian.AppendUint32(key, ^uint32(t.Nanosecond()))
}

// keyTime reads what appendTime wrote. A short b is the zero time.
func keyTime(b []byte) time.Time {
	if len(b) < timeLen {
		return time.Time{}
	}
	sec := int64(^binary.BigEndian.Uint64(b) ^ 1<<63)
	return time.Unix(sec, int64(^binary.BigEndian.Uint32(b[8:]))).UTC()
}

const (
	recordVersion = 1
	recordHead    = 5 // version and checksum
)

// castagnoli is the table of CRC-32C, which processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns v as the record that belongs to key.
func seal(key []byte, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, err // unreachable: records hold nothing JSON cannot
	}
	rec := make([]byte, recordHead, recordHead+len(payload))
	rec[0] = recordVersion
	binary.BigEndian.PutUint32(rec[1:], checksum(key, payload))
	return append(rec, payload...), nil
}

// unseal checks the record of a key and decodes it into v. Nothing of rec is
// kept.
func unseal(bucket string, key, rec []byte, v any) error {
	if err := verify(bucket, key, rec); err != nil {
		return err
	}
	if err := json.Unmarshal(rec[recordHead:], v); err != nil {
		return fmt.Errorf("%w: record %s %q: %w", store.ErrDamaged, bucket, key, err)
	}
	return nil
}

// verify checks the record of a key without decoding it.
func verify(bucket string, key, rec []byte) error {
	switch {
	case len(rec) < recordHead:
		return fmt.Errorf("%w: record %s %q is cut short", store.ErrDamaged, bucket, key)
	case rec[0] != recordVersion:
		return fmt.Errorf("%w: record %s %q has version %d", store.ErrDamaged, bucket, key, rec[0])
	case binary.BigEndian.Uint32(rec[1:]) != checksum(key, rec[recordHead:]):
		return fmt.Errorf("%w: record %s %q fails its checksum", store.ErrDamaged, bucket, key)
	}
	return nil
}

// checksum covers the key too: a record in the wrong place is as bad as a
// wrong one.
func checksum(key, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, payload)
}

func damaged(format string, args ...any) error { return ledger.Damaged(format, args...) }
