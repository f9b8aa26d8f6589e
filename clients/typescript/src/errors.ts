import { type Metadata, type ServiceError, status } from "@grpc/grpc-js";

import { BadRequest, ErrorInfo, RetryInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";

/** One thing wrong with one field. */
export interface FieldViolation {
  /** Path in the request, such as `events[17].item_id`. */
  readonly field: string;
  /** Stable, for programs, such as `FIELD_MISSING`. */
  readonly reason: string;
  /** One sentence for a person. */
  readonly description: string;
}

/** A call failed. Its class says what a caller may do about it. */
export class ShortlistError extends Error {
  readonly code: status;
  /** ErrorInfo's reason, or the code's name where gRPC itself refused the call; `DEADLINE` when time was up. */
  readonly reason: string;
  /** Up to 25 of what is wrong; `metadata["violation_count"]` is their number. */
  readonly violations: readonly FieldViolation[] = [];
  readonly metadata: Readonly<Record<string, string>> = {};
  /** Undefined where the server did not say when to come back. */
  readonly retryAfterMs: number | undefined;

  constructor(cause: ServiceError) {
    super(cause.details, { cause });
    this.name = new.target.name;
    this.code = cause.code;
    this.reason = cause.code === status.DEADLINE_EXCEEDED ? "DEADLINE" : (status[cause.code] ?? "UNKNOWN");
    for (const { typeUrl, value } of details(cause.metadata)) {
      switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
        case "google.rpc.ErrorInfo":
          ({ reason: this.reason, metadata: this.metadata } = ErrorInfo.decode(value));
          break;
        case "google.rpc.BadRequest":
          this.violations = BadRequest.decode(value).fieldViolations;
          break;
        case "google.rpc.RetryInfo": {
          const delay = RetryInfo.decode(value).retryDelay;
          this.retryAfterMs = delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
          break;
        }
      }
    }
    this.message = `${this.reason}: ${cause.details}`;
  }

  /** Whether gRPC has not reached the server: what the server refuses has a reason of its own. */
  get isUnreachable(): boolean {
    return this.code === status.UNAVAILABLE && this.reason === "UNAVAILABLE";
  }
}

/** Correct the request: `violations` names each field. */
export class InvalidRequestError extends ShortlistError {}
/** A named thing does not exist: `metadata` has its `resource_type` and `resource_name`. */
export class NotFoundError extends ShortlistError {}
/** The state of the system forbids it; read the message. */
export class RefusedError extends ShortlistError {}
/** Send less, after `retryAfterMs`. */
export class OverloadedError extends ShortlistError {}
/** Try again, after `retryAfterMs`. */
export class UnavailableError extends ShortlistError {}
/** Give more time, or show a list of your own. */
export class DeadlineError extends ShortlistError {}

const kinds: Partial<Record<status, typeof ShortlistError>> = {
  [status.INVALID_ARGUMENT]: InvalidRequestError,
  [status.NOT_FOUND]: NotFoundError,
  [status.FAILED_PRECONDITION]: RefusedError,
  [status.RESOURCE_EXHAUSTED]: OverloadedError,
  [status.UNAVAILABLE]: UnavailableError,
  [status.DEADLINE_EXCEEDED]: DeadlineError,
};

/** Returns the typed error for what gRPC reports. */
export function errorOf(cause: ServiceError): ShortlistError {
  return new (kinds[cause.code] ?? ShortlistError)(cause);
}

function details(metadata: Metadata): Status["details"] {
  const packed = metadata.get("grpc-status-details-bin")[0];
  return packed instanceof Buffer ? Status.decode(packed).details : [];
}
