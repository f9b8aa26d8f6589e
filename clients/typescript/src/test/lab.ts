import assert from "node:assert/strict";
import { after } from "node:test";

import { Client, type ClientOptions, type ShortlistError } from "../index.js";

/** What tests/support/client_lab.py says in the environment; empty where it does not run. */
export function env(name: string): string {
  return process.env[name] ?? "";
}

/** Why a test is left out, for `node:test`; false where it is not. */
export const noLab = env("SHORTLIST_ADDRESS") === "" && "SHORTLIST_ADDRESS is not set: `make test-clients` starts the servers";
export const notAll = env("SHORTLIST_CLIENT_TESTS") !== "all" && "takes long: `make test-clients` runs it";
export const noTls = env("SHORTLIST_TLS_ADDRESS") === "" && "needs openssl to make a certificate";

/** For tests about answers, on machines that may be busy. */
export const patient: ClientOptions = { timeoutMs: 10_000 };

/** Returns a client that is closed at the end. */
export function connect(variable: string, options: ClientOptions = patient): Client {
  const client = new Client(env(variable) || "127.0.0.1:1", options);
  after(() => client.close());
  return client;
}

export async function control<T>(action: string): Promise<T> {
  const reply = await fetch(`${env("SHORTLIST_CONTROL")}/${action}`);
  const answer = await reply.text();
  assert.equal(reply.status, 200, answer);
  return JSON.parse(answer) as T;
}

/** Returns how many events the server has whose id begins so, and how many different ids they have. */
export function stored(prefix: string): Promise<{ events: number; ids: number }> {
  return control(`events?prefix=${prefix}`);
}

/** Returns the error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<ShortlistError> {
  try {
    await promise;
  } catch (error) {
    return error as ShortlistError;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}
