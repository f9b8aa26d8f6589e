package shortlist_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	shortlist "example.com/shortlist/clients/go"
	pb "example.com/shortlist/clients/go/shortlistv1"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func failure(t *testing.T, err error) *shortlist.Error {
	t.Helper()
	var found *shortlist.Error
	if !errors.As(err, &found) {
		t.Fatalf("not a *shortlist.Error: %v", err)
	}
	return found
}

func TestServiceConfigIsThePublishedOne(t *testing.T) {
	published, err := os.ReadFile("../service_config.json")
	must(t, published, err)
	embedded, err := os.ReadFile("service_config.json")
	equal(t, "service config", string(must(t, embedded, err)), string(published))
}

func TestEachReasonIsAnErrorOfItsKind(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", patient)
	var reasons []struct{ Reason, Code string }
	control(t, "failures", &reasons)
	kinds := map[string]error{
		"INVALID_ARGUMENT": shortlist.ErrInvalidRequest, "NOT_FOUND": shortlist.ErrNotFound,
		"FAILED_PRECONDITION": shortlist.ErrRefused, "RESOURCE_EXHAUSTED": shortlist.ErrOverloaded,
		"UNAVAILABLE": shortlist.ErrUnavailable, "DEADLINE_EXCEEDED": shortlist.ErrDeadline,
	}
	for _, expected := range reasons {
		_, err := recommend(client, "fail:"+expected.Reason)
		found := failure(t, err)
		equal(t, "reason", found.Reason, expected.Reason)
		if kind := kinds[expected.Code]; kind != nil && !errors.Is(err, kind) {
			t.Errorf("%s is not %v", expected.Reason, kind)
		}
		equal(t, expected.Reason+" names a field", len(found.Violations) == 1, expected.Code == "INVALID_ARGUMENT")
	}
	equal(t, "some were tried", len(reasons) > 20, true)
}

func TestErrorSaysWhenToComeBackAndWhichLogLine(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", patient)
	_, err := recommend(client, "fail:OVERLOADED")
	equal(t, "retry after", failure(t, err).RetryAfter, 250*time.Millisecond)
	_, err = recommend(client, "fail:INTERNAL")
	equal(t, "log id", failure(t, err).Metadata["log_id"], "log-1")
}

func TestRealServerNamesEveryWrongField(t *testing.T) {
	client := connect(t, "SHORTLIST_ADDRESS", patient)
	_, err := client.Recommendations.Recommend(context.Background(), &pb.RecommendRequest{NumItems: -1})
	equal(t, "violations", len(failure(t, err).Violations), 2)
	_, err = client.Recommendations.RecommendSimilar(
		context.Background(), &pb.RecommendSimilarRequest{ItemId: "no-such-item"})
	equal(t, "not found", errors.Is(err, shortlist.ErrNotFound), true)
	equal(t, "name", failure(t, err).Metadata["resource_name"], "no-such-item")
}

func TestDeadlineIs100MsUnlessToldOtherwise(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", shortlist.Options{})
	longer, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	asked := &pb.RecommendRequest{UserId: "hello"}
	answer, err := client.Recommendations.Recommend(longer, asked)
	equal(t, "a longer one is kept", must(t, answer, err).GetLatencyMs() > 1_000, true)
	for attempt := 0; ; attempt++ { // a busy machine may miss it
		answer, err = client.Recommendations.Recommend(context.Background(), asked)
		if err == nil || attempt == 100 {
			break
		}
	}
	equal(t, "the default", must(t, answer, err).GetLatencyMs() < 150, true)
	_, err = recommend(client, "sleep:5")
	equal(t, "reason", failure(t, err).Reason, "DEADLINE")
	equal(t, "is the context's own error too", errors.Is(err, context.DeadlineExceeded), true)
}

func TestFallbackAnswersWhenTheDeadlinePasses(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", shortlist.Options{
		Fallback: func(context.Context, *pb.RecommendRequest) []string { return []string{"a", "b", "c", "d"} },
	})
	answer, err := client.Recommendations.Recommend(context.Background(), &pb.RecommendRequest{
		UserId: "sleep:5", NumItems: 2, ExcludedItemIds: []string{"b"},
	})
	var ids []string
	for _, item := range must(t, answer, err).GetItems() {
		ids = append(ids, item.GetItemId())
	}
	equal(t, "items", strings.Join(ids, " "), "a c")
	equal(t, "degraded", answer.GetDegraded(), true)
}

func TestCancelledCallEnds(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", patient)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := client.Recommendations.Recommend(ctx, &pb.RecommendRequest{UserId: "sleep:8"})
	equal(t, "cancelled", errors.Is(err, context.Canceled), true)
}

func TestUnavailableIsTriedThreeTimes(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", patient)
	answer, err := recommend(client, "flaky:2:"+rand.Text())
	must(t, answer, err)
	_, err = recommend(client, "flaky:3:"+rand.Text())
	equal(t, "unavailable", errors.Is(err, shortlist.ErrUnavailable), true)
}

func TestTraceparentAndTokenReachTheServer(t *testing.T) {
	options := patient
	options.Token = "secret"
	options.Traceparent = func(context.Context) string { return traceparent }
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", options)
	answer, err := recommend(client, "hello")
	equal(t, "traceparent", must(t, answer, err).GetRecommendationId(), traceparent)
	equal(t, "token", answer.GetScenario(), "Bearer secret")
}

func TestTLSVerifiesTheServer(t *testing.T) {
	address := env(t, "SHORTLIST_TLS_ADDRESS")
	pem, err := os.ReadFile(env(t, "SHORTLIST_TLS_ROOTS"))
	roots := x509.NewCertPool()
	equal(t, "roots", roots.AppendCertsFromPEM(must(t, pem, err)), true)
	options := shortlist.Options{Timeout: 10 * time.Second, TLS: &tls.Config{RootCAs: roots}, Token: "secret"}
	answer, err := recommend(connect(t, "SHORTLIST_TLS_ADDRESS", options), "hello")
	equal(t, "token", must(t, answer, err).GetScenario(), "Bearer secret")
	options.TLS, options.Timeout = &tls.Config{}, 2*time.Second
	_, err = recommend(connect(t, "SHORTLIST_TLS_ADDRESS", options), "hello")
	equal(t, "doubted "+address, errors.Is(err, shortlist.ErrUnavailable), true)
}

func TestTokenIsNotSentInPlainText(t *testing.T) {
	if _, err := shortlist.New("shop.example:50051", shortlist.Options{Token: "secret"}); err == nil {
		t.Error("a token was taken without TLS")
	}
}

func TestNewerAndOlderMessagesAreRead(t *testing.T) {
	client := connect(t, "SHORTLIST_SCRIPTED_ADDRESS", patient)
	newer, err := recommend(client, "message:newer")
	equal(t, "items", len(must(t, newer, err).GetItems()), 2)
	equal(t, "unknown source", newer.GetItems()[1].GetSources()[0], 99)
	equal(t, "the unknown field survives", len(newer.ProtoReflect().GetUnknown()) > 0, true)
	older, err := recommend(client, "message:older")
	equal(t, "unset", must(t, older, err).GetServedBy(), pb.ServedBy_SERVED_BY_UNSPECIFIED)
}

func TestNewerRequestIsAnswered(t *testing.T) {
	request := &pb.RecommendRequest{UserId: "user-1", NumItems: 3}
	field := protowire.AppendTag(nil, 1000, protowire.BytesType)
	request.ProtoReflect().SetUnknown(protowire.AppendString(field, "new"))
	client := connect(t, "SHORTLIST_ADDRESS", patient)
	answer, err := client.Recommendations.Recommend(context.Background(), proto.Clone(request).(*pb.RecommendRequest))
	equal(t, "items", len(must(t, answer, err).GetItems()), 3)
}

func TestTraceIsContinuedByTheServer(t *testing.T) {
	client := connect(t, "SHORTLIST_ADDRESS", patient)
	ctx := metadata.AppendToOutgoingContext(context.Background(), "traceparent", traceparent)
	var trailers metadata.MD
	_, err := client.Recommendations.Recommend(ctx, &pb.RecommendRequest{UserId: "user-1"}, grpc.Trailer(&trailers))
	must(t, true, err)
	found := trailers.Get("trace_id")
	if len(found) == 0 {
		t.Fatal("the server returns no trace_id")
	}
	equal(t, "trace", found[0], strings.Split(traceparent, "-")[1])
}

func event(id, item string) *pb.UserEvent {
	return &pb.UserEvent{
		EventId: id, UserId: "writer", ItemId: item, EventType: pb.EventType_EVENT_TYPE_VIEW,
	}
}

func TestWriterWritesWhatIsBufferedOnClose(t *testing.T) {
	client, ctx, prefix := connect(t, "SHORTLIST_ADDRESS", patient), context.Background(), rand.Text()
	writer := shortlist.NewEventWriter(client, shortlist.EventWriterOptions{})
	for number := range 1_234 {
		must(t, true, writer.Write(ctx, event(fmt.Sprintf("%s-%d", prefix, number), "item-0001")))
	}
	must(t, true, writer.Write(ctx, event("", "item-0001")))
	must(t, true, writer.Close(ctx))
	equal(t, "written", writer.Written(), 1_235)
	equal(t, "stored", stored(t, prefix), counts{1_234, 1_234})
	equal(t, "closed", writer.Write(ctx, event("", "item-0001")), shortlist.ErrWriterClosed)
}

func TestWriterLeavesOutWhatTheServerRefusesAndSaysSo(t *testing.T) {
	client, ctx, prefix := connect(t, "SHORTLIST_ADDRESS", patient), context.Background(), rand.Text()
	var refused []string
	writer := shortlist.NewEventWriter(client, shortlist.EventWriterOptions{
		OnRefused: func(events []*pb.UserEvent, err *shortlist.Error) {
			for _, event := range events {
				refused = append(refused, strings.TrimPrefix(event.GetEventId(), prefix)+" "+err.Reason)
			}
		},
	})
	for number := range 100 {
		item := "item-0001"
		if number%50 == 7 {
			item = ""
		}
		must(t, true, writer.Write(ctx, event(fmt.Sprintf("%s-%d", prefix, number), item)))
	}
	must(t, true, writer.Close(ctx))
	equal(t, "refused", strings.Join(refused, ", "), "-7 FIELD_MISSING, -57 FIELD_MISSING")
	equal(t, "stored", stored(t, prefix).IDs, 98)
}

func TestWriterIsBoundedAndGivesBackWhatItCouldNotWrite(t *testing.T) {
	client, err := shortlist.New("127.0.0.1:1", shortlist.Options{})
	defer must(t, client, err).Close()
	options := shortlist.EventWriterOptions{BatchMax: 5, BufferMax: 10, FlushInterval: time.Millisecond}
	writer, taken := shortlist.NewEventWriter(client, options), 0
	for ; taken < 100 && err == nil; taken++ {
		short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		err = writer.Write(short, event(fmt.Sprint(taken), "item-0001"))
		cancel()
	}
	equal(t, "full", errors.Is(err, context.DeadlineExceeded), true)
	equal(t, "bounded", taken <= 16, true)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var left *shortlist.NotWrittenError
	equal(t, "says so", errors.As(writer.Close(ended), &left), true)
	equal(t, "left", len(left.Events), taken-1)
}
