package shortlist_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	shortlist "example.com/shortlist/clients/go"
)

const manyEvents = 100_000

func TestNoCallFailsWhileAWorkerIsKilledAndAllAreReplaced(t *testing.T) {
	everything(t)
	var stop atomic.Bool
	var answered atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		client := connect(t, "SHORTLIST_ADDRESS", patient)
		load.Add(1)
		go func() {
			defer load.Done()
			for !stop.Load() {
				if _, err := recommend(client, "load"); err != nil {
					t.Error(err)
				}
				answered.Add(1)
			}
		}()
	}
	var done map[string]int
	control(t, "kill-worker", &done)
	control(t, "restart", &done)
	stop.Store(true)
	load.Wait()
	equal(t, "there was load", answered.Load() > 100, true)
}

func TestEventsAreNeitherLostNorDoubledByARestart(t *testing.T) {
	everything(t)
	client, ctx, prefix := connect(t, "SHORTLIST_ADDRESS", shortlist.Options{}), context.Background(), rand.Text()
	writer := shortlist.NewEventWriter(client, shortlist.EventWriterOptions{})
	var restarts sync.WaitGroup
	replace := func(how string) {
		restarts.Add(1)
		go func() {
			defer restarts.Done()
			var done map[string]int
			control(t, how, &done)
		}()
	}
	for number := range manyEvents {
		switch number {
		case manyEvents / 4:
			replace("kill-worker")
		case manyEvents / 2:
			replace("restart")
		}
		made := event(fmt.Sprintf("%s-%d", prefix, number), "item-0001")
		made.UserId = fmt.Sprintf("writer-%d", number%1_000)
		must(t, true, writer.Write(ctx, made))
	}
	must(t, true, writer.Close(ctx))
	restarts.Wait()
	equal(t, "stored", stored(t, prefix), counts{manyEvents, manyEvents})
}
