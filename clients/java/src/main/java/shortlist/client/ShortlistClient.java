package shortlist.client;

import com.google.gson.Gson;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import shortlist.v1.*;

/**
 * Calls to one address: every RPC of the contract by its name. Safe for use by many threads. A failed call throws a
 * {@link ShortlistException}; interrupting the calling thread cancels its call.
 */
public final class ShortlistClient implements AutoCloseable {
  private static final int NUM_ITEMS_DEFAULT = 20;
  private static final Pattern LOOPBACK = Pattern.compile("(127\\.0\\.0\\.1|localhost|\\[::1]):.*|unix:.*");
  private static final Metadata.Key<String> AUTHORIZATION = key("authorization");
  private static final Metadata.Key<String> TRACEPARENT = key("traceparent");

  private final ManagedChannel connection;
  private final Channel channel;
  private final ClientOptions options;

  /** Makes a client of host:port, or any target of gRPC. Nothing is connected until the first call. */
  public ShortlistClient(String address, ClientOptions options) {
    this(connect(address, options), options);
  }

  /** Makes a client with the default options. */
  public ShortlistClient(String address) {
    this(address, new ClientOptions());
  }

  private ShortlistClient(ManagedChannel connection, ClientOptions options) {
    this.connection = connection;
    this.channel = ClientInterceptors.intercept(connection, new CallHeaders(options));
    this.options = options;
  }

  /** Returns this client, on the same connection, with another deadline of each call. */
  public ShortlistClient withTimeout(Duration timeout) {
    return new ShortlistClient(connection, options.withTimeout(timeout));
  }

  /** Returns this client, on the same connection, with a W3C trace context to pass on. */
  public ShortlistClient withTraceparent(String traceparent) {
    return new ShortlistClient(connection, options.withTraceparent(() -> traceparent));
  }

  /** Returns the connection with this client's headers, for stubs of one's own. */
  public Channel channel() {
    return channel;
  }

  /** Closes the connection, of all clients that share it; calls that run are cancelled. */
  @Override
  public void close() {
    connection.shutdownNow();
  }

  /** Returns the items to show; those of the options' fallback when the deadline passes. */
  public RecommendResponse recommend(RecommendRequest request) {
    try {
      return call(RecommendationServiceGrpc.getRecommendMethod(), request);
    } catch (ShortlistException.DeadlinePassed late) {
      if (options.fallback() == null) {
        throw late;
      }
      return fallbackAnswer(request, options.fallback().apply(request));
    }
  }

  public RecommendSimilarResponse recommendSimilar(RecommendSimilarRequest request) {
    return call(RecommendationServiceGrpc.getRecommendSimilarMethod(), request);
  }

  public RankItemsResponse rankItems(RankItemsRequest request) {
    return call(RecommendationServiceGrpc.getRankItemsMethod(), request);
  }

  public BatchRecommendResponse batchRecommend(BatchRecommendRequest request) {
    return call(RecommendationServiceGrpc.getBatchRecommendMethod(), request);
  }

  public WriteEventsResponse writeEvents(WriteEventsRequest request) {
    return call(EventServiceGrpc.getWriteEventsMethod(), request);
  }

  public WriteImpressionsResponse writeImpressions(WriteImpressionsRequest request) {
    return call(EventServiceGrpc.getWriteImpressionsMethod(), request);
  }

  public UpsertItemsResponse upsertItems(UpsertItemsRequest request) {
    return call(CatalogServiceGrpc.getUpsertItemsMethod(), request);
  }

  public DeleteItemsResponse deleteItems(DeleteItemsRequest request) {
    return call(CatalogServiceGrpc.getDeleteItemsMethod(), request);
  }

  public GetItemResponse getItem(GetItemRequest request) {
    return call(CatalogServiceGrpc.getGetItemMethod(), request);
  }

  public UpsertProfileResponse upsertProfile(UpsertProfileRequest request) {
    return call(ProfileServiceGrpc.getUpsertProfileMethod(), request);
  }

  public GetProfileResponse getProfile(GetProfileRequest request) {
    return call(ProfileServiceGrpc.getGetProfileMethod(), request);
  }

  public DeleteUserResponse deleteUser(DeleteUserRequest request) {
    return call(ProfileServiceGrpc.getDeleteUserMethod(), request);
  }

  public LinkSessionResponse linkSession(LinkSessionRequest request) {
    return call(ProfileServiceGrpc.getLinkSessionMethod(), request);
  }

  /** Served at the admin address only, as the three that follow. */
  public ListReleasesResponse listReleases(ListReleasesRequest request) {
    return call(ReleaseServiceGrpc.getListReleasesMethod(), request);
  }

  public ActivateReleaseResponse activateRelease(ActivateReleaseRequest request) {
    return call(ReleaseServiceGrpc.getActivateReleaseMethod(), request);
  }

  public RollBackResponse rollBack(RollBackRequest request) {
    return call(ReleaseServiceGrpc.getRollBackMethod(), request);
  }

  public GetServingStatusResponse getServingStatus(GetServingStatusRequest request) {
    return call(ReleaseServiceGrpc.getGetServingStatusMethod(), request);
  }

  private <Q, R> R call(MethodDescriptor<Q, R> method, Q request) {
    CallOptions limited =
        CallOptions.DEFAULT.withDeadlineAfter(options.timeout().toNanos(), TimeUnit.NANOSECONDS);
    try {
      return attempt(method, limited, request);
    } catch (ShortlistException.Unavailable failure) {
      if (!failure.isUnreachable()) {
        throw failure;
      }
      // A worker that ends may take new connections with it. The rest of the time is for another one.
      connection.resetConnectBackoff();
      try {
        return attempt(method, limited.withWaitForReady(), request);
      } catch (ShortlistException.DeadlinePassed late) {
        throw failure;
      }
    }
  }

  private <Q, R> R attempt(MethodDescriptor<Q, R> method, CallOptions limited, Q request) {
    try {
      return ClientCalls.blockingUnaryCall(channel, method, limited, request);
    } catch (StatusRuntimeException failed) {
      throw ShortlistException.of(failed);
    }
  }

  private static ManagedChannel connect(String address, ClientOptions options) {
    boolean plain = options.credentials() instanceof InsecureChannelCredentials;
    if (plain && !options.token().isEmpty() && !LOOPBACK.matcher(address).matches()) {
      throw new IllegalArgumentException("a token needs TLS, except to the loopback address");
    }
    return Grpc.newChannelBuilder(address, options.credentials())
        .defaultServiceConfig(serviceConfig())
        .disableServiceConfigLookUp()
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(5, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(true)
        .build();
  }

  /** Returns the published policy; Gson makes every number a Double, as gRPC wants it. */
  @SuppressWarnings("unchecked")
  private static Map<String, ?> serviceConfig() {
    try (InputStream file = ShortlistClient.class.getResourceAsStream("service_config.json")) {
      return new Gson().fromJson(new String(file.readAllBytes(), StandardCharsets.UTF_8), Map.class);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** Returns the caller's own list as a degraded answer, without what the request excludes. */
  private static RecommendResponse fallbackAnswer(RecommendRequest request, List<String> itemIds) {
    Set<String> excluded = new HashSet<>(request.getExcludedItemIdsList());
    int wanted = request.getNumItems() == 0 ? NUM_ITEMS_DEFAULT : request.getNumItems();
    RecommendResponse.Builder answer =
        RecommendResponse.newBuilder().setDegraded(true).addDegradedReasons(DegradedReason.DEGRADED_REASON_DEADLINE);
    itemIds.stream()
        .filter(itemId -> !excluded.contains(itemId))
        .limit(wanted)
        .forEach(
            itemId ->
                answer.addItems(
                    RecommendedItem.newBuilder()
                        .setItemId(itemId)
                        .setPosition(answer.getItemsCount())
                        .addSources(SourceKind.SOURCE_KIND_CALLER)));
    return answer.build();
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** Adds token and trace context to each call. */
  private record CallHeaders(ClientOptions options) implements ClientInterceptor {
    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions call, Channel next) {
      return new SimpleForwardingClientCall<>(next.newCall(method, call)) {
        @Override
        public void start(Listener<R> listener, Metadata headers) {
          if (!options.token().isEmpty()) {
            headers.put(AUTHORIZATION, "Bearer " + options.token());
          }
          String traceparent = options.traceparent().get();
          if (traceparent != null && !headers.containsKey(TRACEPARENT)) {
            headers.put(TRACEPARENT, traceparent);
          }
          super.start(listener, headers);
        }
      };
    }
  }
}
