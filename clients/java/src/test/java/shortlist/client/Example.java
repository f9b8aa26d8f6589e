package shortlist.client;

import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import shortlist.v1.EventType;
import shortlist.v1.PageType;
import shortlist.v1.RecommendRequest;
import shortlist.v1.RecommendResponse;
import shortlist.v1.RecommendSimilarRequest;
import shortlist.v1.RecommendedItem;
import shortlist.v1.UserEvent;

/**
 * Asks a running server for recommendations, sends a click and asks again.
 *
 * <pre>mvn -q test-compile exec:java -Dexec.args="127.0.0.1:50051 12347"</pre>
 */
public final class Example {
  private Example() {}

  /** Takes the server's address and a user of the shop. */
  public static void main(String[] arguments) throws InterruptedException {
    String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
    visit(address, arguments.length > 1 ? arguments[1] : "12347", System.out);
  }

  /** Plays one visit of a user. */
  static void visit(String address, String userId, PrintStream out) throws InterruptedException {
    ClientOptions options =
        new ClientOptions()
            .withTimeout(Duration.ofSeconds(5)) // generous, for a cold JVM on a laptop; in production leave the 100 ms
            .withFallback(request -> List.of("our", "best", "sellers"));
    try (ShortlistClient client = new ShortlistClient(address, options)) {
      RecommendRequest asked =
          RecommendRequest.newBuilder()
              .setUserId(userId)
              .setPageType(PageType.PAGE_TYPE_HOME)
              .setNumItems(5)
              .build();
      RecommendResponse answer = client.recommend(asked);
      show(out, "For " + userId, answer.getItemsList());

      String clicked = answer.getItems(0).getItemId();
      try (EventWriter events = new EventWriter(client)) {
        events.write(
            UserEvent.newBuilder()
                .setUserId(userId)
                .setItemId(clicked)
                .setEventType(EventType.EVENT_TYPE_CLICK)
                .setRecommendationId(answer.getRecommendationId())
                .build());
      }
      show(out, "After a click on " + clicked, client.recommend(asked).getItemsList());

      var similar =
          client.recommendSimilar(
              RecommendSimilarRequest.newBuilder().setItemId(clicked).setNumItems(5).build());
      show(out, "Like " + clicked, similar.getItemsList());

      try {
        client.recommend(RecommendRequest.newBuilder().setNumItems(-1).build());
      } catch (ShortlistException.InvalidRequest refused) {
        for (FieldViolation violation : refused.violations()) {
          out.printf("Refused: %s %s (%s)%n", violation.field(), violation.description(), violation.reason());
        }
      }
    }
  }

  private static void show(PrintStream out, String title, List<RecommendedItem> items) {
    out.println(title);
    for (RecommendedItem item : items) {
      out.printf(
          "  %-14s %.3f  found by %s, because %s %s%n",
          item.getItemId(),
          item.getScore(),
          item.getSourcesList(),
          item.getReason().getKind(),
          item.getReason().getRelatedItemId());
    }
  }
}
