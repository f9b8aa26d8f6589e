package shortlist.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The client while workers are killed and replaced: no call fails, no event is lost or doubled. */
class RestartTest {
  private static final int EVENTS = 100_000;

  @Test
  void noCallFailsWhileAWorkerIsKilledAndAllAreReplaced() {
    Lab.everything();
    AtomicBoolean stopped = new AtomicBoolean();
    AtomicInteger answered = new AtomicInteger();
    List<String> failures = new CopyOnWriteArrayList<>();
    Runnable load =
        () -> {
          try (ShortlistClient client = Lab.connect("SHORTLIST_ADDRESS")) {
            while (!stopped.get()) {
              client.recommend(Lab.script("load"));
              answered.incrementAndGet();
            }
          } catch (ShortlistException failed) {
            failures.add(failed.getMessage());
          }
        };
    List<Thread> threads = IntStream.range(0, 4).mapToObj(n -> new Thread(load)).toList();
    threads.forEach(thread -> thread.setDaemon(true));
    threads.forEach(Thread::start);
    Lab.control("kill-worker");
    Lab.control("restart");
    stopped.set(true);
    for (Thread thread : threads) {
      join(thread);
    }
    assertEquals(List.of(), failures);
    assertTrue(answered.get() > 100);
  }

  @Test
  void eventsAreNeitherLostNorDoubledByARestart() throws InterruptedException {
    Lab.everything();
    String prefix = UUID.randomUUID().toString();
    try (ShortlistClient client = new ShortlistClient(Lab.env("SHORTLIST_ADDRESS"))) {
      EventWriter writer = new EventWriter(client);
      CompletableFuture<Void> restarts = CompletableFuture.completedFuture(null);
      for (int number = 0; number < EVENTS; number++) {
        if (number == EVENTS / 4) {
          restarts = restarts.thenRunAsync(() -> Lab.control("kill-worker"));
        }
        if (number == EVENTS / 2) {
          restarts = restarts.thenRunAsync(() -> Lab.control("restart"));
        }
        writer.write(Lab.event(prefix + "-" + number));
      }
      writer.close(Duration.ofMinutes(5));
      restarts.join();
    }
    Lab.assertStored(prefix, EVENTS);
  }

  private static void join(Thread thread) {
    try {
      thread.join(30_000);
    } catch (InterruptedException stop) {
      throw new AssertionError(stop);
    }
  }
}
