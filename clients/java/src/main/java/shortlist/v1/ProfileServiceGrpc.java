package shortlist.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
 * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
 * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
 * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class ProfileServiceGrpc {

  private ProfileServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "shortlist.v1.ProfileService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<shortlist.v1.UpsertProfileRequest,
      shortlist.v1.UpsertProfileResponse> getUpsertProfileMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpsertProfile",
      requestType = shortlist.v1.UpsertProfileRequest.class,
      responseType = shortlist.v1.UpsertProfileResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.UpsertProfileRequest,
      shortlist.v1.UpsertProfileResponse> getUpsertProfileMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.UpsertProfileRequest, shortlist.v1.UpsertProfileResponse> getUpsertProfileMethod;
    if ((getUpsertProfileMethod = ProfileServiceGrpc.getUpsertProfileMethod) == null) {
      synchronized (ProfileServiceGrpc.class) {
        if ((getUpsertProfileMethod = ProfileServiceGrpc.getUpsertProfileMethod) == null) {
          ProfileServiceGrpc.getUpsertProfileMethod = getUpsertProfileMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.UpsertProfileRequest, shortlist.v1.UpsertProfileResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpsertProfile"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.UpsertProfileRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.UpsertProfileResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ProfileServiceMethodDescriptorSupplier("UpsertProfile"))
              .build();
        }
      }
    }
    return getUpsertProfileMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.GetProfileRequest,
      shortlist.v1.GetProfileResponse> getGetProfileMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetProfile",
      requestType = shortlist.v1.GetProfileRequest.class,
      responseType = shortlist.v1.GetProfileResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.GetProfileRequest,
      shortlist.v1.GetProfileResponse> getGetProfileMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.GetProfileRequest, shortlist.v1.GetProfileResponse> getGetProfileMethod;
    if ((getGetProfileMethod = ProfileServiceGrpc.getGetProfileMethod) == null) {
      synchronized (ProfileServiceGrpc.class) {
        if ((getGetProfileMethod = ProfileServiceGrpc.getGetProfileMethod) == null) {
          ProfileServiceGrpc.getGetProfileMethod = getGetProfileMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.GetProfileRequest, shortlist.v1.GetProfileResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetProfile"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.GetProfileRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.GetProfileResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ProfileServiceMethodDescriptorSupplier("GetProfile"))
              .build();
        }
      }
    }
    return getGetProfileMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.DeleteUserRequest,
      shortlist.v1.DeleteUserResponse> getDeleteUserMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteUser",
      requestType = shortlist.v1.DeleteUserRequest.class,
      responseType = shortlist.v1.DeleteUserResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.DeleteUserRequest,
      shortlist.v1.DeleteUserResponse> getDeleteUserMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.DeleteUserRequest, shortlist.v1.DeleteUserResponse> getDeleteUserMethod;
    if ((getDeleteUserMethod = ProfileServiceGrpc.getDeleteUserMethod) == null) {
      synchronized (ProfileServiceGrpc.class) {
        if ((getDeleteUserMethod = ProfileServiceGrpc.getDeleteUserMethod) == null) {
          ProfileServiceGrpc.getDeleteUserMethod = getDeleteUserMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.DeleteUserRequest, shortlist.v1.DeleteUserResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteUser"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.DeleteUserRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.DeleteUserResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ProfileServiceMethodDescriptorSupplier("DeleteUser"))
              .build();
        }
      }
    }
    return getDeleteUserMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.LinkSessionRequest,
      shortlist.v1.LinkSessionResponse> getLinkSessionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "LinkSession",
      requestType = shortlist.v1.LinkSessionRequest.class,
      responseType = shortlist.v1.LinkSessionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.LinkSessionRequest,
      shortlist.v1.LinkSessionResponse> getLinkSessionMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.LinkSessionRequest, shortlist.v1.LinkSessionResponse> getLinkSessionMethod;
    if ((getLinkSessionMethod = ProfileServiceGrpc.getLinkSessionMethod) == null) {
      synchronized (ProfileServiceGrpc.class) {
        if ((getLinkSessionMethod = ProfileServiceGrpc.getLinkSessionMethod) == null) {
          ProfileServiceGrpc.getLinkSessionMethod = getLinkSessionMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.LinkSessionRequest, shortlist.v1.LinkSessionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "LinkSession"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.LinkSessionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.LinkSessionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ProfileServiceMethodDescriptorSupplier("LinkSession"))
              .build();
        }
      }
    }
    return getLinkSessionMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static ProfileServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ProfileServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ProfileServiceStub>() {
        @java.lang.Override
        public ProfileServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ProfileServiceStub(channel, callOptions);
        }
      };
    return ProfileServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static ProfileServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ProfileServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ProfileServiceBlockingV2Stub>() {
        @java.lang.Override
        public ProfileServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ProfileServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return ProfileServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static ProfileServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ProfileServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ProfileServiceBlockingStub>() {
        @java.lang.Override
        public ProfileServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ProfileServiceBlockingStub(channel, callOptions);
        }
      };
    return ProfileServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static ProfileServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ProfileServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ProfileServiceFutureStub>() {
        @java.lang.Override
        public ProfileServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ProfileServiceFutureStub(channel, callOptions);
        }
      };
    return ProfileServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Sets a user's profile; the events stay. May be repeated.
     * </pre>
     */
    default void upsertProfile(shortlist.v1.UpsertProfileRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.UpsertProfileResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpsertProfileMethod(), responseObserver);
    }

    /**
     * <pre>
     * Returns a user's profile.
     * </pre>
     */
    default void getProfile(shortlist.v1.GetProfileRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.GetProfileResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetProfileMethod(), responseObserver);
    }

    /**
     * <pre>
     * Erases a user: profile, history, links to sessions and logged answers; the event log follows. May be
     * repeated.
     * </pre>
     */
    default void deleteUser(shortlist.v1.DeleteUserRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.DeleteUserResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteUserMethod(), responseObserver);
    }

    /**
     * <pre>
     * Gives a session's events, past and future, to a user. May be repeated.
     * </pre>
     */
    default void linkSession(shortlist.v1.LinkSessionRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.LinkSessionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getLinkSessionMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service ProfileService.
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static abstract class ProfileServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return ProfileServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service ProfileService.
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class ProfileServiceStub
      extends io.grpc.stub.AbstractAsyncStub<ProfileServiceStub> {
    private ProfileServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ProfileServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ProfileServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Sets a user's profile; the events stay. May be repeated.
     * </pre>
     */
    public void upsertProfile(shortlist.v1.UpsertProfileRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.UpsertProfileResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpsertProfileMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Returns a user's profile.
     * </pre>
     */
    public void getProfile(shortlist.v1.GetProfileRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.GetProfileResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetProfileMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Erases a user: profile, history, links to sessions and logged answers; the event log follows. May be
     * repeated.
     * </pre>
     */
    public void deleteUser(shortlist.v1.DeleteUserRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.DeleteUserResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteUserMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Gives a session's events, past and future, to a user. May be repeated.
     * </pre>
     */
    public void linkSession(shortlist.v1.LinkSessionRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.LinkSessionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getLinkSessionMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service ProfileService.
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class ProfileServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<ProfileServiceBlockingV2Stub> {
    private ProfileServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ProfileServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ProfileServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Sets a user's profile; the events stay. May be repeated.
     * </pre>
     */
    public shortlist.v1.UpsertProfileResponse upsertProfile(shortlist.v1.UpsertProfileRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpsertProfileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns a user's profile.
     * </pre>
     */
    public shortlist.v1.GetProfileResponse getProfile(shortlist.v1.GetProfileRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetProfileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Erases a user: profile, history, links to sessions and logged answers; the event log follows. May be
     * repeated.
     * </pre>
     */
    public shortlist.v1.DeleteUserResponse deleteUser(shortlist.v1.DeleteUserRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteUserMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives a session's events, past and future, to a user. May be repeated.
     * </pre>
     */
    public shortlist.v1.LinkSessionResponse linkSession(shortlist.v1.LinkSessionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getLinkSessionMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service ProfileService.
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class ProfileServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<ProfileServiceBlockingStub> {
    private ProfileServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ProfileServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ProfileServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Sets a user's profile; the events stay. May be repeated.
     * </pre>
     */
    public shortlist.v1.UpsertProfileResponse upsertProfile(shortlist.v1.UpsertProfileRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpsertProfileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Returns a user's profile.
     * </pre>
     */
    public shortlist.v1.GetProfileResponse getProfile(shortlist.v1.GetProfileRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetProfileMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Erases a user: profile, history, links to sessions and logged answers; the event log follows. May be
     * repeated.
     * </pre>
     */
    public shortlist.v1.DeleteUserResponse deleteUser(shortlist.v1.DeleteUserRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteUserMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives a session's events, past and future, to a user. May be repeated.
     * </pre>
     */
    public shortlist.v1.LinkSessionResponse linkSession(shortlist.v1.LinkSessionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getLinkSessionMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service ProfileService.
   * <pre>
   * Keeps users' profiles, erases users, and gives an anonymous session's events to the user who logs in.
   * Errors: `INVALID_ARGUMENT` names every wrong field; `NOT_FOUND` from GetProfile only;
   * `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to come
   * back; `DEADLINE_EXCEEDED` where the caller's time was used up.
   * </pre>
   */
  public static final class ProfileServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<ProfileServiceFutureStub> {
    private ProfileServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ProfileServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ProfileServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Sets a user's profile; the events stay. May be repeated.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.UpsertProfileResponse> upsertProfile(
        shortlist.v1.UpsertProfileRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpsertProfileMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Returns a user's profile.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.GetProfileResponse> getProfile(
        shortlist.v1.GetProfileRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetProfileMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Erases a user: profile, history, links to sessions and logged answers; the event log follows. May be
     * repeated.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.DeleteUserResponse> deleteUser(
        shortlist.v1.DeleteUserRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteUserMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Gives a session's events, past and future, to a user. May be repeated.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.LinkSessionResponse> linkSession(
        shortlist.v1.LinkSessionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getLinkSessionMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_UPSERT_PROFILE = 0;
  private static final int METHODID_GET_PROFILE = 1;
  private static final int METHODID_DELETE_USER = 2;
  private static final int METHODID_LINK_SESSION = 3;

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
        case METHODID_UPSERT_PROFILE:
          serviceImpl.upsertProfile((shortlist.v1.UpsertProfileRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.UpsertProfileResponse>) responseObserver);
          break;
        case METHODID_GET_PROFILE:
          serviceImpl.getProfile((shortlist.v1.GetProfileRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.GetProfileResponse>) responseObserver);
          break;
        case METHODID_DELETE_USER:
          serviceImpl.deleteUser((shortlist.v1.DeleteUserRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.DeleteUserResponse>) responseObserver);
          break;
        case METHODID_LINK_SESSION:
          serviceImpl.linkSession((shortlist.v1.LinkSessionRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.LinkSessionResponse>) responseObserver);
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
          getUpsertProfileMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.UpsertProfileRequest,
              shortlist.v1.UpsertProfileResponse>(
                service, METHODID_UPSERT_PROFILE)))
        .addMethod(
          getGetProfileMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.GetProfileRequest,
              shortlist.v1.GetProfileResponse>(
                service, METHODID_GET_PROFILE)))
        .addMethod(
          getDeleteUserMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.DeleteUserRequest,
              shortlist.v1.DeleteUserResponse>(
                service, METHODID_DELETE_USER)))
        .addMethod(
          getLinkSessionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.LinkSessionRequest,
              shortlist.v1.LinkSessionResponse>(
                service, METHODID_LINK_SESSION)))
        .build();
  }

  private static abstract class ProfileServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    ProfileServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return shortlist.v1.ProfileServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("ProfileService");
    }
  }

  private static final class ProfileServiceFileDescriptorSupplier
      extends ProfileServiceBaseDescriptorSupplier {
    ProfileServiceFileDescriptorSupplier() {}
  }

  private static final class ProfileServiceMethodDescriptorSupplier
      extends ProfileServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    ProfileServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (ProfileServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new ProfileServiceFileDescriptorSupplier())
              .addMethod(getUpsertProfileMethod())
              .addMethod(getGetProfileMethod())
              .addMethod(getDeleteUserMethod())
              .addMethod(getLinkSessionMethod())
              .build();
        }
      }
    }
    return result;
  }
}
