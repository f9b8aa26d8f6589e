// Package shortlist is the Go client of Shortlist, a recommendation engine.
//
// It adds to the generated code of shortlistv1 what a caller needs from the first line: the published retry policy,
// a deadline for each call, TLS and a token, trace context, typed errors, a list for when the deadline passes, and
// events in batches.
package shortlist

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "example.com/shortlist/clients/go/shortlistv1"
)

// DefaultTimeout is the deadline of a call whose context has none, unless Options say otherwise.
const DefaultTimeout = 100 * time.Millisecond

const (
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 5 * time.Second
	backoffMin       = 20 * time.Millisecond
	backoffMax       = time.Second
	connectTimeout   = 5 * time.Second
	defaultNumItems  = 20
)

//go:embed service_config.json
var serviceConfig string

// Options say how a client talks to the server. The zero value suits calls inside one data centre, without TLS.
type Options struct {
	// Timeout is the deadline of a call whose context has none; 0 means DefaultTimeout.
	Timeout time.Duration
	// TLS encrypts the connection; nil leaves it plain.
	TLS *tls.Config
	// Token is the bearer token of every call. It needs TLS, except to the loopback address.
	Token string
	// Traceparent returns the W3C trace context to pass on, such as that of the context's span; "" passes none. One
	// that is in the outgoing metadata already wins.
	Traceparent func(ctx context.Context) string
	// Fallback returns the item ids to answer Recommend with when the deadline passes; nil lets the call fail.
	Fallback func(ctx context.Context, request *pb.RecommendRequest) []string
	// DialOptions are added to, and win over, those set here.
	DialOptions []grpc.DialOption
}

// Client makes calls to one address. Its methods may be called by many goroutines at once. Every failed call returns
// an *Error.
type Client struct {
	Recommendations pb.RecommendationServiceClient
	Events          pb.EventServiceClient
	Catalog         pb.CatalogServiceClient
	Profiles        pb.ProfileServiceClient
	// Releases is served at the admin address only.
	Releases pb.ReleaseServiceClient
	conn     *grpc.ClientConn
}

// New returns a client of host:port, or of any target of gRPC. Nothing is connected until the first call.
func New(address string, options Options) (*Client, error) {
	transport := insecure.NewCredentials()
	if options.TLS != nil {
		transport = credentials.NewTLS(options.TLS)
	} else if options.Token != "" && !isLoopback(address) {
		return nil, errors.New("shortlist: a token needs TLS, except to the loopback address")
	}
	dial := append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: backoffMin, Multiplier: 1.6, Jitter: 0.2, MaxDelay: backoffMax},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepaliveTime, Timeout: keepaliveTimeout, PermitWithoutStream: true,
		}),
		grpc.WithChainUnaryInterceptor(options.intercept),
	}, options.DialOptions...)
	conn, err := grpc.NewClient(address, dial...)
	if err != nil {
		return nil, err
	}
	return &Client{
		Recommendations: pb.NewRecommendationServiceClient(conn),
		Events:          pb.NewEventServiceClient(conn),
		Catalog:         pb.NewCatalogServiceClient(conn),
		Profiles:        pb.NewProfileServiceClient(conn),
		Releases:        pb.NewReleaseServiceClient(conn),
		conn:            conn,
	}, nil
}

// Close closes the connection; calls that run are cancelled.
func (c *Client) Close() error { return c.conn.Close() }

// intercept gives a call its deadline and metadata, and its error a type.
func (o Options) intercept(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, callOptions ...grpc.CallOption,
) error {
	limited, cancel := o.withDeadline(ctx)
	defer cancel()
	outgoing := o.withMetadata(limited)
	err := errorOf(invoke(outgoing, method, request, reply, conn, callOptions...))
	if isUnreachable(err) {
		// A worker that ends may take new connections with it. The rest of the time is for another one.
		waiting := append(callOptions[:len(callOptions):len(callOptions)], grpc.WaitForReady(true))
		again := errorOf(invoke(outgoing, method, request, reply, conn, waiting...))
		if !errors.Is(again, ErrDeadline) {
			err = again
		}
	}
	if asked, ok := request.(*pb.RecommendRequest); ok && o.Fallback != nil && errors.Is(err, ErrDeadline) {
		proto.Merge(reply.(*pb.RecommendResponse), fallbackAnswer(asked, o.Fallback(ctx, asked)))
		return nil
	}
	return err
}

func (o Options) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return context.WithTimeout(ctx, timeout)
}

func (o Options) withMetadata(ctx context.Context) context.Context {
	if o.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+o.Token)
	}
	given, _ := metadata.FromOutgoingContext(ctx)
	if o.Traceparent != nil && len(given.Get("traceparent")) == 0 {
		if traceparent := o.Traceparent(ctx); traceparent != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", traceparent)
		}
	}
	return ctx
}

// fallbackAnswer returns the caller's own list as a degraded answer, without what the request excludes.
func fallbackAnswer(request *pb.RecommendRequest, itemIDs []string) *pb.RecommendResponse {
	excluded := make(map[string]bool, len(request.GetExcludedItemIds()))
	for _, id := range request.GetExcludedItemIds() {
		excluded[id] = true
	}
	wanted := int(request.GetNumItems())
	if wanted == 0 {
		wanted = defaultNumItems
	}
	answer := &pb.RecommendResponse{
		Degraded:        true,
		DegradedReasons: []pb.DegradedReason{pb.DegradedReason_DEGRADED_REASON_DEADLINE},
	}
	for _, id := range itemIDs {
		if excluded[id] || len(answer.Items) >= wanted {
			continue
		}
		answer.Items = append(answer.Items, &pb.RecommendedItem{
			ItemId: id, Position: int32(len(answer.Items)), Sources: []pb.SourceKind{pb.SourceKind_SOURCE_KIND_CALLER},
		})
	}
	return answer
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
