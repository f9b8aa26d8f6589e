package shortlist.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Takes events. An event changes the very next answer to its user, on every worker.
 * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
 * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
 * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
 * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
 * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class EventServiceGrpc {

  private EventServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "shortlist.v1.EventService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<shortlist.v1.WriteEventsRequest,
      shortlist.v1.WriteEventsResponse> getWriteEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WriteEvents",
      requestType = shortlist.v1.WriteEventsRequest.class,
      responseType = shortlist.v1.WriteEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.WriteEventsRequest,
      shortlist.v1.WriteEventsResponse> getWriteEventsMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.WriteEventsRequest, shortlist.v1.WriteEventsResponse> getWriteEventsMethod;
    if ((getWriteEventsMethod = EventServiceGrpc.getWriteEventsMethod) == null) {
      synchronized (EventServiceGrpc.class) {
        if ((getWriteEventsMethod = EventServiceGrpc.getWriteEventsMethod) == null) {
          EventServiceGrpc.getWriteEventsMethod = getWriteEventsMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.WriteEventsRequest, shortlist.v1.WriteEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WriteEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.WriteEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.WriteEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new EventServiceMethodDescriptorSupplier("WriteEvents"))
              .build();
        }
      }
    }
    return getWriteEventsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<shortlist.v1.WriteImpressionsRequest,
      shortlist.v1.WriteImpressionsResponse> getWriteImpressionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WriteImpressions",
      requestType = shortlist.v1.WriteImpressionsRequest.class,
      responseType = shortlist.v1.WriteImpressionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<shortlist.v1.WriteImpressionsRequest,
      shortlist.v1.WriteImpressionsResponse> getWriteImpressionsMethod() {
    io.grpc.MethodDescriptor<shortlist.v1.WriteImpressionsRequest, shortlist.v1.WriteImpressionsResponse> getWriteImpressionsMethod;
    if ((getWriteImpressionsMethod = EventServiceGrpc.getWriteImpressionsMethod) == null) {
      synchronized (EventServiceGrpc.class) {
        if ((getWriteImpressionsMethod = EventServiceGrpc.getWriteImpressionsMethod) == null) {
          EventServiceGrpc.getWriteImpressionsMethod = getWriteImpressionsMethod =
              io.grpc.MethodDescriptor.<shortlist.v1.WriteImpressionsRequest, shortlist.v1.WriteImpressionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WriteImpressions"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.WriteImpressionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  shortlist.v1.WriteImpressionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new EventServiceMethodDescriptorSupplier("WriteImpressions"))
              .build();
        }
      }
    }
    return getWriteImpressionsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static EventServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<EventServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<EventServiceStub>() {
        @java.lang.Override
        public EventServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new EventServiceStub(channel, callOptions);
        }
      };
    return EventServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static EventServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<EventServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<EventServiceBlockingV2Stub>() {
        @java.lang.Override
        public EventServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new EventServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return EventServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static EventServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<EventServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<EventServiceBlockingStub>() {
        @java.lang.Override
        public EventServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new EventServiceBlockingStub(channel, callOptions);
        }
      };
    return EventServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static EventServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<EventServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<EventServiceFutureStub>() {
        @java.lang.Override
        public EventServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new EventServiceFutureStub(channel, callOptions);
        }
      };
    return EventServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Stores a batch of events.
     * </pre>
     */
    default void writeEvents(shortlist.v1.WriteEventsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.WriteEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWriteEventsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores that items of an earlier answer were shown, without naming them again.
     * </pre>
     */
    default void writeImpressions(shortlist.v1.WriteImpressionsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.WriteImpressionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWriteImpressionsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service EventService.
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public static abstract class EventServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return EventServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service EventService.
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public static final class EventServiceStub
      extends io.grpc.stub.AbstractAsyncStub<EventServiceStub> {
    private EventServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected EventServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new EventServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a batch of events.
     * </pre>
     */
    public void writeEvents(shortlist.v1.WriteEventsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.WriteEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWriteEventsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores that items of an earlier answer were shown, without naming them again.
     * </pre>
     */
    public void writeImpressions(shortlist.v1.WriteImpressionsRequest request,
        io.grpc.stub.StreamObserver<shortlist.v1.WriteImpressionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWriteImpressionsMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service EventService.
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public static final class EventServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<EventServiceBlockingV2Stub> {
    private EventServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected EventServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new EventServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a batch of events.
     * </pre>
     */
    public shortlist.v1.WriteEventsResponse writeEvents(shortlist.v1.WriteEventsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWriteEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores that items of an earlier answer were shown, without naming them again.
     * </pre>
     */
    public shortlist.v1.WriteImpressionsResponse writeImpressions(shortlist.v1.WriteImpressionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWriteImpressionsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service EventService.
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public static final class EventServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<EventServiceBlockingStub> {
    private EventServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected EventServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new EventServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a batch of events.
     * </pre>
     */
    public shortlist.v1.WriteEventsResponse writeEvents(shortlist.v1.WriteEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWriteEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores that items of an earlier answer were shown, without naming them again.
     * </pre>
     */
    public shortlist.v1.WriteImpressionsResponse writeImpressions(shortlist.v1.WriteImpressionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWriteImpressionsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service EventService.
   * <pre>
   * Takes events. An event changes the very next answer to its user, on every worker.
   * Every call is atomic: it stores all of its events or none. Every call may be repeated: an event whose
   * `event_id` is known already is counted and left out, for as long as the server keeps ids (7 days by default).
   * Errors: `INVALID_ARGUMENT` names every wrong field (`events[17].item_id`); `NOT_FOUND` names what does not
   * exist; `RESOURCE_EXHAUSTED` (`OVERLOADED`) and `UNAVAILABLE` (`NOT_READY`, `STORE_UNAVAILABLE`) say when to
   * come back; `DEADLINE_EXCEEDED` where the caller's time was used up before the events were written.
   * </pre>
   */
  public static final class EventServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<EventServiceFutureStub> {
    private EventServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected EventServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new EventServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores a batch of events.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.WriteEventsResponse> writeEvents(
        shortlist.v1.WriteEventsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWriteEventsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stores that items of an earlier answer were shown, without naming them again.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<shortlist.v1.WriteImpressionsResponse> writeImpressions(
        shortlist.v1.WriteImpressionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWriteImpressionsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_WRITE_EVENTS = 0;
  private static final int METHODID_WRITE_IMPRESSIONS = 1;

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
        case METHODID_WRITE_EVENTS:
          serviceImpl.writeEvents((shortlist.v1.WriteEventsRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.WriteEventsResponse>) responseObserver);
          break;
        case METHODID_WRITE_IMPRESSIONS:
          serviceImpl.writeImpressions((shortlist.v1.WriteImpressionsRequest) request,
              (io.grpc.stub.StreamObserver<shortlist.v1.WriteImpressionsResponse>) responseObserver);
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
          getWriteEventsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.WriteEventsRequest,
              shortlist.v1.WriteEventsResponse>(
                service, METHODID_WRITE_EVENTS)))
        .addMethod(
          getWriteImpressionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              shortlist.v1.WriteImpressionsRequest,
              shortlist.v1.WriteImpressionsResponse>(
                service, METHODID_WRITE_IMPRESSIONS)))
        .build();
  }

  private static abstract class EventServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    EventServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return shortlist.v1.EventServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("EventService");
    }
  }

  private static final class EventServiceFileDescriptorSupplier
      extends EventServiceBaseDescriptorSupplier {
    EventServiceFileDescriptorSupplier() {}
  }

  private static final class EventServiceMethodDescriptorSupplier
      extends EventServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    EventServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (EventServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new EventServiceFileDescriptorSupplier())
              .addMethod(getWriteEventsMethod())
              .addMethod(getWriteImpressionsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
