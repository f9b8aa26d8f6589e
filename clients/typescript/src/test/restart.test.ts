import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { EventType, EventWriter } from "../index.js";
import { connect, control, noLab, notAll, stored } from "./lab.js";

const EVENTS = 100_000;
const skip = noLab || notAll;

test("no call fails while a worker is killed and all are replaced", { skip }, async () => {
  let answered = 0;
  let stopped = false;
  const load = Array.from({ length: 4 }, () => connect("SHORTLIST_ADDRESS")).map(async (client) => {
    for (; !stopped; answered++) await client.recommend({ userId: "load", numItems: 5 });
  });
  await control("kill-worker");
  await control("restart");
  stopped = true;
  await Promise.all(load);
  assert.ok(answered > 100);
});

test("events are neither lost nor doubled by a restart", { skip }, async () => {
  const prefix = randomUUID();
  const client = connect("SHORTLIST_ADDRESS", {});
  const writer = new EventWriter(client);
  const restarts: Promise<unknown>[] = [];
  for (let number = 0; number < EVENTS; number++) {
    if (number === EVENTS / 4) restarts.push(control("kill-worker"));
    if (number === EVENTS / 2) restarts.push(control("restart"));
    await writer.write({
      eventId: `${prefix}-${number}`,
      userId: `writer-${number % 1_000}`,
      itemId: "item-0001",
      eventType: EventType.VIEW,
    });
  }
  await writer.close({ timeoutMs: 300_000 });
  await Promise.all(restarts);
  assert.deepEqual(await stored(prefix), { events: EVENTS, ids: EVENTS });
});
