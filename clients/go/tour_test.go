package shortlist_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "example.com/shortlist/clients/go/shortlistv1"
)

// Every RPC, as docs/api.md shows it.

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestRecommendations(t *testing.T) {
	client, ctx := connect(t, "SHORTLIST_ADDRESS", patient), context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// snippet: Recommend
	answer, err := client.Recommendations.Recommend(ctx, &pb.RecommendRequest{
		UserId:   "user-1",
		PageType: pb.PageType_PAGE_TYPE_HOME,
		NumItems: 3,
		Context:  &pb.RequestContext{DeviceType: pb.DeviceType_DEVICE_TYPE_MOBILE},
	})
	// end
	check(err)
	equal(t, "items", len(answer.GetItems()), 3)
	equal(t, "degraded", answer.GetDegraded(), false)
	// snippet: RecommendSimilar
	similar, err := client.Recommendations.RecommendSimilar(ctx, &pb.RecommendSimilarRequest{
		ItemId: "item-0001", UserId: "user-1", NumItems: 3,
	})
	// end
	check(err)
	equal(t, "similar items", len(similar.GetItems()), 3)
	// snippet: RankItems
	ranked, err := client.Recommendations.RankItems(ctx, &pb.RankItemsRequest{
		UserId: "user-1", ItemIds: []string{"item-0001", "item-0002", "no-such-item"},
	})
	// end
	check(err)
	equal(t, "missing items", ranked.GetMissingItemIds()[0], "no-such-item")
	// snippet: BatchRecommend
	batch, err := client.Recommendations.BatchRecommend(ctx, &pb.BatchRecommendRequest{
		Requests: []*pb.RecommendRequest{
			{UserId: "user-1", NumItems: 2},
			{SessionId: "visit-1", PageType: pb.PageType_PAGE_TYPE_CART, NumItems: 2},
		},
	})
	// end
	check(err)
	equal(t, "answers", len(batch.GetResponses()), 2)
	// snippet: WriteImpressions
	shown, err := client.Events.WriteImpressions(ctx, &pb.WriteImpressionsRequest{
		RecommendationId: answer.GetRecommendationId(), Positions: []int32{0, 1, 2},
	})
	// end
	check(err)
	equal(t, "impressions", shown.GetStoredCount(), 3)
	// snippet: WriteEvents
	result, err := client.Events.WriteEvents(ctx, &pb.WriteEventsRequest{Events: []*pb.UserEvent{{
		EventId:   rand.Text(), // sent again under the same id, it counts once
		UserId:    "user-1",
		ItemId:    "item-0002",
		EventType: pb.EventType_EVENT_TYPE_CLICK,
		EventTime: timestamppb.New(time.Now()),
	}}})
	// end
	check(err)
	equal(t, "events", result.GetStoredCount(), 1)
}

func TestCatalog(t *testing.T) {
	client, ctx := connect(t, "SHORTLIST_ADDRESS", patient), context.Background()
	// snippet: UpsertItems
	change, err := client.Catalog.UpsertItems(ctx, &pb.UpsertItemsRequest{Items: []*pb.Item{{
		ItemId:     "go-1",
		Title:      proto.String("Red lamp"),
		CategoryId: proto.String("category-01"),
		Price:      proto.Float64(24.5),
	}}})
	// end
	equal(t, "changed", must(t, change, err).GetOverlaySequence() > 0, true)
	// snippet: GetItem
	found, err := client.Catalog.GetItem(ctx, &pb.GetItemRequest{ItemId: "go-1"})
	price := found.GetItem().Price // a *float64, nil where it is unknown
	// end
	equal(t, "title", must(t, found, err).GetItem().GetTitle(), "Red lamp")
	equal(t, "price", *price, 24.5)
	// snippet: DeleteItems
	deleted, err := client.Catalog.DeleteItems(ctx, &pb.DeleteItemsRequest{ItemIds: []string{"go-1", "no-such-item"}})
	// end
	equal(t, "missing items", must(t, deleted, err).GetMissingItemIds()[0], "no-such-item")
}

func TestProfiles(t *testing.T) {
	client, ctx := connect(t, "SHORTLIST_ADDRESS", patient), context.Background()
	// snippet: UpsertProfile
	_, err := client.Profiles.UpsertProfile(ctx, &pb.UpsertProfileRequest{Profile: &pb.UserProfile{
		UserId: "go-user", AgeBucket: pb.AgeBucket_AGE_BUCKET_25_TO_34,
	}})
	// end
	must(t, true, err)
	// snippet: GetProfile
	profile, err := client.Profiles.GetProfile(ctx, &pb.GetProfileRequest{UserId: "go-user"})
	knownSince := profile.GetProfile().GetCreateTime().AsTime()
	// end
	equal(t, "age", must(t, profile, err).GetProfile().GetAgeBucket(), pb.AgeBucket_AGE_BUCKET_25_TO_34)
	equal(t, "has a time", knownSince.Year() > 2000, true)
	// snippet: LinkSession
	link, err := client.Profiles.LinkSession(ctx, &pb.LinkSessionRequest{SessionId: "go-visit", UserId: "go-user"})
	// end
	equal(t, "moved", must(t, link, err).GetMovedEventCount(), 0)
	// snippet: DeleteUser
	gone, err := client.Profiles.DeleteUser(ctx, &pb.DeleteUserRequest{UserId: "go-user"})
	// end
	equal(t, "existed", must(t, gone, err).GetExisted(), true)
}

func TestReleases(t *testing.T) {
	options := patient
	options.Timeout = time.Minute
	admin, ctx := connect(t, "SHORTLIST_ADMIN_ADDRESS", options), context.Background()
	// snippet: ListReleases
	list, err := admin.Releases.ListReleases(ctx, &pb.ListReleasesRequest{})
	// end
	equal(t, "releases", len(must(t, list, err).GetReleases()), 2)
	// snippet: ActivateRelease
	_, err = admin.Releases.ActivateRelease(ctx, &pb.ActivateReleaseRequest{Version: "r2"})
	// end
	must(t, true, err)
	// snippet: RollBack
	back, err := admin.Releases.RollBack(ctx, &pb.RollBackRequest{})
	// end
	equal(t, "workers", len(must(t, back, err).GetWorkers()), 2)
	// snippet: GetServingStatus
	status, err := admin.Releases.GetServingStatus(ctx, &pb.GetServingStatusRequest{})
	// end
	equal(t, "serving", must(t, status, err).GetReleaseVersion(), "r1")
}
