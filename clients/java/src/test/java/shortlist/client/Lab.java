package shortlist.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import shortlist.v1.EventType;
import shortlist.v1.RecommendRequest;
import shortlist.v1.UserEvent;

/** What tests/support/client_lab.py says in the environment; without it tests are left out. */
final class Lab {
  /** For tests about answers, on machines that may be busy. */
  static final ClientOptions PATIENT = new ClientOptions().withTimeout(Duration.ofSeconds(10));

  private Lab() {}

  static String env(String name) {
    String value = System.getenv(name);
    assumeTrue(value != null, name + " is not set: `make test-clients` starts the servers");
    return value;
  }

  /** Leaves out a test that takes long, unless all were asked for. */
  static void everything() {
    assumeTrue("all".equals(System.getenv("SHORTLIST_CLIENT_TESTS")), "takes long: `make test-clients` runs it");
  }

  static ShortlistClient connect(String variable) {
    return new ShortlistClient(env(variable), PATIENT);
  }

  static JsonElement control(String action) {
    HttpRequest request = HttpRequest.newBuilder(URI.create(env("SHORTLIST_CONTROL") + "/" + action)).build();
    try {
      var reply = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
      assertEquals(200, reply.statusCode(), reply.body());
      return JsonParser.parseString(reply.body());
    } catch (IOException | InterruptedException failed) {
      throw new AssertionError(failed);
    }
  }

  /** Checks how many events the server has whose id begins so, and that each has an id of its own. */
  static void assertStored(String prefix, int count) {
    var found = control("events?prefix=" + prefix).getAsJsonObject();
    assertEquals(count, found.get("events").getAsInt());
    assertEquals(count, found.get("ids").getAsInt());
  }

  static RecommendRequest script(String words) {
    return RecommendRequest.newBuilder().setUserId(words).build();
  }

  static UserEvent event(String eventId) {
    return UserEvent.newBuilder()
        .setEventId(eventId)
        .setUserId("writer-" + Math.floorMod(eventId.hashCode(), 1_000))
        .setItemId("item-0001")
        .setEventType(EventType.EVENT_TYPE_VIEW)
        .build();
  }
}
