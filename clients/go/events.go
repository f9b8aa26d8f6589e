package shortlist

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "example.com/shortlist/clients/go/shortlistv1"
)

const (
	pauseMin = 10 * time.Millisecond
	pauseMax = time.Second
)

// ErrWriterClosed is what Write returns after Close.
var ErrWriterClosed = errors.New("shortlist: the event writer is closed")

var eventIndex = regexp.MustCompile(`events\[(\d+)\]`)

// refusals are the codes that would be the same for the same events another time.
var refusals = map[codes.Code]bool{
	codes.InvalidArgument: true, codes.NotFound: true, codes.FailedPrecondition: true, codes.OutOfRange: true,
	codes.Unimplemented: true, codes.Unauthenticated: true, codes.PermissionDenied: true,
}

// NotWrittenError says that a writer was closed before the server had all events.
type NotWrittenError struct {
	Events []*pb.UserEvent // what is left, to be kept or given up
}

func (e *NotWrittenError) Error() string {
	return fmt.Sprintf("shortlist: %d events were not written", len(e.Events))
}

// EventWriterOptions say how events are batched. A zero field takes its default.
type EventWriterOptions struct {
	BatchMax      int           // events in one call, up to 1,000; 500
	BufferMax     int           // events that wait for a call; above it, Write waits; 10,000
	FlushInterval time.Duration // how long an event may wait for others to share its call; 200 ms
	Timeout       time.Duration // deadline of one call; 5 s
	// OnRefused is told of events that the server refuses for good, such as one without an item. The others are
	// written. By default they are logged.
	OnRefused func(events []*pb.UserEvent, err *Error)
}

func (o EventWriterOptions) withDefaults() EventWriterOptions {
	setDefault(&o.BatchMax, 500)
	setDefault(&o.BufferMax, 10_000)
	setDefault(&o.FlushInterval, 200*time.Millisecond)
	setDefault(&o.Timeout, 5*time.Second)
	if o.OnRefused == nil {
		o.OnRefused = func(events []*pb.UserEvent, err *Error) {
			slog.Error("the server refuses events", "count", len(events), "error", err)
		}
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// EventWriter writes events in batches from a goroutine of its own. An event that was taken is sent until the server
// has it or refuses it for good. Its event_id makes that safe: it counts once.
type EventWriter struct {
	client  *Client
	options EventWriterOptions
	queue   chan *pb.UserEvent
	written atomic.Int64
	sending sync.RWMutex // held for reading by Write, for writing to close the queue
	closing chan struct{}
	once    sync.Once
	done    chan struct{}
	left    []*pb.UserEvent // what Close gives back; set before done is closed
	ctx     context.Context // ended when Close gives up
	giveUp  context.CancelFunc
}

// NewEventWriter returns a writer, which its caller closes.
func NewEventWriter(client *Client, options EventWriterOptions) *EventWriter {
	options = options.withDefaults()
	ctx, giveUp := context.WithCancel(context.Background())
	w := &EventWriter{
		client: client, options: options, queue: make(chan *pb.UserEvent, options.BufferMax),
		closing: make(chan struct{}), done: make(chan struct{}), ctx: ctx, giveUp: giveUp,
	}
	go w.run()
	return w
}

// Written returns how many events the server has, those that it had already included.
func (w *EventWriter) Written() int64 { return w.written.Load() }

// Write takes a copy of one event and gives it an id and a time where it has none. While the buffer is full it waits,
// until ctx ends; then the event was not taken.
func (w *EventWriter) Write(ctx context.Context, event *pb.UserEvent) error {
	kept := proto.Clone(event).(*pb.UserEvent)
	if kept.EventId == "" {
		kept.EventId = newID()
	}
	if kept.EventTime == nil {
		kept.EventTime = timestamppb.Now()
	}
	w.sending.RLock()
	defer w.sending.RUnlock()
	select {
	case <-w.closing:
		return ErrWriterClosed
	default:
	}
	select {
	case w.queue <- kept:
		return nil
	case <-w.closing:
		return ErrWriterClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what is buffered and ends the writer. When ctx ends first it returns a *NotWrittenError.
func (w *EventWriter) Close(ctx context.Context) error {
	w.once.Do(func() {
		close(w.closing)
		w.sending.Lock()
		defer w.sending.Unlock()
		close(w.queue)
	})
	select {
	case <-w.done:
	case <-ctx.Done():
		w.giveUp()
		<-w.done
	}
	w.giveUp()
	if len(w.left) > 0 {
		return &NotWrittenError{Events: w.left}
	}
	return nil
}

func (w *EventWriter) run() {
	defer close(w.done)
	for open := true; open; {
		var batch []*pb.UserEvent
		batch, open = w.collect()
		if left := w.send(batch); len(left) > 0 {
			for event := range w.queue { // given up, so the queue is closed
				left = append(left, event)
			}
			w.left = left
			return
		}
	}
}

// collect returns the next batch, and whether more may come.
func (w *EventWriter) collect() (batch []*pb.UserEvent, open bool) {
	flush := time.NewTimer(w.options.FlushInterval)
	defer flush.Stop()
	for len(batch) < w.options.BatchMax {
		select {
		case event, more := <-w.queue:
			if !more {
				return batch, false
			}
			batch = append(batch, event)
		case <-flush.C:
			return batch, true
		}
	}
	return batch, true
}

// send returns when the server has the batch or has refused it; what it returns is left because Close gave up.
func (w *EventWriter) send(batch []*pb.UserEvent) []*pb.UserEvent {
	pause := pauseMin
	for len(batch) > 0 {
		ctx, cancel := context.WithTimeout(w.ctx, w.options.Timeout)
		_, err := w.client.Events.WriteEvents(ctx, &pb.WriteEventsRequest{Events: batch})
		cancel()
		if err == nil {
			w.written.Add(int64(len(batch)))
			return nil
		}
		var failure *Error
		if errors.As(err, &failure) && refusals[failure.Code] {
			batch = w.withoutRefused(batch, failure)
			continue
		}
		wait := pause
		if failure != nil {
			wait = max(wait, failure.RetryAfter)
		}
		select {
		case <-time.After(wait):
		case <-w.ctx.Done():
			return batch
		}
		pause = min(pauseMax, 2*pause)
	}
	return nil
}

// withoutRefused tells of the events that a refusal names, which is all where it names none, and returns the others.
func (w *EventWriter) withoutRefused(batch []*pb.UserEvent, failure *Error) (kept []*pb.UserEvent) {
	named := map[int]bool{}
	for _, violation := range failure.Violations {
		if found := eventIndex.FindStringSubmatch(violation.Field); found != nil {
			index, _ := strconv.Atoi(found[1]) // the pattern allows digits only
			named[index] = true
		}
	}
	var refused []*pb.UserEvent
	for index, event := range batch {
		if len(named) == 0 || named[index] {
			refused = append(refused, event)
		} else {
			kept = append(kept, event)
		}
	}
	w.options.OnRefused(refused, failure)
	return kept
}

func newID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand
	return hex.EncodeToString(random[:])
}
