/** Every RPC, as docs/api.md shows it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { AgeBucket, DeviceType, EventType, PageType, ReasonKind } from "../index.js";
import { connect, env, noLab } from "./lab.js";

const client = connect("SHORTLIST_ADDRESS");
const admin = connect("SHORTLIST_ADMIN_ADDRESS", { timeoutMs: 60_000 });

test("recommendations and events", { skip: noLab }, async () => {
  // snippet: Recommend
  const answer = await client.recommend({
    userId: "user-1",
    pageType: PageType.HOME,
    numItems: 3,
    context: { deviceType: DeviceType.MOBILE },
  });
  const shown = answer.items.map(({ itemId, reason }) => [itemId, reason && ReasonKind[reason.kind]]);
  // end
  assert.equal(shown.length, 3);
  assert.equal(answer.degraded, false);
  // snippet: RecommendSimilar
  const similar = await client.recommendSimilar({ itemId: "item-0001", userId: "user-1", numItems: 3 });
  // end
  assert.equal(similar.items.length, 3);
  // snippet: RankItems
  const ranked = await client.rankItems({ userId: "user-1", itemIds: ["item-0001", "item-0002", "no-such-item"] });
  // end
  assert.deepEqual(ranked.missingItemIds, ["no-such-item"]);
  // snippet: BatchRecommend
  const batch = await client.batchRecommend({
    requests: [
      { userId: "user-1", numItems: 2 },
      { sessionId: "visit-1", pageType: PageType.CART, numItems: 2 },
    ],
  });
  // end
  assert.deepEqual(batch.responses.map((response) => response.items.length), [2, 2]);
  // snippet: WriteImpressions
  const impressions = await client.writeImpressions({
    recommendationId: answer.recommendationId,
    positions: [0, 1, 2],
  });
  // end
  assert.equal(impressions.storedCount, 3);
  // snippet: WriteEvents
  const result = await client.writeEvents({
    events: [
      {
        eventId: randomUUID(), // sent again under the same id, it counts once
        userId: "user-1",
        itemId: "item-0002",
        eventType: EventType.CLICK,
        eventTime: new Date(),
      },
    ],
  });
  // end
  assert.equal(result.storedCount, 1);
});

test("the catalogue", { skip: noLab }, async () => {
  // snippet: UpsertItems
  const change = await client.upsertItems({
    items: [{ itemId: "ts-1", title: "Red lamp", categoryId: "category-01", price: 24.5 }],
  });
  // end
  assert.ok(change.overlaySequence > 0n);
  // snippet: GetItem
  const { item } = await client.getItem({ itemId: "ts-1" });
  const price = item?.price; // undefined where it is unknown
  // end
  assert.equal(price, 24.5);
  // snippet: DeleteItems
  const deleted = await client.deleteItems({ itemIds: ["ts-1", "no-such-item"] });
  // end
  assert.deepEqual(deleted.missingItemIds, ["no-such-item"]);
});

test("profiles", { skip: noLab }, async () => {
  // snippet: UpsertProfile
  await client.upsertProfile({ profile: { userId: "ts-user", ageBucket: AgeBucket.AGE_BUCKET_25_TO_34 } });
  // end
  // snippet: GetProfile
  const { profile } = await client.getProfile({ userId: "ts-user" });
  const knownSince = profile?.createTime; // a Date
  // end
  assert.ok(knownSince instanceof Date);
  // snippet: LinkSession
  const link = await client.linkSession({ sessionId: "ts-visit", userId: "ts-user" });
  // end
  assert.equal(link.movedEventCount, 0);
  // snippet: DeleteUser
  const gone = await client.deleteUser({ userId: "ts-user" });
  // end
  assert.ok(gone.existed);
});

test("releases", { skip: noLab }, async () => {
  // snippet: ListReleases
  const { releases } = await admin.listReleases({});
  // end
  assert.deepEqual(releases.map((release) => release.version).sort(), ["r1", "r2"]);
  // snippet: ActivateRelease
  await admin.activateRelease({ version: "r2" });
  // end
  // snippet: RollBack
  const { workers } = await admin.rollBack({});
  // end
  assert.deepEqual(workers.map((worker) => worker.releaseVersion), ["r1", "r1"]);
  // snippet: GetServingStatus
  const status = await admin.getServingStatus({});
  // end
  assert.equal(status.releaseVersion, "r1");
});

test("the example runs", { skip: noLab }, () => {
  const output = execFileSync(process.execPath, ["dist/example.js", env("SHORTLIST_ADDRESS"), "user-1"], { encoding: "utf8" });
  for (const expected of ["For user-1", "After a click on item-", "Like item-", "Refused: num_items"]) {
    assert.ok(output.includes(expected), output);
  }
});
