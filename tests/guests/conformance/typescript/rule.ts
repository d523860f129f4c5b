// Calls every function of the contract, one a request, and denies with what came of it: ../README.md.

import {
  type Document,
  EditError,
  Fault,
  type Operation,
  type Request,
  SettingsError,
  counters,
  deny,
  parse,
  records,
  rule,
} from "@hapta/rule";

const OWN = '{"null":null,"boolean":true,"number":1.5,"text":"ü","json":{"a":[1,2]}}';

const OPERATIONS: Operation[] = [
  "list",
  "view",
  "create",
  "update",
  "delete",
  "auth-methods",
  "auth-with-password",
  "auth-with-oauth2",
  "request-otp",
  "auth-with-otp",
  "auth-refresh",
  "request-verification",
  "confirm-verification",
  "request-password-reset",
  "confirm-password-reset",
  "request-email-change",
  "confirm-email-change",
  "impersonate",
  "file-token",
  "download",
  "subscribe",
  "event",
];

export default rule({
  settings: { refuse: "" },

  configure({ refuse }) {
    if (refuse === "fail") throw new Error("conformance: failed");
    if (refuse !== "") throw new SettingsError("refuse", refuse);
  },

  manifest: {
    hooks: ["before", "reveal", "after"],
    operations: OPERATIONS,
    collections: ["posts", "users", "members"],
    removes: { posts: ["secret"], "*": ["title"] },
    drops: true,
    denials: ["seen", "shape"],
  },

  before(request) {
    const probe = request.header("x-probe");
    if (probe === null) return;
    const say = request.header("x-say");
    const tell = (...seen: unknown[]): never => deny(418, "seen", seen.map(told).join(" "));
    switch (probe) {
      case "json.parse":
        return tell(parse('{"a":1}').number("/a"), trouble(() => parse("{")));
      case "document.get":
        return tell(kinds(parse(OWN)));
      case "document.keys":
        return tell(`${parse(OWN).keys().sort().join(",")};${parse(OWN).keys("/text").join(",")}`);
      case "document.length":
        return tell(parse(OWN).length(), parse(OWN).length("/json"), parse(OWN).length("/text"));
      case "document.text":
        return tell(parse('{"a":[true,"ü"]}').text());
      case "document.set":
        return tell(edited(), ...refused(request));
      case "document.remove": {
        const document = parse('{"a":1,"b":2}');
        document.remove("/a");
        document.remove("/absent");
        return tell(document.text(), trouble(() => request.principal?.remove("/id")));
      }
      case "types.fail":
        throw new Error("conformance: failed");
      case "request.operation":
        return tell(request.operation);
      case "request.collection":
        return tell(request.collection);
      case "request.record-id":
        return tell(request.recordId);
      case "request.principal":
        return tell(request.principal?.str("/id"));
      case "request.is-superuser":
        return tell(request.isSuperuser);
      case "request.client-ip":
        return tell(request.clientIp);
      case "request.header":
        return tell(request.header("X-SAY"), request.header("authorization"));
      case "request.query":
        return tell(request.query("sort"), request.query("absent"));
      case "request.time":
        return tell(request.time);
      case "request.batch-index":
        return tell(request.batchIndex);
      case "request.body": {
        const body = request.body;
        body?.set("/title", "edited");
        return body === null ? tell(null) : undefined;
      }
      case "request.changes":
        return tell(request.changes().sort().join(","));
      case "request.uploads":
        return tell(...request.uploads().flatMap((one) => [one.field, one.name, one.size, one.mediaType]));
      case "request.stored": {
        const stored = outcome(() => request.stored());
        return tell(typeof stored === "string" ? stored : stored?.str("/title"));
      }
      case "request.narrow": {
        const filter = say === "bad" ? "(" : "a = {:a} || b = {:b} || c = {:c} || d = {:d}";
        const d = say === "much" ? "x".repeat(5000) : "it's";
        const fault = trouble(() => request.narrow(filter, { a: null, b: true, c: 2.5, d }));
        return fault === "done" ? undefined : tell(fault);
      }
      case "request.note":
        return request.note("said", "a word");
      case "records.get":
        return tell(
          records.get("members", "m1")?.str("/user"),
          records.get("members", "absent"),
          records.get("teams", "t1", { as: "gateway" })?.str("/name"),
          trouble(() => records.get("members", "m1", { as: "gateway" })),
        );
      case "records.first": {
        const first = records.first("members", "user = {:user}", { user: "ada" }, { sort: "-team" });
        return tell(first?.str("/id"), trouble(() => records.first("members", "(")));
      }
      case "records.count":
        return tell(records.count("members"), records.count("members", "user = {:user}", { user: "ada" }));
      case "counters.add":
        return tell(counters.add("k", 2, 60), counters.add("k", 3, 60));
      case "log.write":
        console.debug("a debug line");
        console.info("an info line");
        console.warn("a warn line");
        console.error("an error line");
        return;
      case "before":
        return deny(451, "shape", "A message.", {
          title: { code: "one", message: "First." },
          secret: { code: "two", message: "Second." },
        });
    }
  },

  reveal(request, record) {
    if (request.header("x-probe") !== "reveal") return;
    if (record.str("/id") === "dropped") deny(404, "seen", "Dropped.");
    record.remove("/secret");
    record.set("/title", "revealed");
  },

  after(request, response) {
    switch (request.header("x-probe")) {
      case "after":
        return deny(409, "seen", "After.");
      case "request.operation":
        return deny(418, "seen", told(request.operation));
      case "response.status":
        return deny(418, "seen", told(response.status));
      case "response.body":
        if (response.body === null) return deny(418, "seen", "none");
        return response.body.set("/title", "after");
    }
  },
});

function told(of: unknown): string {
  return of === null || of === undefined ? "none" : String(of);
}

function kinds(own: Document): string {
  const one = (pointer: string): string => {
    const value = own.get(pointer);
    if (value === undefined) return "nothing";
    if (value === null) return "null";
    if (typeof value === "object") return `json:${JSON.stringify(value)}`;
    return `${typeof value === "string" ? "text" : typeof value}:${String(value)}`;
  };
  return ["/null", "/boolean", "/number", "/text", "/json", "/absent"].map(one).join(" ");
}

function edited(): string {
  const document = parse('{"list":[]}');
  document.set("/null", null);
  document.set("/boolean", true);
  document.set("/number", 2);
  document.set("/text", "t");
  document.set("/json", { a: [1] });
  document.set("/list/-", 1);
  return ["/null", "/boolean", "/number", "/text", "/json/a/0", "/list/0"].map((at) => String(document.get(at))).join(",");
}

function refused(request: Request): string[] {
  return [
    trouble(() => request.principal?.set("/id", "x")),
    trouble(() => parse("{}").set("/~2", 1)),
    trouble(() => parse("{}").set("/a/b", 1)),
    trouble(() => request.body?.set("/password", "x")),
    trouble(() => parse("{}").set("/a", "x".repeat(5000))),
  ];
}

/** The contract's word for what went wrong; `done` where nothing did. */
function trouble(call: () => unknown): string {
  const result = outcome(call);
  return typeof result === "string" ? result : "done";
}

function outcome<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    if (error instanceof Fault || error instanceof EditError) return error.kind;
    throw error;
  }
}
