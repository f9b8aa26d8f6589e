import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import { credentials, Metadata } from "@grpc/grpc-js";

import * as shortlist from "../index.js";
import { connect, control, env, failure, noLab, noTls, patient, stored } from "./lab.js";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const client = connect("SHORTLIST_ADDRESS");
const scripted = connect("SHORTLIST_SCRIPTED_ADDRESS");
const hasty = connect("SHORTLIST_SCRIPTED_ADDRESS", {});
const generated = new shortlist.RecommendationServiceClient(env("SHORTLIST_ADDRESS") || "127.0.0.1:1", credentials.createInsecure());
after(() => generated.close());
const lab = { skip: noLab };

test("the service config is the published one", () => {
  assert.equal(readFileSync("service_config.json", "utf8"), readFileSync("../service_config.json", "utf8"));
});

test("each reason is an error of its kind", lab, async () => {
  const kinds: Record<string, typeof shortlist.ShortlistError> = {
    INVALID_ARGUMENT: shortlist.InvalidRequestError,
    NOT_FOUND: shortlist.NotFoundError,
    FAILED_PRECONDITION: shortlist.RefusedError,
    RESOURCE_EXHAUSTED: shortlist.OverloadedError,
    UNAVAILABLE: shortlist.UnavailableError,
    DEADLINE_EXCEEDED: shortlist.DeadlineError,
  };
  const expected = await control<{ reason: string; code: string }[]>("failures");
  assert.ok(expected.length > 20);
  for (const { reason, code } of expected) {
    const error = await failure(scripted.recommend({ userId: `fail:${reason}` }));
    assert.equal(error.reason, reason);
    assert.equal(error.constructor, kinds[code] ?? shortlist.ShortlistError);
    assert.equal(error.violations.length, code === "INVALID_ARGUMENT" ? 1 : 0);
  }
});

test("an error says when to come back, and which log line", lab, async () => {
  assert.equal((await failure(scripted.recommend({ userId: "fail:OVERLOADED" }))).retryAfterMs, 250);
  assert.equal((await failure(scripted.recommend({ userId: "fail:INTERNAL" }))).metadata["log_id"], "log-1");
});

test("the real server names every wrong field", lab, async () => {
  const invalid = await failure(client.recommend({ numItems: -1 }));
  assert.deepEqual(invalid.violations.map(({ field }) => field).sort(), ["num_items", "user_id"]);
  const missing = await failure(client.recommendSimilar({ itemId: "no-such-item" }));
  assert.ok(missing instanceof shortlist.NotFoundError);
  assert.equal(missing.metadata["resource_name"], "no-such-item");
});

test("the deadline is 100 ms unless told otherwise", lab, async () => {
  const longer = await hasty.recommend({ userId: "hello" }, { timeoutMs: 10_000 });
  assert.ok(longer.latencyMs > 1_000);
  let answer: shortlist.RecommendResponse | undefined;
  for (let attempt = 0; attempt < 100 && !answer; attempt++) {
    answer = await hasty.recommend({ userId: "hello" }).catch(() => undefined); // a busy machine may miss it
  }
  assert.ok(answer && answer.latencyMs < 150);
  const late = await failure(hasty.recommend({ userId: "sleep:5" }));
  assert.ok(late instanceof shortlist.DeadlineError);
  assert.equal(late.reason, "DEADLINE");
});

test("the fallback answers when the deadline passes", lab, async () => {
  const falling = connect("SHORTLIST_SCRIPTED_ADDRESS", { fallback: () => ["a", "b", "c", "d"] });
  const answer = await falling.recommend({ userId: "sleep:5", numItems: 2, excludedItemIds: ["b"] });
  assert.deepEqual(answer.items.map(({ itemId }) => itemId), ["a", "c"]);
  assert.deepEqual(answer.degradedReasons, [shortlist.DegradedReason.DEADLINE]);
  assert.ok(answer.degraded);
});

test("a cancelled call ends", lab, async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const call = scripted.recommend({ userId: "sleep:8" }, { signal: controller.signal });
  assert.equal((await failure(call)).name, "AbortError");
});

test("UNAVAILABLE is tried three times", lab, async () => {
  // Under another name: grpc-js throttles retries by target, and other tests have used them up for this one.
  const fresh = new shortlist.Client(env("SHORTLIST_SCRIPTED_ADDRESS").replace("127.0.0.1", "localhost"), patient);
  after(() => fresh.close());
  await fresh.recommend({ userId: `flaky:2:${randomUUID()}` });
  const error = await failure(fresh.recommend({ userId: `flaky:3:${randomUUID()}` }));
  assert.ok(error instanceof shortlist.UnavailableError);
});

test("traceparent and token reach the server", lab, async () => {
  const traced = connect("SHORTLIST_SCRIPTED_ADDRESS", { ...patient, token: "secret", traceparent: () => TRACEPARENT });
  const answer = await traced.recommend({ userId: "hello" });
  assert.deepEqual([answer.recommendationId, answer.scenario], [TRACEPARENT, "Bearer secret"]);
  const other = await traced.recommend({ userId: "hello" }, { traceparent: TRACEPARENT.replace(/1$/, "0") });
  assert.equal(other.recommendationId.at(-1), "0");
});

test("TLS verifies the server", { skip: noTls }, async () => {
  const rootCertificates = readFileSync(env("SHORTLIST_TLS_ROOTS"));
  const trusting = connect("SHORTLIST_TLS_ADDRESS", { ...patient, token: "secret", tls: { rootCertificates } });
  assert.equal((await trusting.recommend({ userId: "hello" })).scenario, "Bearer secret");
  const doubting = connect("SHORTLIST_TLS_ADDRESS", { timeoutMs: 2_000, tls: true });
  assert.ok((await failure(doubting.recommend({ userId: "hello" }))) instanceof shortlist.UnavailableError);
});

test("a token is not sent in plain text", () => {
  assert.throws(() => new shortlist.Client("shop.example:50051", { token: "secret" }), TypeError);
});

test("newer and older answers are read", lab, async () => {
  const newer = await scripted.recommend({ userId: "message:newer" });
  assert.deepEqual(newer.items.map(({ sources }) => sources[0]), [shortlist.SourceKind.FRESH, 99]);
  assert.ok(Buffer.from(shortlist.RecommendResponse.encode(newer).finish()).includes("new"), "the unknown field survives");
  const older = await scripted.recommend({ userId: "message:older" });
  assert.deepEqual([older.items.length, older.servedBy], [1, shortlist.ServedBy.UNSPECIFIED]);
});

test("a newer request is answered", lab, async () => {
  const newer = shortlist.RecommendRequest.decode(
    Buffer.concat([
      shortlist.RecommendRequest.encode(shortlist.RecommendRequest.fromPartial({ userId: "user-1", numItems: 3 })).finish(),
      Buffer.from("c23e036e6577", "hex"),
    ]),
  );
  assert.ok(Object.keys(newer._unknownFields ?? {}).length > 0);
  const answer = await new Promise<shortlist.RecommendResponse>((resolve, reject) => {
    generated.recommend(newer, (error, response) => (error ? reject(error) : resolve(response)));
  });
  assert.equal(answer.items.length, 3);
});

test("the trace is continued by the server", lab, async () => {
  const metadata = new Metadata();
  metadata.set("traceparent", TRACEPARENT);
  const request = shortlist.RecommendRequest.fromPartial({ userId: "user-1" });
  const trailers = await new Promise<Metadata>((resolve, reject) => {
    generated.recommend(request, metadata, (error) => error && reject(error)).on("status", (status) => resolve(status.metadata));
  });
  const [traceId] = trailers.get("trace_id");
  assert.equal(traceId, TRACEPARENT.split("-")[1]);
});

test("the writer writes what is buffered on close", lab, async () => {
  const prefix = randomUUID();
  const writer = new shortlist.EventWriter(client);
  for (let number = 0; number < 1_234; number++) await writer.write(event(`${prefix}-${number}`));
  await writer.write(event(""));
  await writer.close();
  assert.equal(writer.writtenCount, 1_235);
  assert.deepEqual(await stored(prefix), { events: 1_234, ids: 1_234 });
  await assert.rejects(writer.write(event("")), TypeError);
});

test("the writer leaves out what the server refuses, and says so", lab, async () => {
  const prefix = randomUUID();
  const refused: string[] = [];
  const writer = new shortlist.EventWriter(client, {
    onRefused: (events, error) => refused.push(...events.map(({ eventId }) => `${eventId.slice(prefix.length)} ${error.reason}`)),
  });
  for (let number = 0; number < 100; number++) {
    await writer.write({ ...event(`${prefix}-${number}`), itemId: number % 50 === 7 ? "" : "item-0001" });
  }
  await writer.close();
  assert.deepEqual(refused, ["-7 FIELD_MISSING", "-57 FIELD_MISSING"]);
  assert.equal((await stored(prefix)).ids, 98);
});

test("the writer is bounded, and gives back what it could not write", async () => {
  const nobody = new shortlist.Client("127.0.0.1:1");
  const writer = new shortlist.EventWriter(nobody, { bufferMax: 10, flushIntervalMs: 1 });
  for (let number = 0; number < 10; number++) await writer.write(event(`e-${number}`));
  await assert.rejects(writer.write(event("e-10"), { timeoutMs: 50 }), shortlist.BufferFullError);
  await assert.rejects(writer.close({ timeoutMs: 50 }), (error: unknown) => {
    assert.ok(error instanceof shortlist.EventsNotWrittenError);
    assert.deepEqual(error.events.map(({ eventId }) => eventId), Array.from({ length: 10 }, (_, number) => `e-${number}`));
    return true;
  });
  nobody.close();
});

function event(eventId: string) {
  return { eventId, userId: "writer", itemId: "item-0001", eventType: shortlist.EventType.VIEW };
}
