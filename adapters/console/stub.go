package console

import (
	"context"
	"errors"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

func (a *Adapter) Delete(context.Context, chat.Channel, chat.MessageID) error {
	return &chat.SendError{Reason: chat.Rejected, Err: errors.New("not there yet")}
}

func (a *Adapter) Pace(chat.Channel) time.Duration { return 0 }
