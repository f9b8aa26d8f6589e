package shortlist.client;

import com.google.protobuf.Timestamp;
import io.grpc.Status;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import shortlist.v1.UserEvent;
import shortlist.v1.WriteEventsRequest;

/**
 * Writes events in batches from a thread of its own. An event that was taken is sent until the server has it or refuses
 * it for good. Its event_id makes that safe: it counts once.
 */
public final class EventWriter implements AutoCloseable {
  private static final Logger LOG = System.getLogger("shortlist");
  private static final Duration PAUSE_MIN = Duration.ofMillis(10);
  private static final Duration PAUSE_MAX = Duration.ofSeconds(1);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);
  private static final Pattern EVENT_INDEX = Pattern.compile("events\\[(\\d+)]");

  /** The codes that would be the same for the same events another time. */
  private static final Set<Status.Code> REFUSALS =
      EnumSet.of(
          Status.Code.INVALID_ARGUMENT,
          Status.Code.NOT_FOUND,
          Status.Code.FAILED_PRECONDITION,
          Status.Code.OUT_OF_RANGE,
          Status.Code.UNIMPLEMENTED,
          Status.Code.UNAUTHENTICATED,
          Status.Code.PERMISSION_DENIED);

  /**
   * How events are batched.
   *
   * @param batchMax events in one call, up to 1,000
   * @param bufferMax events that may wait; above it, write waits
   * @param flushInterval how long an event may wait for others to share its call
   * @param timeout deadline of one call
   * @param onRefused told of events that the server refuses for good, such as one without an item; the others are
   *     written
   */
  public record Options(
      int batchMax,
      int bufferMax,
      Duration flushInterval,
      Duration timeout,
      BiConsumer<List<UserEvent>, ShortlistException> onRefused) {

    /** The defaults: 500, 10,000, 200 ms, 5 s; refusals are logged. */
    public Options() {
      this(500, 10_000, Duration.ofMillis(200), Duration.ofSeconds(5), EventWriter::logRefusal);
    }
  }

  /** The writer was closed before the server had all events. */
  public static final class NotWritten extends RuntimeException {
    private final transient List<UserEvent> events;

    private NotWritten(List<UserEvent> events) {
      super(events.size() + " events were not written");
      this.events = events;
    }

    /** Returns what is left, to be kept or given up. */
    public List<UserEvent> events() {
      return events;
    }
  }

  private final ShortlistClient client;
  private final Options options;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<UserEvent> waiting = new ArrayDeque<>();
  private final Thread thread = new Thread(this::run, "shortlist-events");
  private volatile List<UserEvent> sending = List.of();
  private long writtenCount;
  private boolean closed;
  private volatile boolean givenUp;

  /** Starts a writer with the default options. */
  public EventWriter(ShortlistClient client) {
    this(client, new Options());
  }

  /** Starts a writer, which its caller closes. */
  public EventWriter(ShortlistClient client, Options options) {
    this.client = client.withTimeout(options.timeout);
    this.options = options;
    thread.setDaemon(true);
    thread.start();
  }

  /** Returns how many events the server has, those that it had already included. */
  public long writtenCount() {
    lock.lock();
    try {
      return writtenCount;
    } finally {
      lock.unlock();
    }
  }

  /** Takes one event, and gives it an id and a time where it has none. While the buffer is full it waits. */
  public void write(UserEvent event) throws InterruptedException {
    try {
      write(event, Duration.ofNanos(Long.MAX_VALUE));
    } catch (TimeoutException never) {
      throw new AssertionError(never);
    }
  }

  /** As {@link #write(UserEvent)}, but throws where the buffer is still full after a while: the event was not taken. */
  public void write(UserEvent event, Duration timeout) throws InterruptedException, TimeoutException {
    UserEvent kept = complete(event);
    long left = timeout.toNanos();
    lock.lockInterruptibly();
    try {
      while (!closed && sending.size() + waiting.size() >= options.bufferMax) {
        if (left <= 0) {
          throw new TimeoutException(options.bufferMax + " events wait to be written");
        }
        left = changed.awaitNanos(left);
      }
      if (closed) {
        throw new IllegalStateException("the event writer is closed");
      }
      waiting.add(kept);
      if (waiting.size() >= options.batchMax) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Writes what is buffered, for up to 30 seconds. */
  @Override
  public void close() {
    close(CLOSE_TIMEOUT);
  }

  /** Writes what is buffered. Throws {@link NotWritten} with what is left after the timeout. */
  public void close(Duration timeout) {
    update(() -> closed = true);
    try {
      thread.join(Math.max(1, timeout.toMillis()));
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
    update(() -> givenUp = true);
    thread.interrupt();
    lock.lock();
    try {
      List<UserEvent> left = new ArrayList<>(sending);
      left.addAll(waiting);
      if (!left.isEmpty()) {
        throw new NotWritten(left);
      }
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    try {
      while (nextBatch()) {
        Duration pause = PAUSE_MIN;
        while (!sending.isEmpty() && !givenUp) {
          pause = send(pause);
        }
      }
    } catch (InterruptedException stop) {
      LOG.log(Level.DEBUG, "the event writer was given up");
    }
  }

  /** Waits for a batch; returns false when all is written and the writer closed, or given up. */
  private boolean nextBatch() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long left = options.flushInterval.toNanos();
      while (!closed && waiting.size() < options.batchMax && left > 0) {
        left = changed.awaitNanos(left);
      }
      if (givenUp || (closed && waiting.isEmpty())) {
        return false;
      }
      List<UserEvent> batch = new ArrayList<>(options.batchMax);
      while (batch.size() < options.batchMax && !waiting.isEmpty()) {
        batch.add(waiting.poll());
      }
      sending = batch;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Sends the batch once; returns how long to wait after the next failure. */
  private Duration send(Duration pause) throws InterruptedException {
    try {
      client.writeEvents(WriteEventsRequest.newBuilder().addAllEvents(sending).build());
      update(
          () -> {
            writtenCount += sending.size();
            sending = List.of();
          });
      return PAUSE_MIN;
    } catch (ShortlistException failure) {
      if (REFUSALS.contains(failure.code())) {
        leaveOut(failure);
        return PAUSE_MIN;
      }
      Duration told = failure.retryAfter().orElse(Duration.ZERO);
      TimeUnit.NANOSECONDS.sleep(Math.max(pause.toNanos(), told.toNanos()));
      Duration doubled = pause.multipliedBy(2);
      return doubled.compareTo(PAUSE_MAX) > 0 ? PAUSE_MAX : doubled;
    }
  }

  /** Leaves out the events that a refusal names, which is all where it names none, and tells of them. */
  private void leaveOut(ShortlistException failure) {
    Set<Integer> named = new HashSet<>();
    for (FieldViolation violation : failure.violations()) {
      Matcher found = EVENT_INDEX.matcher(violation.field());
      if (found.find()) {
        named.add(Integer.valueOf(found.group(1)));
      }
    }
    List<UserEvent> refused = new ArrayList<>();
    List<UserEvent> kept = new ArrayList<>();
    for (int index = 0; index < sending.size(); index++) {
      (named.isEmpty() || named.contains(index) ? refused : kept).add(sending.get(index));
    }
    update(() -> sending = kept);
    try {
      options.onRefused.accept(refused, failure);
    } catch (RuntimeException callersOwn) { // the events that follow must not wait for it
      LOG.log(Level.ERROR, "onRefused failed", callersOwn);
    }
  }

  private void update(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private static UserEvent complete(UserEvent event) {
    UserEvent.Builder kept = event.toBuilder();
    if (event.getEventId().isEmpty()) {
      kept.setEventId(UUID.randomUUID().toString());
    }
    if (!event.hasEventTime()) {
      Instant now = Instant.now();
      kept.setEventTime(Timestamp.newBuilder().setSeconds(now.getEpochSecond()).setNanos(now.getNano()));
    }
    return kept.build();
  }

  private static void logRefusal(List<UserEvent> events, ShortlistException failure) {
    LOG.log(Level.ERROR, "the server refuses {0} events: {1}", events.size(), failure.getMessage());
  }
}
