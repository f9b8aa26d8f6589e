import { readFileSync } from "node:fs";

import {
  type CallOptions as GrpcCallOptions,
  Channel,
  type ChannelOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";

import { DeadlineError, errorOf, ShortlistError } from "./errors.js";
import * as catalog from "./gen/shortlist/v1/catalog_service.js";
import * as events from "./gen/shortlist/v1/event_service.js";
import * as profiles from "./gen/shortlist/v1/profile_service.js";
import * as api from "./gen/shortlist/v1/recommendation_service.js";
import * as releases from "./gen/shortlist/v1/release_service.js";

const SERVICE_CONFIG = readFileSync(new URL("../service_config.json", import.meta.url), "utf8");
const TIMEOUT_MS = 100;
const NUM_ITEMS = 20;

/** How a client talks to the server. The defaults suit calls inside one data centre, without TLS. */
export interface ClientOptions {
  /** Deadline of a call that names none; 100. */
  timeoutMs?: number;
  /** Encrypts the connection and verifies the server: by the given PEM, or by Node's own authorities. */
  tls?: boolean | { rootCertificates: Buffer };
  /** Bearer token of every call. It needs TLS, except to the loopback address. */
  token?: string;
  /** Asked at each call for the W3C trace context to pass on, such as that of the active span. */
  traceparent?: () => string | undefined;
  /** Gives the item ids to answer `recommend` with when the deadline passes; without it the call rejects. */
  fallback?: (request: api.RecommendRequest) => readonly string[] | Promise<readonly string[]>;
  /** Options of gRPC that are added to, and win over, those set here. */
  channelOptions?: ChannelOptions;
}

/** What one call may have of its own. */
export interface CallOptions {
  /** Deadline in milliseconds; by default the client's. */
  timeoutMs?: number;
  /** W3C trace context to pass on; it wins over the client's. */
  traceparent?: string;
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** One RPC. Fields left out of the request are unset. Rejects with a ShortlistError. */
export type Call<Request, Response> = (
  request: events.DeepPartial<Request>,
  options?: CallOptions,
) => Promise<Response>;

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

interface Codec<Request> {
  fromPartial(request: events.DeepPartial<Request>): Request;
}

/** Calls to one address: every RPC of the contract by its name. */
export class Client {
  readonly recommendSimilar: Call<api.RecommendSimilarRequest, api.RecommendSimilarResponse>;
  readonly rankItems: Call<api.RankItemsRequest, api.RankItemsResponse>;
  readonly batchRecommend: Call<api.BatchRecommendRequest, api.BatchRecommendResponse>;
  readonly writeEvents: Call<events.WriteEventsRequest, events.WriteEventsResponse>;
  readonly writeImpressions: Call<events.WriteImpressionsRequest, events.WriteImpressionsResponse>;
  readonly upsertItems: Call<catalog.UpsertItemsRequest, catalog.UpsertItemsResponse>;
  readonly deleteItems: Call<catalog.DeleteItemsRequest, catalog.DeleteItemsResponse>;
  readonly getItem: Call<catalog.GetItemRequest, catalog.GetItemResponse>;
  readonly upsertProfile: Call<profiles.UpsertProfileRequest, profiles.UpsertProfileResponse>;
  readonly getProfile: Call<profiles.GetProfileRequest, profiles.GetProfileResponse>;
  readonly deleteUser: Call<profiles.DeleteUserRequest, profiles.DeleteUserResponse>;
  readonly linkSession: Call<profiles.LinkSessionRequest, profiles.LinkSessionResponse>;
  /** This and the three that follow are served at the admin address only. */
  readonly listReleases: Call<releases.ListReleasesRequest, releases.ListReleasesResponse>;
  readonly activateRelease: Call<releases.ActivateReleaseRequest, releases.ActivateReleaseResponse>;
  readonly rollBack: Call<releases.RollBackRequest, releases.RollBackResponse>;
  readonly getServingStatus: Call<releases.GetServingStatusRequest, releases.GetServingStatusResponse>;
  readonly #recommend: Call<api.RecommendRequest, api.RecommendResponse>;
  readonly #options: ClientOptions;
  readonly #channel: Channel;

  /** `address`: host:port, or any target of gRPC. Nothing is connected until the first call. */
  constructor(address: string, options: ClientOptions = {}) {
    this.#options = options;
    const transport = channelCredentials(address, options);
    this.#channel = new Channel(address, transport, {
      "grpc.service_config": SERVICE_CONFIG,
      "grpc.service_config_disable_resolution": 1,
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 1_000,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 5_000,
      "grpc.keepalive_permit_without_calls": 1,
      ...options.channelOptions,
    });
    const shared = { channelOverride: this.#channel };
    const lists = new api.RecommendationServiceClient(address, transport, shared);
    this.#recommend = this.#call(lists.recommend.bind(lists), api.RecommendRequest);
    this.recommendSimilar = this.#call(lists.recommendSimilar.bind(lists), api.RecommendSimilarRequest);
    this.rankItems = this.#call(lists.rankItems.bind(lists), api.RankItemsRequest);
    this.batchRecommend = this.#call(lists.batchRecommend.bind(lists), api.BatchRecommendRequest);
    const writer = new events.EventServiceClient(address, transport, shared);
    this.writeEvents = this.#call(writer.writeEvents.bind(writer), events.WriteEventsRequest);
    this.writeImpressions = this.#call(writer.writeImpressions.bind(writer), events.WriteImpressionsRequest);
    const items = new catalog.CatalogServiceClient(address, transport, shared);
    this.upsertItems = this.#call(items.upsertItems.bind(items), catalog.UpsertItemsRequest);
    this.deleteItems = this.#call(items.deleteItems.bind(items), catalog.DeleteItemsRequest);
    this.getItem = this.#call(items.getItem.bind(items), catalog.GetItemRequest);
    const users = new profiles.ProfileServiceClient(address, transport, shared);
    this.upsertProfile = this.#call(users.upsertProfile.bind(users), profiles.UpsertProfileRequest);
    this.getProfile = this.#call(users.getProfile.bind(users), profiles.GetProfileRequest);
    this.deleteUser = this.#call(users.deleteUser.bind(users), profiles.DeleteUserRequest);
    this.linkSession = this.#call(users.linkSession.bind(users), profiles.LinkSessionRequest);
    const admin = new releases.ReleaseServiceClient(address, transport, shared);
    this.listReleases = this.#call(admin.listReleases.bind(admin), releases.ListReleasesRequest);
    this.activateRelease = this.#call(admin.activateRelease.bind(admin), releases.ActivateReleaseRequest);
    this.rollBack = this.#call(admin.rollBack.bind(admin), releases.RollBackRequest);
    this.getServingStatus = this.#call(admin.getServingStatus.bind(admin), releases.GetServingStatusRequest);
  }

  /** Closes the connection. */
  close(): void {
    this.#channel.close();
  }

  /** Returns the items to show; those of the `fallback` when the deadline passes. */
  recommend: Call<api.RecommendRequest, api.RecommendResponse> = async (request, options) => {
    try {
      return await this.#recommend(request, options);
    } catch (error) {
      if (!(error instanceof DeadlineError) || this.#options.fallback === undefined) throw error;
      const asked = api.RecommendRequest.fromPartial(request);
      return fallbackAnswer(asked, await this.#options.fallback(asked));
    }
  };

  #call<Request, Response>(method: Method<Request, Response>, codec: Codec<Request>): Call<Request, Response> {
    return async (partial, { timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS, traceparent, signal } = {}) => {
      const request = codec.fromPartial(partial);
      const metadata = this.#metadata(traceparent);
      const deadline = Date.now() + timeoutMs;
      try {
        return await attempt(method, request, metadata, deadline, signal);
      } catch (failure) {
        if (!(failure instanceof ShortlistError && failure.isUnreachable)) throw failure;
        // A worker that ends may take new connections with it. The rest of the time is for another one.
        metadata.setOptions({ waitForReady: true });
        return await attempt(method, request, metadata, deadline, signal).catch((again: unknown) => {
          throw again instanceof DeadlineError ? failure : again;
        });
      }
    };
  }

  #metadata(traceparent = this.#options.traceparent?.()): Metadata {
    const metadata = new Metadata();
    if (this.#options.token) metadata.set("authorization", `Bearer ${this.#options.token}`);
    if (traceparent) metadata.set("traceparent", traceparent);
    return metadata;
  }
}

function attempt<Request, Response>(
  method: Method<Request, Response>,
  request: Request,
  metadata: Metadata,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const call = method(request, metadata, { deadline }, (error, response) => {
      signal?.removeEventListener("abort", abort);
      if (signal?.aborted) reject(signal.reason);
      else if (error) reject(errorOf(error));
      else resolve(response);
    });
    const abort = () => call.cancel();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function channelCredentials(address: string, { tls = false, token }: ClientOptions) {
  if (tls) return credentials.createSsl(tls === true ? null : tls.rootCertificates);
  if (token && !/^(127\.0\.0\.1:|localhost:|\[::1\]:|unix:)/.test(address)) {
    throw new TypeError("a token needs TLS, except to the loopback address");
  }
  return credentials.createInsecure();
}

/** Returns the caller's own list as a degraded answer, without what the request excludes. */
function fallbackAnswer(request: api.RecommendRequest, itemIds: readonly string[]): api.RecommendResponse {
  const excluded = new Set(request.excludedItemIds);
  const kept = itemIds.filter((itemId) => !excluded.has(itemId)).slice(0, request.numItems || NUM_ITEMS);
  return api.RecommendResponse.fromPartial({
    items: kept.map((itemId, position) => ({ itemId, position, sources: [api.SourceKind.CALLER] })),
    degraded: true,
    degradedReasons: [api.DegradedReason.DEADLINE],
  });
}
