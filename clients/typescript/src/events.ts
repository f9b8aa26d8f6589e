import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { status } from "@grpc/grpc-js";

import type { Client } from "./client.js";
import { ShortlistError } from "./errors.js";
import { type DeepPartial, UserEvent } from "./gen/shortlist/v1/event_service.js";

const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 1_000;

/** The codes that would be the same for the same events another time. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
]);

/** The server has not taken events for so long that the buffer is full; the event was not taken. */
export class BufferFullError extends Error {}

/** The writer was closed before the server had all events. */
export class EventsNotWrittenError extends Error {
  /** What is left, to be kept or given up. */
  readonly events: readonly UserEvent[];

  constructor(events: readonly UserEvent[]) {
    super(`${events.length} events were not written`);
    this.events = events;
  }
}

/** How events are batched. */
export interface EventWriterOptions {
  /** Events in one call, up to 1,000; 500. */
  batchMax?: number;
  /** Events that may wait; above it, `write` waits; 10,000. */
  bufferMax?: number;
  /** How long an event may wait for others to share its call; 200. */
  flushIntervalMs?: number;
  /** Deadline of one call; 5,000. */
  timeoutMs?: number;
  /** Told of events that the server refuses for good, such as one without an item. The others are written. */
  onRefused?: (events: readonly UserEvent[], error: ShortlistError) => void;
}

/**
 * Writes events in batches. An event that was taken is sent until the server has it or refuses it for good. Its
 * event id makes that safe: it counts once.
 */
export class EventWriter {
  readonly #client: Client;
  readonly #options: Required<EventWriterOptions>;
  readonly #givenUp = new AbortController();
  #waiting: UserEvent[] = [];
  #sending: UserEvent[] = [];
  #blocked: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  #writtenCount = 0;

  constructor(client: Client, options: EventWriterOptions = {}) {
    this.#client = client;
    this.#options = {
      batchMax: 500,
      bufferMax: 10_000,
      flushIntervalMs: 200,
      timeoutMs: 5_000,
      onRefused: (events, error) => console.error(`the server refuses ${events.length} events: ${error.message}`),
      ...options,
    };
  }

  /** Events that the server has, those that it had already included. */
  get writtenCount(): number {
    return this.#writtenCount;
  }

  /**
   * Takes one event and gives it an id and a time where it has none. While the buffer is full it waits; after
   * `timeoutMs` it rejects with a BufferFullError.
   */
  async write(event: DeepPartial<UserEvent>, { timeoutMs = Infinity } = {}): Promise<void> {
    const kept = UserEvent.fromPartial(event);
    kept.eventId ||= randomUUID();
    kept.eventTime ??= new Date();
    const deadline = Date.now() + timeoutMs;
    while (!this.#closed && this.#sending.length + this.#waiting.length >= this.#options.bufferMax) {
      await this.#room(deadline - Date.now());
    }
    if (this.#closed) throw new TypeError("the event writer is closed");
    this.#waiting.push(kept);
    if (this.#waiting.length >= this.#options.batchMax) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#options.flushIntervalMs);
  }

  /** Writes what is buffered. After `timeoutMs` it rejects with an EventsNotWrittenError, which has what is left. */
  async close({ timeoutMs = 30_000 } = {}): Promise<void> {
    this.#closed = true;
    this.#flush();
    const limit = setTimeout(() => this.#givenUp.abort(), timeoutMs);
    await this.#running;
    clearTimeout(limit);
    this.#wake();
    const left = [...this.#sending, ...this.#waiting];
    if (left.length > 0) throw new EventsNotWrittenError(left);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#sendAll().finally(() => (this.#running = undefined));
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#givenUp.signal.aborted) {
      this.#sending = this.#waiting.splice(0, this.#options.batchMax);
      let pauseMs = PAUSE_MIN_MS;
      while (this.#sending.length > 0 && !this.#givenUp.signal.aborted) {
        const waitMs = await this.#send(pauseMs);
        if (waitMs > 0) {
          await sleep(waitMs, undefined, { signal: this.#givenUp.signal }).catch(() => undefined);
          pauseMs = Math.min(PAUSE_MAX_MS, 2 * pauseMs);
        }
      }
      this.#wake();
    }
  }

  /** Sends the batch once; returns after how many milliseconds to send what is left of it. */
  async #send(pauseMs: number): Promise<number> {
    const { timeoutMs } = this.#options;
    try {
      await this.#client.writeEvents({ events: this.#sending }, { timeoutMs, signal: this.#givenUp.signal });
      this.#writtenCount += this.#sending.length;
      this.#sending = [];
    } catch (error) {
      if (!(error instanceof ShortlistError)) return pauseMs;
      if (!REFUSALS.has(error.code)) return Math.max(pauseMs, error.retryAfterMs ?? 0);
      this.#leaveOut(error);
    }
    return 0;
  }

  /** Leaves out the events that a refusal names, which is all where it names none, and tells of them. */
  #leaveOut(error: ShortlistError): void {
    const indexes = error.violations.flatMap(({ field }) => /events\[(\d+)\]/.exec(field)?.[1] ?? []);
    const named = new Set(indexes.map(Number));
    const isWrong = (_: UserEvent, index: number) => named.size === 0 || named.has(index);
    const refused = this.#sending.filter(isWrong);
    this.#sending = this.#sending.filter((event, index) => !isWrong(event, index));
    try {
      this.#options.onRefused(refused, error);
    } catch (failure) {
      console.error("onRefused failed", failure); // the events that follow must not wait for it
    }
  }

  /** Resolves when events have left the buffer; rejects after so many milliseconds. */
  #room(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const full = new BufferFullError(`${this.#options.bufferMax} events wait to be written`);
      const limit = Number.isFinite(timeoutMs) ? setTimeout(() => reject(full), timeoutMs) : undefined;
      this.#blocked.push(() => {
        clearTimeout(limit);
        resolve();
      });
    });
  }

  #wake(): void {
    const woken = this.#blocked;
    this.#blocked = [];
    for (const wake of woken) wake();
  }
}
