// What a Hapta rule is written with, in JavaScript. The types and what is said of them: index.d.ts.
//
// The contract's own functions are modules of the component that the rule becomes: `hapta:rule/json`
// and the others stand in no file, and a bundler has to leave them alone.

import * as json from "hapta:rule/json@0.1.0";
import * as types from "hapta:rule/types@0.1.0";

// The powers are there in the world `powered-rule`, and in `rule` are not.
const [recordsOf, countersOf, logOf] = await Promise.all([
  import("hapta:rule/records@0.1.0").catch(() => null),
  import("hapta:rule/counters@0.1.0").catch(() => null),
  import("hapta:rule/log@0.1.0").catch(() => null),
]);

// --- What a rule's author calls ---

/** What a rule is, as its file exports it. */
export function rule(definition) {
  only("rule({…})", definition, ["settings", "configure", "manifest", ...HOOKS]);
  for (const name of ["configure", ...HOOKS]) {
    if (definition[name] !== undefined && typeof definition[name] !== "function") {
      throw new TypeError(`rule({ ${name} }) is not a function`);
    }
  }
  if (!HOOKS.some((hook) => definition[hook])) {
    throw new TypeError("rule({…}) has none of before, reveal and after: it would never be called");
  }
  return Object.freeze({ ...definition });
}

/** Refuses what is judged. */
export function deny(status, code, message, fields) {
  denied = new Denial(status, code, message, fields);
  throw denied;
}

export class Denial extends Error {
  constructor(status, code, message, fields = {}) {
    super(text("the message of a denial", message));
    this.name = "Denial";
    if (!Number.isInteger(status) || status < 400 || status > 499) {
      throw new RangeError(`a denial's status is from 400 to 499, not ${show(status)}`);
    }
    this.status = status;
    this.code = text("the code of a denial", code);
    this.fields = Object.entries(fields).map(([field, wrong]) =>
      typeof wrong === "string"
        ? { field, code, message: wrong }
        : { field, code: text(`the code of ${field}`, wrong?.code), message: text(`the message of ${field}`, wrong?.message) },
    );
  }
}

export class SettingsError extends Error {
  constructor(key, wrong) {
    super(`setting \`${key}\`: ${wrong}`);
    this.name = "SettingsError";
  }
}

export class Fault extends Error {
  constructor(kind, why) {
    super(why == null ? FAULTS[kind] : `${FAULTS[kind]}: ${why}`);
    this.name = "Fault";
    this.kind = kind;
  }
}

export class EditError extends Error {
  constructor(kind, pointer) {
    super(pointer === undefined ? EDITS[kind] : `${EDITS[kind]}: ${show(pointer)}`);
    this.name = "EditError";
    this.kind = kind;
  }
}

/** A document of the rule's own. */
export function parse(source) {
  return new Document(edited(undefined, () => json.parse(text("what is parsed", source))));
}

export const records = Object.freeze({
  get: (collection, id, options) =>
    found(asked(() => power("records", recordsOf).get(collection, id, standing(options)))),
  first: (collection, filter, parameters, options) => {
    const reader = power("records", recordsOf);
    const { sort = "" } = options ?? {};
    return found(asked(() => reader.first(collection, filter, bound(parameters), sort, standing(options))));
  },
  count: (collection, filter = "", parameters = {}, options = {}) => {
    const reader = power("records", recordsOf);
    return asked(() => reader.count(collection, filter, bound(parameters), standing(options)));
  },
});

export const counters = Object.freeze({
  add: (key, amount, seconds) => {
    for (const [what, number] of [["amount", amount], ["seconds", seconds]]) {
      if (!Number.isSafeInteger(number)) throw new TypeError(`counters.add: ${what} is ${show(number)}, not a whole number`);
    }
    return asked(() => power("counters", countersOf).add(key, amount, seconds));
  },
});

// --- What a rule is given ---

export class Document {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  get(pointer) {
    const value = this.#handle.get(place(pointer));
    if (value == null) return undefined;
    switch (value.tag) {
      case "null":
        return null;
      case "json":
        return JSON.parse(value.val);
      default:
        return value.val;
    }
  }

  has(pointer) {
    return this.#handle.get(place(pointer)) != null;
  }

  str(pointer) {
    return this.#as("text", pointer);
  }

  number(pointer) {
    return this.#as("number", pointer);
  }

  bool(pointer) {
    return this.#as("boolean", pointer);
  }

  json(pointer) {
    const printed = this.#as("json", pointer);
    return printed === undefined ? undefined : JSON.parse(printed);
  }

  keys(pointer = "") {
    return this.#handle.keys(place(pointer));
  }

  length(pointer = "") {
    return this.#handle.length(place(pointer)) ?? undefined;
  }

  text() {
    return this.#handle.text();
  }

  toJSON() {
    return JSON.parse(this.text());
  }

  set(pointer, to) {
    edited(pointer, () => this.#handle.set(place(pointer), value(to)));
  }

  remove(pointer) {
    edited(pointer, () => this.#handle.remove(place(pointer)));
  }

  #as(tag, pointer) {
    const value = this.#handle.get(place(pointer));
    return value != null && value.tag === tag ? value.val : undefined;
  }
}

export class Request {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  get operation() {
    return this.#handle.operation();
  }

  get collection() {
    return this.#handle.collection();
  }

  get recordId() {
    return this.#handle.recordId() ?? null;
  }

  get principal() {
    return found(this.#handle.principal());
  }

  get principalId() {
    return this.principal?.str("/id") ?? null;
  }

  get isSuperuser() {
    return this.#handle.isSuperuser();
  }

  get clientIp() {
    return this.#handle.clientIp();
  }

  get time() {
    return this.#handle.time();
  }

  get batchIndex() {
    return this.#handle.batchIndex() ?? null;
  }

  get body() {
    return found(this.#handle.body());
  }

  header(name) {
    return this.#handle.header(text("the name of a header", name)) ?? null;
  }

  query(name) {
    return this.#handle.query(text("the name of a query parameter", name)) ?? null;
  }

  changes() {
    return this.#handle.changes();
  }

  uploads() {
    return this.#handle.uploads();
  }

  stored() {
    return found(asked(() => this.#handle.stored()));
  }

  narrow(filter, parameters = {}) {
    asked(() => this.#handle.narrow(text("a filter", filter), bound(parameters)));
  }

  note(key, value) {
    this.#handle.note(text("the key of a note", key), typeof value === "string" ? value : show(value));
  }
}

export class Response {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  get status() {
    return this.#handle.status();
  }

  get body() {
    return found(this.#handle.body());
  }
}

// --- From a rule to what the component exports ---

const HOOKS = ["before", "reveal", "after"];

const MANIFEST = ["hooks", "operations", "collections", "removes", "drops", "denials"];

const FAULTS = {
  upstream: "PocketBase did not answer",
  "not-here": "the operation has no such thing",
  "bad-filter": "bad filter",
  exhausted: "the rule's bound is used up",
  "not-granted": "not granted",
};

const EDITS = {
  "read-only": "this document can only be read",
  "bad-pointer": "not a JSON pointer",
  "no-such-place": "there is no such place",
  "bad-json": "not one JSON value",
  masked: "passwords and tokens can't be touched",
  "too-large": "the edit is too large",
};

/** The functions that the component exports, of a rule. What calls it is written by `hapta build`. */
export function component(own) {
  let settings;
  const judge = (hook, request, given) =>
    judged(hook, request, () => own[hook](...given, settings));
  return {
    configure: (said) =>
      guarded("configure", () => {
        settings = settingsOf(own.settings ?? {}, JSON.parse(said));
        nothing("configure", own.configure?.(settings), "SettingsError");
        const manifest = typeof own.manifest === "function" ? own.manifest(settings) : own.manifest;
        return manifestOf(own, manifest ?? {});
      }),
    before: (request) => judge("before", request, [new Request(request)]),
    reveal: (request, record) => judge("reveal", request, [new Request(request), new Document(record)]),
    after: (request, response) => judge("after", request, [new Request(request), new Response(response)]),
  };
}

// What is judged now; none while the rule is configured.
let current = null;

// What deny(…) threw in this call; none until it does.
let denied = null;

function judged(hook, request, call) {
  current = request;
  denied = null;
  try {
    flush();
    guarded(hook, () => {
      nothing(hook, call(), "deny(…)");
      if (denied === null) return;
      throw new TypeError(
        `deny(…) was called in ${hook} with the code ${denied.code} and did not end it: it was caught, or is in a promise, which nobody waits for`,
      );
    });
  } finally {
    current = null;
  }
}

// Nothing is returned by what passes.
function nothing(name, returned, refusal) {
  if (returned === undefined) return;
  const is = typeof returned?.then === "function" ? "a promise: a rule can't wait" : show(returned);
  throw new TypeError(`${name} returned ${is}; it throws ${refusal} to refuse, and returns nothing to let pass`);
}

// A denial and a refusal of the settings are answers, what PocketBase could not do is a denial; the rest
// is a fault, which ends here.
function guarded(where, call) {
  try {
    return call();
  } catch (error) {
    if (where === "configure") {
      if (error instanceof SettingsError) throw error.message;
    } else {
      const denial = error instanceof Fault ? ofFault(error) : error;
      if (denial instanceof Denial) throw answer(denial);
    }
    types.fail(`${where}: ${described(error)}`);
    throw error;
  }
}

function ofFault(fault) {
  switch (fault.kind) {
    case "upstream":
      return new Denial(424, "upstream_unavailable", "The request could not be judged now.");
    case "exhausted":
      return new Denial(403, "rule_fault", "The request could not be judged.");
    default:
      return fault;
  }
}

function answer({ status, code, message, fields }) {
  return { status, code, message, fields };
}

function described(error) {
  if (!(error instanceof Error)) return `threw ${show(error)}, which is no error`;
  const cause = error.cause === undefined ? "" : `\ncaused by ${described(error.cause)}`;
  return `${error.name}: ${error.message}\n${(error.stack ?? "").trimEnd()}${cause}`;
}

function settingsOf(defaults, said, path = "") {
  const settings = structured(defaults);
  for (const [key, given] of Object.entries(said)) {
    const at = `${path}${key}`;
    if (!Object.hasOwn(defaults, key)) throw new SettingsError(at, "unknown");
    settings[key] = setting(defaults[key], given, at);
  }
  return Object.freeze(settings);
}

function setting(usual, given, at) {
  if (usual === null || usual === undefined) return given;
  const [expected, got] = [kind(usual), kind(given)];
  if (expected !== got) throw new SettingsError(at, `${got} where ${expected} is expected`);
  if (Array.isArray(usual) && usual.length > 0) {
    return given.map((item, index) => setting(usual[0], item, `${at}[${index}]`));
  }
  if (expected === "an object" && Object.keys(usual).length > 0) return settingsOf(usual, given, `${at}.`);
  return given;
}

function structured(of) {
  return JSON.parse(JSON.stringify(of));
}

function kind(of) {
  if (of === null) return "null";
  if (Array.isArray(of)) return "a list";
  if (typeof of === "object") return "an object";
  return `a ${typeof of}`;
}

function manifestOf(own, said) {
  if (typeof said.then === "function") throw new TypeError("the manifest is a promise: a rule can't wait");
  only("the manifest", said, MANIFEST);
  const defined = HOOKS.filter((hook) => own[hook]);
  const hooks = said.hooks ?? defined;
  for (const hook of hooks) {
    if (!defined.includes(hook)) throw new TypeError(`the manifest names the hook ${show(hook)}, which the rule has not`);
  }
  const removes = Object.entries(said.removes ?? {}).flatMap(([collection, fields]) =>
    fields.map((field) => ({ collection: collection === "*" ? null : collection, field })),
  );
  return {
    hooks: Object.fromEntries(HOOKS.map((hook) => [hook, hooks.includes(hook)])),
    operations: [...(said.operations ?? [])],
    collections: [...(said.collections ?? [])],
    removes,
    drops: said.drops ?? false,
    denials: [...(said.denials ?? [])],
  };
}

function only(what, given, known) {
  if (given === null || typeof given !== "object") throw new TypeError(`${what} is ${show(given)}, not an object`);
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new TypeError(`${what} has ${show(unknown)}; it may have ${known.join(", ")}`);
}

// --- To the contract's terms and back ---

function found(handle) {
  return handle == null ? null : new Document(handle);
}

function place(pointer) {
  if (pointer === "" || (typeof pointer === "string" && pointer.startsWith("/"))) return pointer;
  throw new TypeError(`${show(pointer)} is no JSON pointer: a place is written "/author", the whole ""`);
}

function text(what, given) {
  if (typeof given === "string") return given;
  throw new TypeError(`${what} is ${show(given)}, not a string`);
}

function value(of) {
  switch (typeof of) {
    case "boolean":
      return { tag: "boolean", val: of };
    case "string":
      return { tag: "text", val: of };
    case "number":
      if (Number.isFinite(of)) return { tag: "number", val: of };
      break;
    case "object":
      if (of === null) return { tag: "null" };
      if (of instanceof Date) return { tag: "text", val: of.toISOString() };
      return { tag: "json", val: JSON.stringify(of) };
  }
  throw new TypeError(`${show(of)} is no JSON`);
}

function bound(parameters) {
  return Object.entries(parameters ?? {}).map(([name, given]) => [name, value(given)]);
}

function standing(options) {
  const { as = "caller" } = options ?? {};
  if (as !== "caller" && as !== "gateway") throw new TypeError(`as is "caller" or "gateway", not ${show(as)}`);
  return as;
}

function power(name, of) {
  if (of !== null) return of;
  throw new TypeError(
    `the rule has not the power ${name}: it needs world = "powered-rule" in rule.toml, and grants = ["hapta:rule/${name}"] where it is configured`,
  );
}

// What the contract answers with an error is thrown as it is: a variant, or a word.
function asked(call) {
  try {
    return call();
  } catch (thrown) {
    const { tag, val } = variant(thrown);
    throw Object.hasOwn(FAULTS, tag) ? new Fault(tag, val) : thrown;
  }
}

function edited(pointer, call) {
  try {
    return call();
  } catch (thrown) {
    const { tag } = variant(thrown);
    throw Object.hasOwn(EDITS, tag) ? new EditError(tag, pointer) : thrown;
  }
}

function variant(thrown) {
  if (thrown instanceof Error) return "payload" in thrown ? variant(thrown.payload) : { tag: "" };
  return typeof thrown === "object" && thrown !== null ? thrown : { tag: String(thrown) };
}

// A value, as a line of a log tells it.
function show(of) {
  if (of instanceof Error) return described(of);
  if (of instanceof Document) return of.text();
  if (typeof of === "function") return `function ${of.name}`;
  try {
    return JSON.stringify(of) ?? String(of);
  } catch {
    return String(of);
  }
}

// --- What is global ---

// Lines of a call that the gateway takes, as notes or to the log.
const LINES = 16;

// What was said before there was a request to say it about.
const early = [];

function say(level, given) {
  const line = given.map((one) => (typeof one === "string" ? one : show(one))).join(" ");
  if (current === null) {
    if (early.length < LINES) early.push([level, line]);
  } else if (logOf !== null) {
    logOf.write(level, line);
  } else {
    current.note(level === "info" ? "log" : `log ${level}`, line);
  }
}

function flush() {
  for (const [level, line] of early.splice(0)) say(level, [line]);
}

globalThis.console = Object.freeze({
  debug: (...given) => say("debug", given),
  log: (...given) => say("info", given),
  info: (...given) => say("info", given),
  warn: (...given) => say("warn", given),
  error: (...given) => say("error", given),
});

const Clock = globalThis.Date;

function now() {
  if (current === null) {
    throw new Error(
      "there is no clock while a rule is loaded and configured: every call would start from that time; ask in before, reveal or after",
    );
  }
  return current.time();
}

// The only clock is the time of the request.
function RequestDate(...given) {
  if (new.target === undefined) return new Clock(now()).toString();
  return Reflect.construct(Clock, given.length === 0 ? [now()] : given, new.target);
}
RequestDate.prototype = Clock.prototype;
RequestDate.prototype.constructor = RequestDate;
RequestDate.now = now;
RequestDate.parse = Clock.parse;
RequestDate.UTC = Clock.UTC;
Object.defineProperty(RequestDate, "name", { value: "Date" });
Object.defineProperty(RequestDate, "length", { value: 7 });
globalThis.Date = RequestDate;

Math.random = () => {
  throw new Error(
    "a rule has no randomness: the same request must get the same verdict, and a number drawn at load would be the same in every call",
  );
};
