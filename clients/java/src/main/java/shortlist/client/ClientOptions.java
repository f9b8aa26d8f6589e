package shortlist.client;

import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import shortlist.v1.RecommendRequest;

/**
 * How a client talks to the server. The defaults suit calls inside one data centre, without TLS.
 *
 * @param timeout deadline of a call that names none; 100 ms
 * @param credentials {@code TlsChannelCredentials} encrypt the connection; by default it is plain
 * @param token bearer token of every call; empty for none. It needs TLS, except to the loopback address
 * @param traceparent asked at each call for the W3C trace context to pass on; may return null
 * @param fallback gives the item ids to answer Recommend with when the deadline passes; null lets the call fail
 */
public record ClientOptions(
    Duration timeout,
    ChannelCredentials credentials,
    String token,
    Supplier<String> traceparent,
    Function<RecommendRequest, List<String>> fallback) {

  /** The defaults. */
  public ClientOptions() {
    this(Duration.ofMillis(100), InsecureChannelCredentials.create(), "", () -> null, null);
  }

  public ClientOptions withTimeout(Duration timeout) {
    return new ClientOptions(timeout, credentials, token, traceparent, fallback);
  }

  public ClientOptions withCredentials(ChannelCredentials credentials) {
    return new ClientOptions(timeout, credentials, token, traceparent, fallback);
  }

  public ClientOptions withToken(String token) {
    return new ClientOptions(timeout, credentials, token, traceparent, fallback);
  }

  public ClientOptions withTraceparent(Supplier<String> traceparent) {
    return new ClientOptions(timeout, credentials, token, traceparent, fallback);
  }

  public ClientOptions withFallback(Function<RecommendRequest, List<String>> fallback) {
    return new ClientOptions(timeout, credentials, token, traceparent, fallback);
  }

  /** Leaves the token out of logs. */
  @Override
  public String toString() {
    return "ClientOptions[timeout=" + timeout + "]";
  }
}
