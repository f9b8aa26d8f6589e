package shortlist.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Switches releases. It is served on the admin port only, which is on the loopback address by default.
 * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
 * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
 * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
 * `UNAVAILABLE` (`NOT_READY`) say when to come back.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class ReleaseServiceGrpc {

  private ReleaseServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "shortlist.v1.ReleaseService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<shortlist.v1.ListReleasesRequest,
      shortlist.v1.ListReleasesResponse> getListReleasesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListReleases",
      requestType = shortlist.v1.ListReleasesRequest.class,
      responseType = shortlist.v1.ListReleasesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.ListReleasesRequest,
      shortlist.v1.ListReleasesResponse> getListReleasesMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.ListReleasesRequest, shortlist.v1.ListReleasesResponse> getListReleasesMethod;
    if ((getListReleasesMethod = ReleaseServiceGrpc.getListReleasesMethod) == null) {
      synchronized (ReleaseServiceGrpc.class) {
        if ((getListReleasesMethod = ReleaseServiceGrpc.getListReleasesMethod) == null) {
          ReleaseServiceGrpc.getListReleasesMethod = getListReleasesMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.ListReleasesRequest, shortlist.v1.ListReleasesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListReleases"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.ListReleasesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.ListReleasesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReleaseServiceMethodDescriptorSupplier("ListReleases"))
              .build();
        }
      }
    }
    return getListReleasesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.ActivateReleaseRequest,
      shortlist.v1.ActivateReleaseResponse> getActivateReleaseMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ActivateRelease",
      requestType = shortlist.v1.ActivateReleaseRequest.class,
      responseType = shortlist.v1.ActivateReleaseResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.ActivateReleaseRequest,
      shortlist.v1.ActivateReleaseResponse> getActivateReleaseMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.ActivateReleaseRequest, shortlist.v1.ActivateReleaseResponse> getActivateReleaseMethod;
    if ((getActivateReleaseMethod = ReleaseServiceGrpc.getActivateReleaseMethod) == null) {
      synchronized (ReleaseServiceGrpc.class) {
        if ((getActivateReleaseMethod = ReleaseServiceGrpc.getActivateReleaseMethod) == null) {
          ReleaseServiceGrpc.getActivateReleaseMethod = getActivateReleaseMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.ActivateReleaseRequest, shortlist.v1.ActivateReleaseResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ActivateRelease"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.ActivateReleaseRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.ActivateReleaseResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReleaseServiceMethodDescriptorSupplier("ActivateRelease"))
              .build();
        }
      }
    }
    return getActivateReleaseMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.RollBackRequest,
      shortlist.v1.RollBackResponse> getRollBackMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RollBack",
      requestType = shortlist.v1.RollBackRequest.class,
      responseType = shortlist.v1.RollBackResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.RollBackRequest,
      shortlist.v1.RollBackResponse> getRollBackMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.RollBackRequest, shortlist.v1.RollBackResponse> getRollBackMethod;
    if ((getRollBackMethod = ReleaseServiceGrpc.getRollBackMethod) == null) {
      synchronized (ReleaseServiceGrpc.class) {
        if ((getRollBackMethod = ReleaseServiceGrpc.getRollBackMethod) == null) {
          ReleaseServiceGrpc.getRollBackMethod = getRollBackMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.RollBackRequest, shortlist.v1.RollBackResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RollBack"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RollBackRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.RollBackResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReleaseServiceMethodDescriptorSupplier("RollBack"))
              .build();
        }
      }
    }
    return getRollBackMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.GetServingStatusRequest,
      shortlist.v1.GetServingStatusResponse> getGetServingStatusMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetServingStatus",
      requestType = shortlist.v1.GetServingStatusRequest.class,
      responseType = shortlist.v1.GetServingStatusResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.GetServingStatusRequest,
      shortlist.v1.GetServingStatusResponse> getGetServingStatusMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.GetServingStatusRequest, shortlist.v1.GetServingStatusResponse> getGetServingStatusMethod;
    if ((getGetServingStatusMethod = ReleaseServiceGrpc.getGetServingStatusMethod) == null) {
      synchronized (ReleaseServiceGrpc.class) {
        if ((getGetServingStatusMethod = ReleaseServiceGrpc.getGetServingStatusMethod) == null) {
          ReleaseServiceGrpc.getGetServingStatusMethod = getGetServingStatusMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.GetServingStatusRequest, shortlist.v1.GetServingStatusResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetServingStatus"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.GetServingStatusRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.GetServingStatusResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ReleaseServiceMethodDescriptorSupplier("GetServingStatus"))
              .build();
        }
      }
    }
    return getGetServingStatusMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static ReleaseServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceStub>() {
        @java.lang.Override
        public ReleaseServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReleaseServiceStub(channel, callOptions);
        }
      };
    return ReleaseServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static ReleaseServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceBlockingV2Stub>() {
        @java.lang.Override
        public ReleaseServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReleaseServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return ReleaseServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static ReleaseServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceBlockingStub>() {
        @java.lang.Override
        public ReleaseServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReleaseServiceBlockingStub(channel, callOptions);
        }
      };
    return ReleaseServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static ReleaseServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ReleaseServiceFutureStub>() {
        @java.lang.Override
        public ReleaseServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ReleaseServiceFutureStub(channel, callOptions);
        }
      };
    return ReleaseServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Returns the releases on disk, newest first.
     * </pre>
     */
    default void listReleases(shortlist.v1.ListReleasesRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.ListReleasesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListReleasesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Serves another release. Answers when every worker serves it.
     * </pre>
     */
    default void activateRelease(shortlist.v1.ActivateReleaseRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.ActivateReleaseResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getActivateReleaseMethod(), responseObserver);
    }

    /**
     * <pre>
     * Serves the release before the current one. Answers when every worker serves it.
     * </pre>
     */
    default void rollBack(shortlist.v1.RollBackRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RollBackResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRollBackMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns what every worker serves now.
     * </pre>
     */
    default void getServingStatus(shortlist.v1.GetServingStatusRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.GetServingStatusResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetServingStatusMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service ReleaseService.
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public static abstract class ReleaseServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return ReleaseServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service ReleaseService.
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public static final class ReleaseServiceStub
      extends io.grpc.stub.AbstractAsyncStub<ReleaseServiceStub> {
    private ReleaseServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReleaseServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReleaseServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the releases on disk, newest first.
     * </pre>
     */
    public void listReleases(shortlist.v1.ListReleasesRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.ListReleasesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListReleasesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Serves another release. Answers when every worker serves it.
     * </pre>
     */
    public void activateRelease(shortlist.v1.ActivateReleaseRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.ActivateReleaseResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getActivateReleaseMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Serves the release before the current one. Answers when every worker serves it.
     * </pre>
     */
    public void rollBack(shortlist.v1.RollBackRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.RollBackResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRollBackMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns what every worker serves now.
     * </pre>
     */
    public void getServingStatus(shortlist.v1.GetServingStatusRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.GetServingStatusResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetServingStatusMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service ReleaseService.
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public static final class ReleaseServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<ReleaseServiceBlockingV2Stub> {
    private ReleaseServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReleaseServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReleaseServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the releases on disk, newest first.
     * </pre>
     */
    public shortlist.v1.ListReleasesResponse listReleases(shortlist.v1.ListReleasesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListReleasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Serves another release. Answers when every worker serves it.
     * </pre>
     */
    public shortlist.v1.ActivateReleaseResponse activateRelease(shortlist.v1.ActivateReleaseRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getActivateReleaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Serves the release before the current one. Answers when every worker serves it.
     * </pre>
     */
    public shortlist.v1.RollBackResponse rollBack(shortlist.v1.RollBackRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRollBackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns what every worker serves now.
     * </pre>
     */
    public shortlist.v1.GetServingStatusResponse getServingStatus(shortlist.v1.GetServingStatusRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetServingStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service ReleaseService.
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public static final class ReleaseServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<ReleaseServiceBlockingStub> {
    private ReleaseServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReleaseServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReleaseServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the releases on disk, newest first.
     * </pre>
     */
    public shortlist.v1.ListReleasesResponse listReleases(shortlist.v1.ListReleasesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListReleasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Serves another release. Answers when every worker serves it.
     * </pre>
     */
    public shortlist.v1.ActivateReleaseResponse activateRelease(shortlist.v1.ActivateReleaseRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getActivateReleaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Serves the release before the current one. Answers when every worker serves it.
     * </pre>
     */
    public shortlist.v1.RollBackResponse rollBack(shortlist.v1.RollBackRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRollBackMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns what every worker serves now.
     * </pre>
     */
    public shortlist.v1.GetServingStatusResponse getServingStatus(shortlist.v1.GetServingStatusRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetServingStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service ReleaseService.
   * <pre>
   * Switches releases. It is served on the admin port only, which is on the loopback address by default.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` names an unknown release;
   * `FAILED_PRECONDITION` where a release does not verify or does not fit the server, or there is none to roll
   * back to (the old one goes on serving, and the message says why); `RESOURCE_EXHAUSTED` (`OVERLOADED`) and
   * `UNAVAILABLE` (`NOT_READY`) say when to come back.
   * </pre>
   */
  public static final class ReleaseServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<ReleaseServiceFutureStub> {
    private ReleaseServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ReleaseServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ReleaseServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Returns the releases on disk, newest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.ListReleasesResponse> listReleases(
        shortlist.v1.ListReleasesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListReleasesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Serves another release. Answers when every worker serves it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.ActivateReleaseResponse> activateRelease(
        shortlist.v1.ActivateReleaseRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getActivateReleaseMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Serves the release before the current one. Answers when every worker serves it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.RollBackResponse> rollBack(
        shortlist.v1.RollBackRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRollBackMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns what every worker serves now.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.GetServingStatusResponse> getServingStatus(
        shortlist.v1.GetServingStatusRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetServingStatusMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LIST_RELEASES = 0;
  private static final int METHODID_ACTIVATE_RELEASE = 1;
  private static final int METHODID_ROLL_BACK = 2;
  private static final int METHODID_GET_SERVING_STATUS = 3;

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
        case METHODID_LIST_RELEASES:
          serviceImpl.listReleases((shortlist.v1.ListReleasesRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.ListReleasesResponse>) responseObserver);
          break;
        case METHODID_ACTIVATE_RELEASE:
          serviceImpl.activateRelease((shortlist.v1.ActivateReleaseRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.ActivateReleaseResponse>) responseObserver);
          break;
        case METHODID_ROLL_BACK:
          serviceImpl.rollBack((shortlist.v1.RollBackRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.RollBackResponse>) responseObserver);
          break;
        case METHODID_GET_SERVING_STATUS:
          serviceImpl.getServingStatus((shortlist.v1.GetServingStatusRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.GetServingStatusResponse>) responseObserver);
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
          getListReleasesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.ListReleasesRequest,
              shortlist.v1.ListReleasesResponse>(
                service, METHODID_LIST_RELEASES)))
        .addMethod(
          getActivateReleaseMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.ActivateReleaseRequest,
              shortlist.v1.ActivateReleaseResponse>(
                service, METHODID_ACTIVATE_RELEASE)))
        .addMethod(
          getRollBackMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.RollBackRequest,
              shortlist.v1.RollBackResponse>(
                service, METHODID_ROLL_BACK)))
        .addMethod(
          getGetServingStatusMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.GetServingStatusRequest,
              shortlist.v1.GetServingStatusResponse>(
                service, METHODID_GET_SERVING_STATUS)))
        .build();
  }

  private static abstract class ReleaseServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    ReleaseServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return shortlist.v1.ReleaseServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("ReleaseService");
    }
  }

  private static final class ReleaseServiceFileDescriptorSupplier
      extends ReleaseServiceBaseDescriptorSupplier {
    ReleaseServiceFileDescriptorSupplier() {}
  }

  private static final class ReleaseServiceMethodDescriptorSupplier
      extends ReleaseServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    ReleaseServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (ReleaseServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new ReleaseServiceFileDescriptorSupplier())
              .addMethod(getListReleasesMethod())
              .addMethod(getActivateReleaseMethod())
              .addMethod(getRollBackMethod())
              .addMethod(getGetServingStatusMethod())
              .build();
        }
      }
    }
    return result;
  }
}
