package shortlist.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import shortlist.v1.RecommendRequest;
import shortlist.v1.RecommendResponse;
import shortlist.v1.RecommendSimilarRequest;
import shortlist.v1.RecommendationServiceGrpc;
import shortlist.v1.ServedBy;
import shortlist.v1.SourceKind;
import shortlist.v1.UserEvent;

class ClientTest {
  private static final String TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  private static final Map<String, Class<? extends ShortlistException>> KINDS =
      Map.of(
          "INVALID_ARGUMENT", ShortlistException.InvalidRequest.class,
          "NOT_FOUND", ShortlistException.NotFound.class,
          "FAILED_PRECONDITION", ShortlistException.Refused.class,
          "RESOURCE_EXHAUSTED", ShortlistException.Overloaded.class,
          "UNAVAILABLE", ShortlistException.Unavailable.class,
          "DEADLINE_EXCEEDED", ShortlistException.DeadlinePassed.class);

  @Test
  void serviceConfigIsThePublishedOne() throws IOException {
    try (var embedded = ShortlistClient.class.getResourceAsStream("service_config.json")) {
      assertEquals(Files.readString(Path.of("../service_config.json")), new String(embedded.readAllBytes()));
    }
  }

  @Test
  void eachReasonIsAnErrorOfItsKind() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_SCRIPTED_ADDRESS")) {
      var reasons = Lab.control("failures").getAsJsonArray();
      assertTrue(reasons.size() > 20);
      for (JsonElement element : reasons) {
        String reason = element.getAsJsonObject().get("reason").getAsString();
        String code = element.getAsJsonObject().get("code").getAsString();
        ShortlistException error = failure(client, "fail:" + reason);
        assertEquals(reason, error.reason());
        assertEquals(KINDS.getOrDefault(code, ShortlistException.class), error.getClass());
        assertEquals(code.equals("INVALID_ARGUMENT") ? 1 : 0, error.violations().size());
      }
    }
  }

  @Test
  void errorSaysWhenToComeBackAndWhichLogLine() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_SCRIPTED_ADDRESS")) {
      assertEquals(Duration.ofMillis(250), failure(client, "fail:OVERLOADED").retryAfter().orElseThrow());
      assertEquals("log-1", failure(client, "fail:INTERNAL").metadata().get("log_id"));
    }
  }

  @Test
  void realServerNamesEveryWrongField() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      RecommendRequest wrong = RecommendRequest.newBuilder().setNumItems(-1).build();
      var invalid = assertThrows(ShortlistException.InvalidRequest.class, () -> client.recommend(wrong));
      assertEquals(2, invalid.violations().size());
      RecommendSimilarRequest unknown = RecommendSimilarRequest.newBuilder().setItemId("no-such-item").build();
      var missing = assertThrows(ShortlistException.NotFound.class, () -> client.recommendSimilar(unknown));
      assertEquals("no-such-item", missing.metadata().get("resource_name"));
    }
  }

  @Test
  void deadlineIs100MsUnlessToldOtherwise() {
    try (ShortlistClient client = new ShortlistClient(Lab.env("SHORTLIST_SCRIPTED_ADDRESS"))) {
      ShortlistClient patient = client.withTimeout(Duration.ofSeconds(10));
      assertTrue(patient.recommend(Lab.script("hello")).getLatencyMs() > 1_000);
      assertTrue(firstAnswer(client).getLatencyMs() < 150);
      assertEquals("DEADLINE", failure(client, "sleep:5").reason());
    }
  }

  @Test
  void fallbackAnswersWhenTheDeadlinePasses() {
    ClientOptions options = new ClientOptions().withFallback(request -> List.of("a", "b", "c", "d"));
    try (ShortlistClient client = new ShortlistClient(Lab.env("SHORTLIST_SCRIPTED_ADDRESS"), options)) {
      RecommendRequest late =
          Lab.script("sleep:5").toBuilder().setNumItems(2).addExcludedItemIds("b").build();
      RecommendResponse answer = client.recommend(late);
      assertEquals(List.of("a", "c"), answer.getItemsList().stream().map(item -> item.getItemId()).toList());
      assertTrue(answer.getDegraded());
    }
  }

  @Test
  void interruptedCallEnds() throws InterruptedException {
    try (ShortlistClient client = Lab.connect("SHORTLIST_SCRIPTED_ADDRESS")) {
      AtomicReference<ShortlistException> ended = new AtomicReference<>();
      Thread caller = new Thread(() -> ended.set(failure(client, "sleep:8")));
      caller.setDaemon(true);
      caller.start();
      caller.interrupt();
      caller.join(8_000);
      assertEquals(Status.Code.CANCELLED, ended.get().code());
    }
  }

  @Test
  void unavailableIsTriedThreeTimes() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_SCRIPTED_ADDRESS")) {
      client.recommend(Lab.script("flaky:2:" + UUID.randomUUID()));
      ShortlistException error = failure(client, "flaky:3:" + UUID.randomUUID());
      assertEquals(ShortlistException.Unavailable.class, error.getClass());
    }
  }

  @Test
  void traceparentAndTokenReachTheServer() {
    ClientOptions options = Lab.PATIENT.withToken("secret");
    try (ShortlistClient client = new ShortlistClient(Lab.env("SHORTLIST_SCRIPTED_ADDRESS"), options)) {
      RecommendResponse answer = client.withTraceparent(TRACEPARENT).recommend(Lab.script("hello"));
      assertEquals(TRACEPARENT, answer.getRecommendationId());
      assertEquals("Bearer secret", answer.getScenario());
    }
  }

  @Test
  void tlsVerifiesTheServer() throws IOException {
    String address = Lab.env("SHORTLIST_TLS_ADDRESS");
    var roots = TlsChannelCredentials.newBuilder().trustManager(new File(Lab.env("SHORTLIST_TLS_ROOTS"))).build();
    ClientOptions trusting = Lab.PATIENT.withToken("secret").withCredentials(roots);
    try (ShortlistClient client = new ShortlistClient(address, trusting)) {
      assertEquals("Bearer secret", client.recommend(Lab.script("hello")).getScenario());
    }
    ClientOptions doubting =
        new ClientOptions().withTimeout(Duration.ofSeconds(2)).withCredentials(TlsChannelCredentials.create());
    try (ShortlistClient client = new ShortlistClient(address, doubting)) {
      assertEquals(ShortlistException.Unavailable.class, failure(client, "hello").getClass());
    }
  }

  @Test
  void tokenIsNotSentInPlainText() {
    ClientOptions options = new ClientOptions().withToken("secret");
    assertThrows(IllegalArgumentException.class, () -> new ShortlistClient("shop.example:50051", options));
    assertFalse(options.toString().contains("secret"));
  }

  @Test
  void newerAndOlderAnswersAreRead() {
    try (ShortlistClient client = Lab.connect("SHORTLIST_SCRIPTED_ADDRESS")) {
      RecommendResponse newer = client.recommend(Lab.script("message:newer"));
      assertEquals(SourceKind.SOURCE_KIND_FRESH, newer.getItems(0).getSources(0));
      assertEquals(SourceKind.UNRECOGNIZED, newer.getItems(1).getSources(0));
      assertEquals(99, newer.getItems(1).getSourcesValue(0));
      assertTrue(newer.getUnknownFields().hasField(1000));
      RecommendResponse older = client.recommend(Lab.script("message:older"));
      assertEquals(ServedBy.SERVED_BY_UNSPECIFIED, older.getServedBy());
      assertEquals(1, older.getItemsCount());
    }
  }

  @Test
  void newerRequestIsAnswered() throws InvalidProtocolBufferException {
    var field = UnknownFieldSet.Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8("new")).build();
    RecommendRequest newer =
        RecommendRequest.newBuilder()
            .setUserId("user-1")
            .setNumItems(3)
            .setUnknownFields(UnknownFieldSet.newBuilder().addField(1000, field).build())
            .build();
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      assertEquals(3, client.recommend(newer).getItemsCount());
    }
  }

  @Test
  void traceIsContinuedByTheServer() {
    AtomicReference<Metadata> trailers = new AtomicReference<>();
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      var capture = MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), trailers);
      var channel = ClientInterceptors.intercept(client.withTraceparent(TRACEPARENT).channel(), capture);
      RecommendationServiceGrpc.newBlockingStub(channel).recommend(Lab.script("user-1"));
    }
    String traceId = trailers.get().get(Metadata.Key.of("trace_id", Metadata.ASCII_STRING_MARSHALLER));
    assertNotNull(traceId, "the server returns no trace_id");
    assertEquals(TRACEPARENT.split("-")[1], traceId);
  }

  @Test
  void writerWritesWhatIsBufferedOnClose() throws InterruptedException {
    String prefix = UUID.randomUUID().toString();
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
      EventWriter writer = new EventWriter(client);
      for (int number = 0; number < 1_234; number++) {
        writer.write(Lab.event(prefix + "-" + number));
      }
      writer.write(Lab.event(""));
      writer.close();
      assertEquals(1_235, writer.writtenCount());
      assertThrows(IllegalStateException.class, () -> writer.write(Lab.event("")));
    }
    Lab.assertStored(prefix, 1_234);
  }

  @Test
  void writerLeavesOutWhatTheServerRefusesAndSaysSo() throws InterruptedException {
    String prefix = UUID.randomUUID().toString();
    List<String> refused = new ArrayList<>();
    EventWriter.Options options =
        new EventWriter.Options(
            500,
            10_000,
            Duration.ofMillis(200),
            Duration.ofSeconds(5),
            (events, error) ->
                events.forEach(e -> refused.add(e.getEventId().substring(36) + " " + error.reason())));
    try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS");
        EventWriter writer = new EventWriter(client, options)) {
      for (int number = 0; number < 100; number++) {
        UserEvent event = Lab.event(prefix + "-" + number);
        writer.write(number % 50 == 7 ? event.toBuilder().clearItemId().build() : event);
      }
    }
    assertEquals(List.of("-7 FIELD_MISSING", "-57 FIELD_MISSING"), refused);
    Lab.assertStored(prefix, 98);
  }

  @Test
  void writerIsBoundedAndGivesBackWhatItCouldNotWrite() throws InterruptedException, TimeoutException {
    EventWriter.Options options =
        new EventWriter.Options(500, 10, Duration.ofMillis(1), Duration.ofSeconds(1), (events, error) -> {});
    try (ShortlistClient client = new ShortlistClient("127.0.0.1:1")) {
      EventWriter writer = new EventWriter(client, options);
      for (int number = 0; number < 10; number++) {
        writer.write(Lab.event("e-" + number));
      }
      assertThrows(TimeoutException.class, () -> writer.write(Lab.event("e-10"), Duration.ofMillis(50)));
      var left = assertThrows(EventWriter.NotWritten.class, () -> writer.close(Duration.ofMillis(50)));
      assertEquals(10, left.events().size());
      assertEquals("e-0", left.events().get(0).getEventId());
    }
  }

  private static ShortlistException failure(ShortlistClient client, String script) {
    return assertThrows(ShortlistException.class, () -> client.recommend(Lab.script(script)));
  }

  /** Returns the first answer in time; a busy machine may miss some. */
  private static RecommendResponse firstAnswer(ShortlistClient client) {
    for (int attempt = 0; attempt < 100; attempt++) {
      try {
        return client.recommend(Lab.script("hello"));
      } catch (ShortlistException.DeadlinePassed late) {
        continue;
      }
    }
    throw new AssertionError("no call was answered in time");
  }
}
