package shortlist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a caller may do about a failed call: errors.Is(err, shortlist.ErrNotFound). Of several reasons of one kind,
// Error.Reason says which.
var (
	ErrInvalidRequest = errors.New("invalid request") // correct it: Error.Violations names each field
	ErrNotFound       = errors.New("not found")       // a named thing does not exist
	ErrRefused        = errors.New("refused")         // the state of the system forbids it
	ErrOverloaded     = errors.New("overloaded")      // send less, after Error.RetryAfter
	ErrUnavailable    = errors.New("unavailable")     // try again, after Error.RetryAfter
	ErrDeadline       = errors.New("deadline passed") // give more time, or show a list of your own
)

var kinds = map[codes.Code][]error{
	codes.InvalidArgument:    {ErrInvalidRequest},
	codes.NotFound:           {ErrNotFound},
	codes.FailedPrecondition: {ErrRefused},
	codes.ResourceExhausted:  {ErrOverloaded},
	codes.Unavailable:        {ErrUnavailable},
	codes.DeadlineExceeded:   {ErrDeadline, context.DeadlineExceeded},
	codes.Canceled:           {context.Canceled},
}

// FieldViolation is one thing wrong with one field.
type FieldViolation struct {
	Field       string // path in the request, such as events[17].item_id
	Reason      string // stable, for programs, such as FIELD_MISSING
	Description string // one sentence for a person
}

// Error is what a failed call says.
type Error struct {
	Code codes.Code
	// Reason is ErrorInfo's, or the code's name where gRPC itself refused the call; DEADLINE when time was up.
	Reason  string
	Message string
	// Violations has up to 25 of what is wrong; Metadata["violation_count"] is their number.
	Violations []FieldViolation
	Metadata   map[string]string
	// RetryAfter is 0 where the server did not say when to come back.
	RetryAfter time.Duration
	status     *status.Status
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Message) }

// GRPCStatus lets status.FromError and status.Code read the error.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is reports whether the error is of a kind, such as ErrNotFound or context.Canceled.
func (e *Error) Is(target error) bool {
	for _, kind := range kinds[e.Code] {
		if kind == target {
			return true
		}
	}
	return false
}

// errorOf returns the *Error for a call's error, and nil for nil.
func errorOf(err error) error {
	if err == nil {
		return nil
	}
	said := status.Convert(err)
	failure := &Error{Code: said.Code(), Reason: reasonOf(said.Code()), Message: said.Message(), status: said}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			failure.Reason, failure.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.RetryInfo:
			failure.RetryAfter = detail.GetRetryDelay().AsDuration()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				failure.Violations = append(failure.Violations, FieldViolation{v.GetField(), v.GetReason(), v.GetDescription()})
			}
		}
	}
	return failure
}

// isUnreachable reports whether gRPC has not reached the server: what the server refuses has a reason of its own.
func isUnreachable(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Code == codes.Unavailable && failure.Reason == reasonOf(failure.Code)
}

func reasonOf(code codes.Code) string {
	names := map[codes.Code]string{
		codes.DeadlineExceeded:  "DEADLINE",
		codes.Canceled:          "CANCELLED",
		codes.Unavailable:       "UNAVAILABLE",
		codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.Unimplemented:     "UNIMPLEMENTED",
		codes.Unauthenticated:   "UNAUTHENTICATED",
		codes.PermissionDenied:  "PERMISSION_DENIED",
	}
	if name, known := names[code]; known {
		return name
	}
	return "INTERNAL"
}
