package shortlist.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
 * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
 * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
 * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
 * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
 * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
 * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class RecommendationServiceGrpc {

  private RecommendationServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "shortlist.v1.RecommendationService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<shortlist.v1.RecommendRequest,
      shortlist.v1.RecommendResponse> getRecommendMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Recommend",
      requestType = shortlist.v1.RecommendRequest.class,
      responseType = shortlist.v1.RecommendResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.RecommendRequest,
      shortlist.v1.RecommendResponse> getRecommendMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.RecommendRequest, shortlist.v1.RecommendResponse> getRecommendMethod;
    if ((getRecommendMethod = RecommendationServiceGrpc.getRecommendMethod) == null) {
      synchronized (RecommendationServiceGrpc.class) {
        if ((getRecommendMethod = RecommendationServiceGrpc.getRecommendMethod) == null) {
          RecommendationServiceGrpc.getRecommendMethod = getRecommendMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.RecommendRequest, shortlist.v1.RecommendResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Recommend"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RecommendRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RecommendResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RecommendationServiceMethodDescriptorSupplier("Recommend"))
              .build();
        }
      }
    }
    return getRecommendMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.RecommendSimilarRequest,
      shortlist.v1.RecommendSimilarResponse> getRecommendSimilarMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RecommendSimilar",
      requestType = shortlist.v1.RecommendSimilarRequest.class,
      responseType = shortlist.v1.RecommendSimilarResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.RecommendSimilarRequest,
      shortlist.v1.RecommendSimilarResponse> getRecommendSimilarMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.RecommendSimilarRequest, shortlist.v1.RecommendSimilarResponse> getRecommendSimilarMethod;
    if ((getRecommendSimilarMethod = RecommendationServiceGrpc.getRecommendSimilarMethod) == null) {
      synchronized (RecommendationServiceGrpc.class) {
        if ((getRecommendSimilarMethod = RecommendationServiceGrpc.getRecommendSimilarMethod) == null) {
          RecommendationServiceGrpc.getRecommendSimilarMethod = getRecommendSimilarMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.RecommendSimilarRequest, shortlist.v1.RecommendSimilarResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RecommendSimilar"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RecommendSimilarRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RecommendSimilarResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RecommendationServiceMethodDescriptorSupplier("RecommendSimilar"))
              .build();
        }
      }
    }
    return getRecommendSimilarMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.RankItemsRequest,
      shortlist.v1.RankItemsResponse> getRankItemsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RankItems",
      requestType = shortlist.v1.RankItemsRequest.class,
      responseType = shortlist.v1.RankItemsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.RankItemsRequest,
      shortlist.v1.RankItemsResponse> getRankItemsMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.RankItemsRequest, shortlist.v1.RankItemsResponse> getRankItemsMethod;
    if ((getRankItemsMethod = RecommendationServiceGrpc.getRankItemsMethod) == null) {
      synchronized (RecommendationServiceGrpc.class) {
        if ((getRankItemsMethod = RecommendationServiceGrpc.getRankItemsMethod) == null) {
          RecommendationServiceGrpc.getRankItemsMethod = getRankItemsMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.RankItemsRequest, shortlist.v1.RankItemsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RankItems"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RankItemsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RankItemsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RecommendationServiceMethodDescriptorSupplier("RankItems"))
              .build();
        }
      }
    }
    return getRankItemsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.BatchRecommendRequest,
      shortlist.v1.BatchRecommendResponse> getBatchRecommendMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BatchRecommend",
      requestType = shortlist.v1.BatchRecommendRequest.class,
      responseType = shortlist.v1.BatchRecommendResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.BatchRecommendRequest,
      shortlist.v1.BatchRecommendResponse> getBatchRecommendMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.BatchRecommendRequest, shortlist.v1.BatchRecommendResponse> getBatchRecommendMethod;
    if ((getBatchRecommendMethod = RecommendationServiceGrpc.getBatchRecommendMethod) == null) {
      synchronized (RecommendationServiceGrpc.class) {
        if ((getBatchRecommendMethod = RecommendationServiceGrpc.getBatchRecommendMethod) == null) {
          RecommendationServiceGrpc.getBatchRecommendMethod = getBatchRecommendMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.BatchRecommendRequest, shortlist.v1.BatchRecommendResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BatchRecommend"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.BatchRecommendRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.BatchRecommendResponse.getDefaultInstance()))
              .setSchemaDescriptor(new RecommendationServiceMethodDescriptorSupplier("BatchRecommend"))
              .build();
        }
      }
    }
    return getBatchRecommendMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static RecommendationServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceStub>() {
        @java.lang.Override
        public RecommendationServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RecommendationServiceStub(channel, callOptions);
        }
      };
    return RecommendationServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static RecommendationServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceBlockingV2Stub>() {
        @java.lang.Override
        public RecommendationServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RecommendationServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return RecommendationServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static RecommendationServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceBlockingStub>() {
        @java.lang.Override
        public RecommendationServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RecommendationServiceBlockingStub(channel, callOptions);
        }
      };
    return RecommendationServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static RecommendationServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<RecommendationServiceFutureStub>() {
        @java.lang.Override
        public RecommendationServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new RecommendationServiceFutureStub(channel, callOptions);
        }
      };
    return RecommendationServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Returns the items to show to a user now.
     * </pre>
     */
    default void recommend(shortlist.v1.RecommendRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RecommendResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRecommendMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns items like one item, in the order that suits the user.
     * </pre>
     */
    default void recommendSimilar(shortlist.v1.RecommendSimilarRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RecommendSimilarResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRecommendSimilarMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns the caller's own items in the order that suits the user. None is added or dropped.
     * </pre>
     */
    default void rankItems(shortlist.v1.RankItemsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RankItemsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRankItemsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns a list for each of many users. All requests are checked before the first is answered.
     * </pre>
     */
    default void batchRecommend(shortlist.v1.BatchRecommendRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.BatchRecommendResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBatchRecommendMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service RecommendationService.
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static abstract class RecommendationServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return RecommendationServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service RecommendationService.
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class RecommendationServiceStub
      extends io.grpc.stub.AbstractAsyncStub<RecommendationServiceStub> {
    private RecommendationServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RecommendationServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RecommendationServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the items to show to a user now.
     * </pre>
     */
    public void recommend(shortlist.v1.RecommendRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RecommendResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRecommendMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns items like one item, in the order that suits the user.
     * </pre>
     */
    public void recommendSimilar(shortlist.v1.RecommendSimilarRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RecommendSimilarResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRecommendSimilarMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns the caller's own items in the order that suits the user. None is added or dropped.
     * </pre>
     */
    public void rankItems(shortlist.v1.RankItemsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RankItemsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRankItemsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns a list for each of many users. All requests are checked before the first is answered.
     * </pre>
     */
    public void batchRecommend(shortlist.v1.BatchRecommendRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.BatchRecommendResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBatchRecommendMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service RecommendationService.
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class RecommendationServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<RecommendationServiceBlockingV2Stub> {
    private RecommendationServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RecommendationServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RecommendationServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the items to show to a user now.
     * </pre>
     */
    public shortlist.v1.RecommendResponse recommend(shortlist.v1.RecommendRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRecommendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns items like one item, in the order that suits the user.
     * </pre>
     */
    public shortlist.v1.RecommendSimilarResponse recommendSimilar(shortlist.v1.RecommendSimilarRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRecommendSimilarMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the caller's own items in the order that suits the user. None is added or dropped.
     * </pre>
     */
    public shortlist.v1.RankItemsResponse rankItems(shortlist.v1.RankItemsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRankItemsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns a list for each of many users. All requests are checked before the first is answered.
     * </pre>
     */
    public shortlist.v1.BatchRecommendResponse batchRecommend(shortlist.v1.BatchRecommendRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBatchRecommendMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service RecommendationService.
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class RecommendationServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<RecommendationServiceBlockingStub> {
    private RecommendationServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RecommendationServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RecommendationServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the items to show to a user now.
     * </pre>
     */
    public shortlist.v1.RecommendResponse recommend(shortlist.v1.RecommendRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRecommendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns items like one item, in the order that suits the user.
     * </pre>
     */
    public shortlist.v1.RecommendSimilarResponse recommendSimilar(shortlist.v1.RecommendSimilarRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRecommendSimilarMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns the caller's own items in the order that suits the user. None is added or dropped.
     * </pre>
     */
    public shortlist.v1.RankItemsResponse rankItems(shortlist.v1.RankItemsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRankItemsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns a list for each of many users. All requests are checked before the first is answered.
     * </pre>
     */
    public shortlist.v1.BatchRecommendResponse batchRecommend(shortlist.v1.BatchRecommendRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBatchRecommendMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service RecommendationService.
   * <pre>
   * Returns ranked lists of items. Reading changes nothing: what was shown is told by EventService.
   * An unknown user is not an error and gets what is popular in the given context. A stage that failed or came
   * late is not an error either: the answer says `degraded` and why. Requests may be up to 256 KiB (a server
   * setting) in size. Without a deadline from the caller the server takes 80 ms (a server setting).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`requests[3].user_id`); `NOT_FOUND` names an unknown
   * item of RecommendSimilar; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE`
   * (`NOT_READY`) say when to come back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class RecommendationServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<RecommendationServiceFutureStub> {
    private RecommendationServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected RecommendationServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new RecommendationServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the items to show to a user now.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.RecommendResponse> recommend(
        shortlist.v1.RecommendRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRecommendMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns items like one item, in the order that suits the user.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.RecommendSimilarResponse> recommendSimilar(
        shortlist.v1.RecommendSimilarRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRecommendSimilarMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns the caller's own items in the order that suits the user. None is added or dropped.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.RankItemsResponse> rankItems(
        shortlist.v1.RankItemsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRankItemsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns a list for each of many users. All requests are checked before the first is answered.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.BatchRecommendResponse> batchRecommend(
        shortlist.v1.BatchRecommendRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBatchRecommendMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_RECOMMEND = 0;
  private static final int METHODID_RECOMMEND_SIMILAR = 1;
  private static final int METHODID_RANK_ITEMS = 2;
  private static final int METHODID_BATCH_RECOMMEND = 3;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_RECOMMEND:
          serviceImpl.recommend((shortlist.v1.RecommendRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.RecommendResponse>) responseObserver);
          break;
        case METHODID_RECOMMEND_SIMILAR:
          serviceImpl.recommendSimilar((shortlist.v1.RecommendSimilarRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.RecommendSimilarResponse>) responseObserver);
          break;
        case METHODID_RANK_ITEMS:
          serviceImpl.rankItems((shortlist.v1.RankItemsRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.RankItemsResponse>) responseObserver);
          break;
        case METHODID_BATCH_RECOMMEND:
          serviceImpl.batchRecommend((shortlist.v1.BatchRecommendRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.BatchRecommendResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getRecommendMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.RecommendRequest,
              shortlist.v1.RecommendResponse>(
                service, METHODID_RECOMMEND)))
        .addMethod(
          getRecommendSimilarMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.RecommendSimilarRequest,
              shortlist.v1.RecommendSimilarResponse>(
                service, METHODID_RECOMMEND_SIMILAR)))
        .addMethod(
          getRankItemsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.RankItemsRequest,
              shortlist.v1.RankItemsResponse>(
                service, METHODID_RANK_ITEMS)))
        .addMethod(
          getBatchRecommendMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.BatchRecommendRequest,
              shortlist.v1.BatchRecommendResponse>(
                service, METHODID_BATCH_RECOMMEND)))
        .build();
  }

  private static abstract class RecommendationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    RecommendationServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return shortlist.v1.RecommendationServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("RecommendationService");
    }
  }

  private static final class RecommendationServiceFileDescriptorSupplier
      extends RecommendationServiceBaseDescriptorSupplier {
    RecommendationServiceFileDescriptorSupplier() {}
  }

  private static final class RecommendationServiceMethodDescriptorSupplier
      extends RecommendationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    RecommendationServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (RecommendationServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new RecommendationServiceFileDescriptorSupplier())
              .addMethod(getRecommendMethod())
              .addMethod(getRecommendSimilarMethod())
              .addMethod(getRankItemsMethod())
              .addMethod(getBatchRecommendMethod())
              .build();
        }
      }
    }
    return result;
  }
}
