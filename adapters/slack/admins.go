package slack

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"
)

// admins knows who may administer: the workspace's admins and owners, and the
// members of a user group. It asks Slack when somebody tries, and remembers
// for a minute.
type admins struct {
	group string

	mu   sync.Mutex // guards what follows
	seen map[string]verified
}

// A verified is what was found out about a user.
type verified struct {
	admin bool
	until time.Time
}

const (
	adminMemory = time.Minute
	maxAdmins   = 10_000
)

func newAdmins(group string) *admins {
	return &admins{group: group, seen: make(map[string]verified)}
}

func (d *admins) known(user string, now time.Time) (admin, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.seen[user]
	return v.admin, ok && now.Before(v.until)
}

func (d *admins) note(user string, admin bool, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= maxAdmins {
		clear(d.seen)
	}
	d.seen[user] = verified{admin, now.Add(adminMemory)}
}

// mayAdminister reports whether Slack says so. Who cannot be looked up may not.
func (a *Adapter) mayAdminister(ctx context.Context, user string) bool {
	now := time.Now()
	if admin, ok := a.admins.known(user, now); ok {
		return admin
	}
	admin, err := a.lookUpAdmin(ctx, user)
	if err != nil {
		a.log.Warn("cannot see who administers", "error", err, "remedy", remedyScope)
		return false
	}
	a.admins.note(user, admin, now)
	return admin
}

func (a *Adapter) lookUpAdmin(ctx context.Context, user string) (bool, error) {
	var info struct {
		User struct {
			Admin   bool `json:"is_admin"`
			Owner   bool `json:"is_owner"`
			Deleted bool `json:"deleted"`
			Guest   bool `json:"is_restricted"`
		} `json:"user"`
	}
	const what = "look up who administers"
	err := a.call(ctx, request{what: what, method: "users.info", form: url.Values{"user": {user}}, out: &info})
	if err != nil {
		return false, err
	}
	u := info.User
	if u.Deleted || u.Guest {
		return false, nil
	}
	if u.Admin || u.Owner || a.admins.group == "" {
		return u.Admin || u.Owner, nil
	}
	var members struct {
		Users []string `json:"users"`
	}
	err = a.call(ctx, request{what: what, method: "usergroups.users.list", form: url.Values{"usergroup": {a.admins.group}}, out: &members})
	return slices.Contains(members.Users, user), err
}
