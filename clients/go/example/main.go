// Command example asks a running server for recommendations, sends a click and asks again.
//
//	go run ./example -address 127.0.0.1:50051 -user 12347
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	shortlist "example.com/shortlist/clients/go"
	pb "example.com/shortlist/clients/go/shortlistv1"
)

func main() {
	address := flag.String("address", "127.0.0.1:50051", "the server, as host:port")
	user := flag.String("user", "12347", "a user of the shop")
	flag.Parse()
	client, err := shortlist.New(*address, shortlist.Options{
		Timeout:  time.Second, // generous, for a laptop; in production leave the 100 ms
		Fallback: func(context.Context, *pb.RecommendRequest) []string { return []string{"our", "best", "sellers"} },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := visit(context.Background(), client, *user); err != nil {
		log.Fatal(err)
	}
}

func visit(ctx context.Context, client *shortlist.Client, user string) error {
	asked := &pb.RecommendRequest{UserId: user, PageType: pb.PageType_PAGE_TYPE_HOME, NumItems: 5}
	answer, err := client.Recommendations.Recommend(ctx, asked)
	if err != nil {
		return err
	}
	show("For "+user, answer.GetItems())
	if len(answer.GetItems()) == 0 {
		return errors.New("the server has nothing to show")
	}

	clicked := answer.GetItems()[0].GetItemId()
	events := shortlist.NewEventWriter(client, shortlist.EventWriterOptions{})
	click := &pb.UserEvent{
		UserId: user, ItemId: clicked, EventType: pb.EventType_EVENT_TYPE_CLICK,
		RecommendationId: answer.GetRecommendationId(),
	}
	if err := errors.Join(events.Write(ctx, click), events.Close(ctx)); err != nil {
		return err
	}
	if answer, err = client.Recommendations.Recommend(ctx, asked); err != nil {
		return err
	}
	show("After a click on "+clicked, answer.GetItems())

	similar, err := client.Recommendations.RecommendSimilar(ctx, &pb.RecommendSimilarRequest{ItemId: clicked, NumItems: 5})
	if err != nil {
		return err
	}
	show("Like "+clicked, similar.GetItems())

	_, err = client.Recommendations.Recommend(ctx, &pb.RecommendRequest{NumItems: -1})
	var failure *shortlist.Error
	if errors.As(err, &failure) && errors.Is(err, shortlist.ErrInvalidRequest) {
		for _, violation := range failure.Violations {
			fmt.Printf("Refused: %s %s (%s)\n", violation.Field, violation.Description, violation.Reason)
		}
	}
	return nil
}

func show(title string, items []*pb.RecommendedItem) {
	fmt.Println(title)
	for _, item := range items {
		fmt.Printf("  %-14s %.3f  found by %v, because %v %s\n", item.GetItemId(), item.GetScore(),
			item.GetSources(), item.GetReason().GetKind(), item.GetReason().GetRelatedItemId())
	}
}
