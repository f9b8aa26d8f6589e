package shortlist_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	shortlist "example.com/shortlist/clients/go"
	pb "example.com/shortlist/clients/go/shortlistv1"
)

// env returns what tests/support/client_lab.py says in the environment; without it the test is left out.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skip(name + " is not set: `make test-clients` starts the servers")
	}
	return value
}

// everything leaves out a test that takes long, unless all were asked for.
func everything(t *testing.T) {
	t.Helper()
	if os.Getenv("SHORTLIST_CLIENT_TESTS") != "all" {
		t.Skip("takes long: `make test-clients` runs it")
	}
}

func connect(t *testing.T, variable string, options shortlist.Options) *shortlist.Client {
	t.Helper()
	client, err := shortlist.New(env(t, variable), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// patient is for tests about answers, on machines that may be busy.
var patient = shortlist.Options{Timeout: 10 * time.Second}

func control(t *testing.T, action string, answer any) {
	t.Helper()
	reply, err := http.Get(env(t, "SHORTLIST_CONTROL") + "/" + action)
	if err != nil {
		t.Error(err)
		return
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", action, reply.Status)
	}
	if err := json.NewDecoder(reply.Body).Decode(answer); err != nil {
		t.Error(err)
	}
}

type counts struct{ Events, IDs int }

// stored returns how many events the server has whose id begins so, and how many different ids they have.
func stored(t *testing.T, prefix string) counts {
	t.Helper()
	var found counts
	control(t, "events?prefix="+prefix, &found)
	return found
}

func recommend(client *shortlist.Client, script string) (*pb.RecommendResponse, error) {
	return client.Recommendations.Recommend(context.Background(), &pb.RecommendRequest{UserId: script})
}

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}
