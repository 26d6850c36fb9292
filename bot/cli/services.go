package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/push"
	"github.com/pullquote/pullquote/store"
)

// newPush returns the subscriber that the configuration asks for, nil if it
// asks for none. take is what pushed content goes to.
func newPush(ctx context.Context, c *config.Config, st store.Store, client *fetch.Client, take takePushed, log *slog.Logger) (*push.Server, error) {
	if c.Push.URL == "" {
		return nil, nil
	}
	s, err := push.New(ctx, push.Options{
		Callback: c.Push.URL, Keeper: st, Client: func(private bool) *http.Client { return client.HTTPClient(private) },
		Deliver: take, MaxBody: c.Limits.Body, Logger: log,
		Hurry: func(ctx context.Context, id news.SourceID) error { return st.Hurry(ctx, id) },
		Followed: func(ctx context.Context) (followed []news.Source, err error) {
			list, err := st.Sources(ctx)
			for i := range list {
				followed = append(followed, list[i].Source)
			}
			return followed, err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return s, nil
}

// takePushed takes what a hub sent of a source.
type takePushed func(ctx context.Context, id news.SourceID, contentType string, body []byte) error

// services are what runs beside the bot: it starts before the bot does and ends
// after it.
type services struct {
	log     *slog.Logger
	admin   *admin.Server
	push    *push.Server   // nil if there is none
	doors   *http.ServeMux // where platforms send commands; nil if none does
	running sync.WaitGroup
	stop    context.CancelFunc
}

// newServices returns the services of a running bot; they do not run yet.
func newServices(st store.Store, metrics *admin.Metrics, hubs *push.Server, b *bot.Bot, adapters []chat.Adapter, c *config.Config, log *slog.Logger) *services {
	o := admin.Options{
		Local: admin.Local{
			Store: st, Metrics: metrics, Wake: b.Wake, Version: version(), Started: time.Now().UTC(),
		},
		Metrics: metrics, Adapters: adapters, Logger: log,
	}
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil {
		o.Host = host
	}
	if hubs != nil {
		o.Local.Hubs = func() []admin.Hub { return hubsOf(hubs) }
		o.Pushes = func() map[string]int64 { return pushesOf(hubs) }
	}
	return &services{log: log, admin: admin.NewServer(o), push: hubs, doors: doorsOf(c, adapters)}
}

// doorsOf returns what answers the requests of platforms, nil if none makes any.
func doorsOf(c *config.Config, adapters []chat.Adapter) (mux *http.ServeMux) {
	platforms := make(map[string]config.Platform)
	for _, a := range c.Adapters {
		platforms[a.Name] = a.Platform
	}
	for _, a := range adapters {
		d, ok := a.(interface{ Handler() http.Handler })
		if !ok || d.Handler() == nil {
			continue
		}
		if mux == nil {
			mux = http.NewServeMux()
		}
		mux.Handle("/"+string(platforms[a.Name()])+"/"+a.Name(), d.Handler())
	}
	return mux
}

func hubsOf(s *push.Server) (list []admin.Hub) {
	for _, h := range s.Statuses() {
		list = append(list, admin.Hub(h))
	}
	return list
}

func pushesOf(s *push.Server) map[string]int64 {
	c := s.Counts()
	return map[string]int64{
		"accepted": c.Accepted, "forged": c.Forged, "too_large": c.Large, "limited": c.Limited, "overflow": c.Overflow,
		"verified": c.Verified, "denied": c.Denied,
	}
}

// start opens what the configuration names and serves it until end. That a
// socket cannot be opened is logged: the bot does its work without. When ctx is
// done the program says that it is not ready any more, and goes on serving.
func (s *services) start(ctx context.Context, c *config.Config) error {
	served, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if err := s.open(served, c); err != nil {
		s.end()
		return err
	}
	context.AfterFunc(ctx, s.admin.Drain)
	return nil
}

func (s *services) open(ctx context.Context, c *config.Config) error {
	if c.Admin.Socket != "" {
		s.openSocket(ctx, c.Admin.Socket)
	}
	var lc net.ListenConfig
	if c.Admin.Listen != "" {
		l, err := lc.Listen(ctx, "tcp", c.Admin.Listen)
		if err != nil {
			return fmt.Errorf("admin.listen: %w", err)
		}
		s.log.Info("operators' page", "address", "http://"+l.Addr().String()+"/")
		s.serve("operators' page", func() error { return s.admin.Pages(ctx, l) })
	}
	if err := s.openDoors(ctx, c); err != nil {
		return err
	}
	if s.push == nil {
		return nil
	}
	l, err := lc.Listen(ctx, "tcp", c.Push.Listen)
	if err != nil {
		return fmt.Errorf("push.listen: %w", err)
	}
	s.log.Info("hubs are answered", "address", l.Addr().String())
	s.serve("push", func() error { return s.push.Serve(ctx, l) })
	s.running.Go(func() { s.push.Run(ctx) })
	return nil
}

// openDoors serves the requests of platforms until end.
func (s *services) openDoors(ctx context.Context, c *config.Config) error {
	if s.doors == nil {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Requests.Listen)
	if err != nil {
		return fmt.Errorf("requests.listen: %w", err)
	}
	s.log.Info("platforms are answered", "address", l.Addr().String())
	srv := &http.Server{
		Handler: s.doors, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	s.serve("requests", func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// openSocket serves commands such as backup.
func (s *services) openSocket(ctx context.Context, path string) {
	l, err := admin.ListenSocket(ctx, path)
	if err != nil {
		s.log.Warn("no socket for commands", "error", err, "remedy", "set admin.socket to a short path in a folder that can be written")
		return
	}
	s.serve("socket", func() error { return s.admin.Socket(ctx, l) })
}

// serve runs f until end; it says if f ends before.
func (s *services) serve(name string, f func() error) {
	s.running.Go(func() {
		if err := f(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Error("service stopped", "service", name, "error", err)
		}
	})
}

// end stops the services and waits for them; each ends within a second.
func (s *services) end() {
	s.stop()
	s.running.Wait()
}
