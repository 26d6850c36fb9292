package bolt

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
)

// bbolt trusts its pages: a damaged one makes it panic, or go round in circles
// until memory is full, which no recover catches. So the structure of the file
// is checked before bbolt works on it: that every page is where it says it is,
// used once, and holds what fits into it, in order. What the records say is
// checked when they are read.
//
// The format is version 2 of bbolt's, in the byte order of the machine:
//
//	page     id 8, kind 2, count 2, overflow 4; then its elements, 16 bytes each
//	branch   key position 4, key size 4, page 8
//	leaf     kind 4, key position 4, key size 4, value size 4
//	bucket   root page 8 (0 = a page follows in the value), sequence 8
//	meta     magic 4, version 4, page size 4, flags 4, root bucket 16, free list 8, pages used 8, transaction 8, checksum 8
const (
	pageHead    = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	branchPage   = 0x01
	leafPage     = 0x02
	freePage     = 0x10
	bucketLeaf   = 0x01
	noFreeList   = ^uint64(0)
	manyFree     = 0xFFFF // the count of a free list too long for its field
	maxPageDepth = 64
)

var order = binary.NativeEndian

// An inspector checks the structure of a bbolt file.
type inspector struct {
	file     io.ReaderAt
	size     int64 // of the file
	pageSize uint64
	used     uint64 // pages in use, free ones included
	freeList uint64
	root     uint64
	seen     []bool
	bufs     [maxPageDepth + 2][]byte // the page looked at, by depth
}

// inspect returns ErrDamaged if bbolt could not work safely on the file, which
// has size bytes and is locked.
func inspect(file io.ReaderAt, size int64) error {
	in := inspector{file: file, size: size}
	if err := in.metas(); err != nil {
		return err
	}
	if need := in.used * in.pageSize; uint64(size) < need {
		return damaged("the file is cut short: %d of %d bytes are there", size, need)
	}
	in.seen = make([]bool, in.used)
	if err := in.free(); err != nil {
		return err
	}
	return in.tree(in.root, nil, 0)
}

// metas finds the newer of the two meta pages that is whole.
func (in *inspector) metas() error {
	head := make([]byte, pageHead+metaSize)
	var newest uint64
	found := false
	for _, at := range in.metaPlaces() {
		if _, err := in.file.ReadAt(head, at); err != nil {
			continue
		}
		m := head[pageHead:]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaSize-8]) // a hash takes everything
		if order.Uint32(m) != metaMagic || order.Uint32(m[4:]) != metaVersion || order.Uint64(m[56:]) != sum.Sum64() {
			continue
		}
		if txid := order.Uint64(m[48:]); !found || txid > newest {
			newest, found = txid, true
			in.pageSize, in.root = uint64(order.Uint32(m[8:])), order.Uint64(m[16:])
			in.freeList, in.used = order.Uint64(m[32:]), order.Uint64(m[40:])
		}
	}
	if !found {
		return damaged("the file has no valid beginning")
	}
	if in.pageSize < 1024 || in.pageSize > 1<<20 || in.used < 2 || in.used > 1<<40/in.pageSize {
		return damaged("the file's beginning makes no sense")
	}
	return nil
}

// metaPlaces are the offsets of the first meta page and, for every page size
// there is, of the second.
func (in *inspector) metaPlaces() []int64 {
	places := []int64{0}
	for size := int64(1024); size <= 1<<20; size *= 2 {
		places = append(places, size)
	}
	return places
}

// page returns a page with its overflow, until the next of that depth, and
// marks it as used.
func (in *inspector) page(depth int, id uint64, kinds ...uint16) (p []byte, kind uint16, err error) {
	if id < 2 || id >= in.used {
		return nil, 0, damaged("page %d is not in the file", id)
	}
	if p, err = in.read(depth, id, 1); err != nil {
		return nil, 0, err
	}
	kind, more := order.Uint16(p[8:]), uint64(order.Uint32(p[12:]))
	if order.Uint64(p) != id || more >= in.used-id || !slices.Contains(kinds, kind) {
		return nil, 0, damaged("page %d is not what it should be", id)
	}
	for i := id; i <= id+more; i++ {
		if in.seen[i] {
			return nil, 0, damaged("page %d is used twice", i)
		}
		in.seen[i] = true
	}
	if more > 0 {
		p, err = in.read(depth, id, more+1)
	}
	return p, kind, err
}

// read reads n pages into the buffer of a depth.
func (in *inspector) read(depth int, id, n uint64) ([]byte, error) {
	size := int(n * in.pageSize)
	if cap(in.bufs[depth]) < size {
		in.bufs[depth] = make([]byte, size)
	}
	p := in.bufs[depth][:size]
	_, err := in.file.ReadAt(p, int64(id*in.pageSize))
	return p, err
}

// free checks the list of free pages and marks them, so that a page that is
// free and in use is found.
func (in *inspector) free() error {
	if in.freeList == noFreeList {
		return nil
	}
	p, _, err := in.page(0, in.freeList, freePage)
	if err != nil {
		return err
	}
	ids := p[pageHead:]
	n := uint64(order.Uint16(p[10:]))
	if n == manyFree {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return damaged("the list of free pages is longer than its page")
	}
	for i := range n {
		id := order.Uint64(ids[8*i:])
		if id < 2 || id >= in.used || in.seen[id] {
			return damaged("page %d cannot be free", id)
		}
		in.seen[id] = true
	}
	return nil
}

// tree checks the pages from id down, whose keys are not before least.
func (in *inspector) tree(id uint64, least []byte, depth int) error {
	if depth > maxPageDepth {
		return damaged("page %d is too deep", id)
	}
	p, kind, err := in.page(depth, id, branchPage, leafPage)
	if err != nil {
		return err
	}
	if kind == leafPage {
		return in.leaf(id, p, least, depth)
	}
	n := count(p)
	if n == 0 {
		return damaged("page %d is empty", id)
	}
	for i := range n {
		e, err := branchElement(id, p, i, n)
		if err != nil {
			return err
		}
		if bytes.Compare(e.key, least) < 0 || i > 0 && bytes.Equal(e.key, least) {
			return damaged("page %d is out of order", id)
		}
		least = e.key
		if err := in.tree(order.Uint64(e.head[8:]), least, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many elements a page says it has.
func count(p []byte) int { return int(order.Uint16(p[10:])) }

// An element is one of a page's: its fixed part, its key and its value.
type element struct{ head, key, value []byte }

func branchElement(id uint64, p []byte, i, n int) (element, error) {
	return elementAt(id, p, i, n, 0, 4, -1)
}

func leafElement(id uint64, p []byte, i, n int) (element, error) {
	return elementAt(id, p, i, n, 4, 8, 12)
}

// elementAt returns the i-th of n elements, which must lie within its page.
// pos, size and value are where its head says where the key is, and how long
// key and value are; value is -1 where there is none.
func elementAt(id uint64, p []byte, i, n, pos, size, value int) (e element, err error) {
	if pageHead+n*elementSize > len(p) {
		return e, damaged("page %d holds more than fits", id)
	}
	at := pageHead + i*elementSize
	e.head = p[at : at+elementSize]
	begin := uint64(at) + uint64(order.Uint32(e.head[pos:]))
	end := begin + uint64(order.Uint32(e.head[size:]))
	stop := end
	if value >= 0 {
		stop += uint64(order.Uint32(e.head[value:]))
	}
	if begin < uint64(pageHead+n*elementSize) || stop > uint64(len(p)) {
		return e, damaged("page %d points outside itself", id)
	}
	e.key, e.value = p[begin:end], p[end:stop]
	return e, nil
}

// leaf checks a page of keys and values and the buckets among them. Page id 0
// is one inside a value.
func (in *inspector) leaf(id uint64, p, least []byte, depth int) error {
	n := count(p)
	for i := range n {
		e, err := leafElement(id, p, i, n)
		if err != nil {
			return err
		}
		if bytes.Compare(e.key, least) < 0 || i > 0 && bytes.Equal(e.key, least) {
			return damaged("page %d is out of order", id)
		}
		least = e.key
		switch order.Uint32(e.head) {
		case 0:
			continue
		case bucketLeaf:
		default:
			return damaged("page %d holds something of an unknown kind", id)
		}
		if err := in.bucket(id, e.value, depth); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspector) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketSize {
		return damaged("a bucket in page %d is cut short", id)
	}
	if root := order.Uint64(value); root != 0 {
		return in.tree(root, nil, depth+1)
	}
	inline := value[bucketSize:]
	if len(inline) < pageHead || order.Uint16(inline[8:]) != leafPage || depth > maxPageDepth {
		return damaged("a bucket in page %d makes no sense", id)
	}
	return in.leaf(0, inline, nil, depth+1)
}
