/** The TypeScript client of Shortlist, a recommendation engine. */
export * from "./client.js";
export * from "./errors.js";
export * from "./events.js";
export * from "./gen/shortlist/v1/event_types.js";
export * from "./gen/shortlist/v1/catalog_service.js";
export * from "./gen/shortlist/v1/event_service.js";
export * from "./gen/shortlist/v1/profile_service.js";
export * from "./gen/shortlist/v1/recommendation_service.js";
export * from "./gen/shortlist/v1/release_service.js";
// Each generated file has these of its own; naming them here settles which is meant.
export { type DeepPartial, type Exact, type MessageFns, protobufFileName, protobufPackage } from "./gen/shortlist/v1/event_service.js";
