/**
 * Asks a running server for recommendations, sends a click and asks again.
 *
 *     npm run example -- 127.0.0.1:50051 12347
 */
import { Client, EventType, EventWriter, InvalidRequestError, PageType, ReasonKind, type RecommendedItem, SourceKind } from "./index.js";

const [address = "127.0.0.1:50051", userId = "12347"] = process.argv.slice(2);

const client = new Client(address, {
  timeoutMs: 1_000, // generous, for a laptop; in production leave the 100 ms
  fallback: () => ["our", "best", "sellers"],
});
const asked = { userId, pageType: PageType.HOME, numItems: 5 };
const answer = await client.recommend(asked);
show(`For ${userId}`, answer.items);

const clicked = answer.items[0]?.itemId ?? "";
const events = new EventWriter(client);
await events.write({ userId, itemId: clicked, eventType: EventType.CLICK, recommendationId: answer.recommendationId });
await events.close();
show(`After a click on ${clicked}`, (await client.recommend(asked)).items);

const similar = await client.recommendSimilar({ itemId: clicked, numItems: 5 });
show(`Like ${clicked}`, similar.items);

try {
  await client.recommend({ numItems: -1 });
} catch (error) {
  if (!(error instanceof InvalidRequestError)) throw error;
  for (const { field, description, reason } of error.violations) {
    console.log(`Refused: ${field} ${description} (${reason})`);
  }
}
client.close();

function show(title: string, items: readonly RecommendedItem[]): void {
  console.log(title);
  for (const { itemId, score, sources, reason } of items) {
    const foundBy = sources.map((source) => SourceKind[source]).join(", ");
    const because = reason && `${ReasonKind[reason.kind]} ${reason.relatedItemId}`;
    console.log(`  ${itemId.padEnd(14)} ${score.toFixed(3)}  found by ${foundBy}, because ${because}`);
  }
}
