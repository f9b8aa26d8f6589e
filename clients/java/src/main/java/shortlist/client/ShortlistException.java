package shortlist.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A call failed. Its class says what a caller may do about it. */
public class ShortlistException extends RuntimeException {
  private final transient Details details;

  private record Details(
      Status.Code code,
      String reason,
      List<FieldViolation> violations,
      Map<String, String> metadata,
      Duration retryAfter) {}

  private ShortlistException(Details details, StatusRuntimeException cause) {
    super(details.reason + ": " + cause.getStatus().getDescription(), cause);
    this.details = details;
  }

  /** Returns the code of gRPC. */
  public Status.Code code() {
    return details.code;
  }

  /** Returns ErrorInfo's reason, or the code's name where gRPC itself refused; DEADLINE when time was up. */
  public String reason() {
    return details.reason;
  }

  /** Returns up to 25 of what is wrong; {@code metadata().get("violation_count")} is their number. */
  public List<FieldViolation> violations() {
    return details.violations;
  }

  /** Returns whether gRPC has not reached the server: what the server refuses has a reason of its own. */
  public boolean isUnreachable() {
    return details.code == Status.Code.UNAVAILABLE && details.reason.equals(details.code.name());
  }

  /** Returns what the server adds for programs. */
  public Map<String, String> metadata() {
    return details.metadata;
  }

  /** Returns when to come back; empty where the server did not say. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(details.retryAfter);
  }

  /** Correct the request: {@link #violations} names each field. */
  public static final class InvalidRequest extends ShortlistException {
    private InvalidRequest(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** A named thing does not exist: {@link #metadata} has its resource_type and resource_name. */
  public static final class NotFound extends ShortlistException {
    private NotFound(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** The state of the system forbids it; read the message. */
  public static final class Refused extends ShortlistException {
    private Refused(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** Send less, after {@link #retryAfter}. */
  public static final class Overloaded extends ShortlistException {
    private Overloaded(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** Try again, after {@link #retryAfter}. */
  public static final class Unavailable extends ShortlistException {
    private Unavailable(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** Give more time, or show a list of your own. */
  public static final class DeadlinePassed extends ShortlistException {
    private DeadlinePassed(Details details, StatusRuntimeException cause) {
      super(details, cause);
    }
  }

  /** Returns the typed exception for what gRPC reports. */
  static ShortlistException of(StatusRuntimeException cause) {
    Details details = detailsOf(cause);
    return switch (details.code) {
      case INVALID_ARGUMENT -> new InvalidRequest(details, cause);
      case NOT_FOUND -> new NotFound(details, cause);
      case FAILED_PRECONDITION -> new Refused(details, cause);
      case RESOURCE_EXHAUSTED -> new Overloaded(details, cause);
      case UNAVAILABLE -> new Unavailable(details, cause);
      case DEADLINE_EXCEEDED -> new DeadlinePassed(details, cause);
      default -> new ShortlistException(details, cause);
    };
  }

  private static Details detailsOf(StatusRuntimeException cause) {
    Status.Code code = cause.getStatus().getCode();
    String reason = code == Status.Code.DEADLINE_EXCEEDED ? "DEADLINE" : code.name();
    List<FieldViolation> violations = List.of();
    Map<String, String> metadata = Map.of();
    Duration retryAfter = null;
    try {
      for (Any packed : StatusProto.fromThrowable(cause).getDetailsList()) {
        if (packed.is(ErrorInfo.class)) {
          ErrorInfo info = packed.unpack(ErrorInfo.class);
          reason = info.getReason();
          metadata = info.getMetadataMap();
        } else if (packed.is(BadRequest.class)) {
          violations =
              packed.unpack(BadRequest.class).getFieldViolationsList().stream()
                  .map(v -> new FieldViolation(v.getField(), v.getReason(), v.getDescription()))
                  .toList();
        } else if (packed.is(RetryInfo.class)) {
          var delay = packed.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      }
    } catch (InvalidProtocolBufferException unreadable) {
      cause.addSuppressed(unreadable); // the code and the text are worth more than the details
    }
    return new Details(code, reason, violations, metadata, retryAfter);
  }
}
