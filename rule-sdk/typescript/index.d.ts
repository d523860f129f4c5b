/**
 * What a Hapta rule is written with, in TypeScript and JavaScript.
 *
 * ```ts
 * import { deny, rule } from "@hapta/rule";
 *
 * export default rule({
 *   manifest: { operations: ["update", "delete"] },
 *   before(request) {
 *     // Ids are told apart within one collection only.
 *     const who = request.principal;
 *     const me = who?.str("/collectionName") === "users" ? who.str("/id") : undefined;
 *     if (me === undefined || request.stored()?.str("/author") !== me) {
 *       throw deny(403, "not_yours", "It is somebody else's post.");
 *     }
 *   },
 * });
 * ```
 *
 * A hook that returns lets pass, one that throws `deny(…)` refuses. Whatever else is thrown is a
 * fault: it refuses as well, and the operator's log has its stack.
 *
 * @module
 */

/** What is asked of PocketBase, whichever door it came through. */
export type Operation =
  | "list"
  | "view"
  | "create"
  | "update"
  | "delete"
  | "auth-methods"
  | "auth-with-password"
  | "auth-with-oauth2"
  | "request-otp"
  | "auth-with-otp"
  | "auth-refresh"
  | "request-verification"
  | "confirm-verification"
  | "request-password-reset"
  | "confirm-password-reset"
  | "request-email-change"
  | "confirm-email-change"
  | "impersonate"
  | "file-token"
  | "download"
  | "subscribe"
  | "event";

/** A moment in which a rule is called. */
export type Hook = "before" | "reveal" | "after";

/** A value that a filter can be given. */
export type Scalar = null | boolean | number | string;

/** Any JSON, and a date, which is written as PocketBase reads it. */
export type Json = Scalar | Date | readonly Json[] | { readonly [key: string]: Json };

/** What a rule tells of itself. The gateway holds it to that. */
export interface Manifest {
  /** The moments to be called in. Not said: those that the rule has. */
  hooks?: readonly Hook[];
  /** The operations that `before` and `after` judge. Not said: all. */
  operations?: readonly Operation[];
  /** The collections that it is for. Not said: all that it is configured for. */
  collections?: readonly string[];
  /**
   * The fields that `reveal` may take out or change, by collection, `"*"` for any. To touch another is a
   * fault; these can't be filtered or sorted by.
   */
  removes?: Readonly<Record<string, readonly string[]>>;
  /** Whether `reveal` may deny a record in a list or an expand. Lists have no totals then. */
  drops?: boolean;
  /** The codes of its denials: `hapta test` tells which of them no case brings about. */
  denials?: readonly string[];
}

/** What a rule is made of. */
export interface Definition<S extends object> {
  /**
   * The settings as they are where the configuration says nothing. What it says must be of the same
   * kind, and keys that are not here are refused; `null` takes anything.
   */
  settings?: S;
  /**
   * Called at load, with the settings as they are in force: to refuse them by a {@link SettingsError},
   * and to compute what every call needs. There is no clock and no randomness.
   */
  configure?(settings: Readonly<S>): void;
  /** What the rule tells of itself, which may depend on the settings. */
  manifest?: Manifest | ((settings: Readonly<S>) => Manifest);
  /** A request is about to go to PocketBase: refuse it, edit its body, narrow a list. */
  before?(request: Request, settings: Readonly<S>): void;
  /**
   * One record is about to leave, in whichever answer and at whatever depth: refuse it, or take out
   * fields that the manifest names.
   */
  reveal?(request: Request, record: Document, settings: Readonly<S>): void;
  /** The whole answer is about to leave, its records already revealed: refuse it, or edit it. */
  after?(request: Request, response: Response, settings: Readonly<S>): void;
}

/** What {@link rule} makes, and a rule's file exports as its default. */
export interface Rule {
  readonly before?: unknown;
  readonly reveal?: unknown;
  readonly after?: unknown;
}

/** Makes a rule. Once in a file, as its default export. */
export function rule<S extends object = {}>(definition: Definition<S>): Rule;

/** What is wrong with single fields: a sentence, or a code of its own and a sentence. */
export type FieldErrors = Readonly<Record<string, string | { code: string; message: string }>>;

/**
 * Refuses what is judged. It throws, so that a `throw` that was forgotten changes nothing; write it all
 * the same, and TypeScript knows that nothing comes after it.
 *
 * @param status from 400 to 499
 * @param code a word for programs, like `ownership_required`
 * @param message a sentence for people; the client sees it
 * @param fields where single fields are at fault
 */
export function deny(status: number, code: string, message: string, fields?: FieldErrors): never;

/** A refusal, which {@link deny} throws. */
export class Denial extends Error {
  constructor(status: number, code: string, message: string, fields?: FieldErrors);
  /** From 400 to 499. */
  readonly status: number;
  /** A word for programs. */
  readonly code: string;
  /** Where single fields are at fault. */
  readonly fields: readonly { field: string; code: string; message: string }[];
}

/** Thrown in `configure`: settings that the rule can't work with. The operator is shown the text. */
export class SettingsError extends Error {
  constructor(key: string, wrong: string);
}

/**
 * Something that the gateway could not do for a rule. Not caught, `upstream` denies with 424
 * `upstream_unavailable`, `exhausted` with 403 `rule_fault`; the others are the rule's own mistakes, and
 * faults.
 */
export class Fault extends Error {
  private constructor();
  /**
   * - `upstream`: PocketBase did not answer, or not in time
   * - `not-here`: the operation has no such thing; a list has no stored record
   * - `bad-filter`: a filter that doesn't parse, or a parameter without a value
   * - `exhausted`: the rule's bound is used up, or a counter has no room
   * - `not-granted`: what is asked for was not granted
   */
  readonly kind: "upstream" | "not-here" | "bad-filter" | "exhausted" | "not-granted";
}

/** Why a document did not take an edit. It is as it was before. Not caught, it is a fault. */
export class EditError extends Error {
  private constructor();
  /**
   * - `read-only`: the principal, a stored record, a body after `before`
   * - `bad-pointer`: not an RFC 6901 JSON Pointer
   * - `no-such-place`: a parent is missing or is no container
   * - `bad-json`: not one JSON value, or a key twice
   * - `masked`: a password or token
   * - `too-large`: the edit, or all edits of this call together, are over the rule's bound
   */
  readonly kind: "read-only" | "bad-pointer" | "no-such-place" | "bad-json" | "masked" | "too-large";
}

/**
 * A JSON document that the gateway holds: a body, a record, the principal.
 *
 * Places in it are JSON Pointers (RFC 6901): `""` is the whole, `"/author"` a key, `"/tags/0"` an item;
 * `~` and `/` within a key are written `~0` and `~1`. What is no pointer, like `"author"`, throws.
 * Passwords and tokens read as `"[masked]"`. A document is good for the call that got it, and no longer.
 */
export class Document {
  private constructor();
  /** The value at a place; undefined where there is nothing (a JSON `null` is `null`). */
  get(pointer: string): unknown;
  /** Whether there is anything at a place, if only `null`. */
  has(pointer: string): boolean;
  /** The text at a place; undefined where there is anything else. */
  str(pointer: string): string | undefined;
  /** The number at a place; undefined where there is anything else. */
  number(pointer: string): number | undefined;
  /** The truth value at a place; undefined where there is anything else. */
  bool(pointer: string): boolean | undefined;
  /** The object or array at a place, as a copy; undefined where there is anything else. */
  json<T = unknown>(pointer: string): T | undefined;
  /** The keys of the object at a place; empty where there is no object. */
  keys(pointer?: string): string[];
  /** How many items an array, or keys an object, has; undefined for anything else. */
  length(pointer?: string): number | undefined;
  /** The whole document, printed as JSON. */
  text(): string;
  /** The whole document, as a copy. */
  toJSON(): unknown;
  /**
   * Puts a value at a place: replaces it, adds a key to an object, or appends to an array at its length
   * (or at `-`). Throws an {@link EditError}.
   */
  set(pointer: string, to: Json): void;
  /** Takes the value at a place out; what isn't there may be removed. Throws an {@link EditError}. */
  remove(pointer: string): void;
}

/** A document of the rule's own, of a text. It may be edited, and goes nowhere. Throws an {@link EditError}. */
export function parse(text: string): Document;

/** One file of an upload. A rule sees what it is, never its bytes. */
export interface Upload {
  /** The field that it is for. */
  readonly field: string;
  /** The file's name, as the client gave it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Sniffed from the bytes, not the client's word. */
  readonly mediaType: string;
}

/**
 * The request under judgement. Every fact in it is the gateway's own finding; nothing is the client's
 * unverified claim but `header` and `query`.
 */
export class Request {
  private constructor();
  /** What is asked. */
  readonly operation: Operation;
  /** The collection's name as the schema spells it. */
  readonly collection: string;
  /** The id in the path, for operations on one record. */
  readonly recordId: string | null;
  /** Who asks: the auth record that PocketBase vouched for. Null: a guest. */
  readonly principal: Document | null;
  /**
   * The id of who asks; null for a guest. Ids are told apart within one collection only: where several
   * can log in, look at the principal's `/collectionName` as well.
   */
  readonly principalId: string | null;
  /** Whether who asks is a superuser of PocketBase. */
  readonly isSuperuser: boolean;
  /** The address of the client; of an `event` it is `0.0.0.0`. */
  readonly clientIp: string;
  /** When the request came in, in milliseconds since 1970. `Date.now()` is the same. */
  readonly time: number;
  /** The place in a batch, from 0; null outside one. */
  readonly batchIndex: number | null;
  /** The body of a write or login; null if it has none. `before` may edit it. */
  readonly body: Document | null;
  /** A request header by name, in any case. Credentials and cookies are never told. */
  header(name: string): string | null;
  /** A query parameter. */
  query(name: string): string | null;
  /**
   * The fields that this write would change, by their bare names: `votes+` and `votes-` count as
   * `votes`. Guard fields by this, not by the body's keys.
   */
  changes(): string[];
  /** The files that come with a write. */
  uploads(): Upload[];
  /**
   * The record as PocketBase holds it, hidden fields included; null if there is none. Asked for at the
   * first call only. Throws a {@link Fault}.
   */
  stored(): Document | null;
  /**
   * Narrows a list, or a subscription, to the records that match a filter as well as the client's own.
   * Values come in by name and are bound, never pasted: `narrow("author = {:me}", { me })`. Throws a
   * {@link Fault}.
   */
  narrow(filter: string, parameters?: Readonly<Record<string, Scalar>>): void;
  /** A word for the decision log. */
  note(key: string, value: unknown): void;
}

/** The answer on its way out. */
export class Response {
  private constructor();
  /** The HTTP status. */
  readonly status: number;
  /** The JSON of the answer, which may be edited; null where it is a file or has no body. */
  readonly body: Document | null;
}

/** As whom PocketBase is asked: as who asks (`"caller"`), or past PocketBase's rules (`"gateway"`). */
export interface As {
  /** Not said: `"caller"`. */
  as?: "caller" | "gateway";
}

/**
 * Other records. A power: the rule is of the world `powered-rule`, and is granted `hapta:rule/records`.
 * All throw a {@link Fault}.
 */
export const records: {
  /** The record of this id; null if there is none, or none to be seen. */
  get(collection: string, id: string, options?: As): Document | null;
  /** The first record that a filter finds, in an order like `-created,id`. */
  first(
    collection: string,
    filter: string,
    parameters?: Readonly<Record<string, Scalar>>,
    options?: As & { sort?: string },
  ): Document | null;
  /** How many records a filter finds; without one, all. */
  count(
    collection: string,
    filter?: string,
    parameters?: Readonly<Record<string, Scalar>>,
    options?: As,
  ): number;
};

/** Counts that outlive a request. A power: world `powered-rule`, grant `hapta:rule/counters`. */
export const counters: {
  /**
   * Adds to a counter of this rule and tells its total. It is forgotten so many seconds after it began.
   * Throws a {@link Fault}.
   */
  add(key: string, amount: number, seconds: number): number;
};

/** Not for authors: the functions that the component exports, of a rule. */
export function component(rule: Rule): {
  configure(settings: string): unknown;
  before(request: unknown): void;
  reveal(request: unknown, record: unknown): void;
  after(request: unknown, response: unknown): void;
};

declare global {
  /**
   * To the operator's log where the rule has the power `hapta:rule/log`, else to the notes of the
   * request: 16 lines in a call.
   */
  interface Console {
    /** For whoever writes the rule. */
    debug(...said: unknown[]): void;
    /** The same as `info`. */
    log(...said: unknown[]): void;
    /** Worth a line. */
    info(...said: unknown[]): void;
    /** Worth a look. */
    warn(...said: unknown[]): void;
    /** Something is wrong. */
    error(...said: unknown[]): void;
  }
  var console: Console;
}
