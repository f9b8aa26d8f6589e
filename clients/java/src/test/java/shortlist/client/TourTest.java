package shortlist.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import shortlist.v1.*;

/** Every RPC, as docs/api.md shows it. */
class TourTest {
  @Test
  void recommendationsAndEvents() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      // snippet: Recommend
      RecommendResponse answer =
          client.recommend(
              RecommendRequest.newBuilder()
                  .setUserId("user-1")
                  .setPageType(PageType.PAGE_TYPE_HOME)
                  .setNumItems(3)
                  .setContext(RequestContext.newBuilder().setDeviceType(DeviceType.DEVICE_TYPE_MOBILE))
                  .build());
      // end
      assertEquals(3, answer.getItemsCount());
      assertFalse(answer.getDegraded());
      // snippet: RecommendSimilar
      RecommendSimilarResponse similar =
          client.recommendSimilar(
              RecommendSimilarRequest.newBuilder()
                  .setItemId("item-0001")
                  .setUserId("user-1")
                  .setNumItems(3)
                  .build());
      // end
      assertEquals(3, similar.getItemsCount());
      // snippet: RankItems
      RankItemsResponse ranked =
          client.rankItems(
              RankItemsRequest.newBuilder()
                  .setUserId("user-1")
                  .addAllItemIds(List.of("item-0001", "item-0002", "no-such-item"))
                  .build());
      // end
      assertEquals(List.of("no-such-item"), ranked.getMissingItemIdsList());
      // snippet: BatchRecommend
      BatchRecommendResponse batch =
          client.batchRecommend(
              BatchRecommendRequest.newBuilder()
                  .addRequests(RecommendRequest.newBuilder().setUserId("user-1").setNumItems(2))
                  .addRequests(
                      RecommendRequest.newBuilder()
                          .setSessionId("visit-1")
                          .setPageType(PageType.PAGE_TYPE_CART)
                          .setNumItems(2))
                  .build());
      // end
      assertEquals(2, batch.getResponsesCount());
      // snippet: WriteImpressions
      WriteImpressionsResponse impressions =
          client.writeImpressions(
              WriteImpressionsRequest.newBuilder()
                  .setRecommendationId(answer.getRecommendationId())
                  .addAllPositions(List.of(0, 1, 2))
                  .build());
      // end
      assertEquals(3, impressions.getStoredCount());
      // snippet: WriteEvents
      WriteEventsResponse result =
          client.writeEvents(
              WriteEventsRequest.newBuilder()
                  .addEvents(
                      UserEvent.newBuilder()
                          .setEventId(UUID.randomUUID().toString()) // sent again under it, it counts once
                          .setUserId("user-1")
                          .setItemId("item-0002")
                          .setEventType(EventType.EVENT_TYPE_CLICK)
                          .setEventTime(
                              Timestamp.newBuilder().setSeconds(Instant.now().getEpochSecond())))
                  .build());
      // end
      assertEquals(1, result.getStoredCount());
    }
  }

  @Test
  void catalogue() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      // snippet: UpsertItems
      UpsertItemsResponse change =
          client.upsertItems(
              UpsertItemsRequest.newBuilder()
                  .addItems(
                      Item.newBuilder()
                          .setItemId("java-1")
                          .setTitle("Red lamp")
                          .setCategoryId("category-01")
                          .setPrice(24.5))
                  .build());
      // end
      assertTrue(change.getOverlaySequence() > 0);
      // snippet: GetItem
      Item item = client.getItem(GetItemRequest.newBuilder().setItemId("java-1").build()).getItem();
      Double price = item.hasPrice() ? item.getPrice() : null;
      // end
      assertEquals(24.5, price);
      // snippet: DeleteItems
      DeleteItemsResponse deleted =
          client.deleteItems(
              DeleteItemsRequest.newBuilder().addItemIds("java-1").addItemIds("no-such-item").build());
      // end
      assertEquals(List.of("no-such-item"), deleted.getMissingItemIdsList());
    }
  }

  @Test
  void profiles() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      // snippet: UpsertProfile
      client.upsertProfile(
          UpsertProfileRequest.newBuilder()
              .setProfile(
                  UserProfile.newBuilder()
                      .setUserId("java-user")
                      .setAgeBucket(AgeBucket.AGE_BUCKET_25_TO_34))
              .build());
      // end
      // snippet: GetProfile
      UserProfile profile =
          client.getProfile(GetProfileRequest.newBuilder().setUserId("java-user").build()).getProfile();
      Instant knownSince = Instant.ofEpochSecond(profile.getCreateTime().getSeconds());
      // end
      assertTrue(knownSince.isAfter(Instant.EPOCH));
      // snippet: LinkSession
      LinkSessionResponse link =
          client.linkSession(
              LinkSessionRequest.newBuilder().setSessionId("java-visit").setUserId("java-user").build());
      // end
      assertEquals(0, link.getMovedEventCount());
      // snippet: DeleteUser
      DeleteUserResponse gone =
          client.deleteUser(DeleteUserRequest.newBuilder().setUserId("java-user").build());
      // end
      assertTrue(gone.getExisted());
    }
  }

  @Test
  void releases() {
    try (ShortlistClient connected = Lab.connect("SHORTLIST_ADMIN_ADDRESS")) {
      ShortlistClient admin = connected.withTimeout(Duration.ofMinutes(1));
      // snippet: ListReleases
      List<Release> releases = admin.listReleases(ListReleasesRequest.getDefaultInstance()).getReleasesList();
      // end
      assertEquals(2, releases.size());
      // snippet: ActivateRelease
      admin.activateRelease(ActivateReleaseRequest.newBuilder().setVersion("r2").build());
      // end
      // snippet: RollBack
      RollBackResponse back = admin.rollBack(RollBackRequest.getDefaultInstance());
      // end
      assertEquals("r1", back.getWorkers(0).getReleaseVersion());
      // snippet: GetServingStatus
      GetServingStatusResponse status = admin.getServingStatus(GetServingStatusRequest.getDefaultInstance());
      // end
      assertEquals("r1", status.getReleaseVersion());
    }
  }

  @Test
  void exampleRuns() throws InterruptedException {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    Example.visit(Lab.env("SHORTLIST_ADDRESS"), "user-1", new PrintStream(output, true, StandardCharsets.UTF_8));
    String text = output.toString(StandardCharsets.UTF_8);
    for (String expected : List.of("For user-1", "After a click on item-", "Like item-", "Refused: num_items")) {
      assertTrue(text.contains(expected), text);
    }
  }
}
