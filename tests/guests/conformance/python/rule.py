"""Calls every function of the contract, one a request, and denies with what came of it: ../README.md."""

from collections.abc import Callable
from dataclasses import dataclass

from hapta_rule import (
    Deny,
    Document,
    EditError,
    Fault,
    FieldError,
    Level,
    Manifest,
    Operation,
    Request,
    Response,
    Rule,
    SettingsError,
    counters,
    log,
    parse,
    records,
)

OWN = '{"null":null,"boolean":true,"number":1.5,"text":"ü","json":{"a":[1,2]}}'


@dataclass(frozen=True)
class Settings:
    refuse: str = ""


class Conformance(Rule[Settings]):
    settings_type = Settings

    def configure(self) -> None:
        if self.settings.refuse == "fail":
            raise RuntimeError("conformance: failed")
        if self.settings.refuse:
            raise SettingsError("refuse", self.settings.refuse)

    def manifest(self) -> Manifest:
        return Manifest(
            operations=list(Operation),
            collections=["posts", "users", "members"],
            removes={"posts": ["secret"], "*": ["title"]},
            drops=True,
            denials=["seen", "shape"],
        )

    def before(self, request: Request) -> None:
        probe = request.header("x-probe")
        if probe is not None:
            PROBES.get(probe, lambda _: None)(request)

    def reveal(self, request: Request, record: Document) -> None:
        if request.header("x-probe") != "reveal":
            return
        if record.text("/id") == "dropped":
            raise Deny(404, "seen", "Dropped.")
        del record["/secret"]
        record["/title"] = "revealed"

    def after(self, request: Request, response: Response) -> None:
        match request.header("x-probe"):
            case "after":
                raise Deny(409, "seen", "After.")
            case "request.operation":
                tell(request.operation.value)
            case "response.status":
                tell(response.status)
            case "response.body":
                body = response.body
                if body is None:
                    tell(None)
                else:
                    body["/title"] = "after"


def tell(*seen: object) -> None:
    raise Deny(418, "seen", " ".join(told(one) for one in seen))


def told(of: object) -> str:
    if of is None:
        return "none"
    return str(of).lower() if isinstance(of, bool) else f"{of:g}" if isinstance(of, float) else str(of)


def trouble(call: Callable[[], object]) -> str:
    """The contract's word for what went wrong; ``done`` where nothing did."""
    try:
        call()
    except Fault as fault:
        return fault.kind.value
    except EditError as error:
        return error.problem.value
    return "done"


def kinds(own: Document) -> str:
    def one(pointer: str) -> str:
        if pointer not in own:
            return "nothing"
        for kind, value in (
            ("text", own.text(pointer)),
            ("number", own.number(pointer)),
            ("boolean", own.boolean(pointer)),
        ):
            if value is not None:
                return f"{kind}:{told(value)}"
        value = own.json(pointer)
        return "null" if value is None else f"json:{parse_back(value)}"

    return " ".join(one(at) for at in ("/null", "/boolean", "/number", "/text", "/json", "/absent"))


def parse_back(value: object) -> str:
    document = parse("{}")
    document["/value"] = value
    return document.printed()[len('{"value":') : -1]


def edited() -> str:
    document = parse('{"list":[]}')
    document["/null"] = None
    document["/boolean"] = True
    document["/number"] = 2
    document["/text"] = "t"
    document["/json"] = {"a": [1]}
    document["/list/-"] = 1
    values = [document["/null"], document["/boolean"], document["/number"], document["/text"]]
    values += [document["/json/a/0"], document["/list/0"]]
    return ",".join("null" if value is None else told(value) for value in values)


def put(document: Document | None, pointer: str, value: object) -> Callable[[], None]:
    def call() -> None:
        assert document is not None
        document[pointer] = value

    return call


def take(document: Document | None, pointer: str) -> Callable[[], None]:
    def call() -> None:
        assert document is not None
        del document[pointer]

    return call


def probe_set(request: Request) -> None:
    tell(
        edited(),
        trouble(put(request.principal, "/id", "x")),
        trouble(put(parse("{}"), "/~2", 1)),
        trouble(put(parse("{}"), "/a/b", 1)),
        trouble(put(request.body, "/password", "x")),
        trouble(put(parse("{}"), "/a", "x" * 5000)),
    )


def probe_remove(request: Request) -> None:
    document = parse('{"a":1,"b":2}')
    del document["/a"]
    del document["/absent"]
    tell(document.printed(), trouble(take(request.principal, "/id")))


def probe_fail(_: Request) -> None:
    raise RuntimeError("conformance: failed")


def probe_principal(request: Request) -> None:
    tell(request.principal.text("/id") if request.principal else None)


def probe_body(request: Request) -> None:
    if request.body is None:
        tell(None)
    else:
        request.body["/title"] = "edited"


def probe_uploads(request: Request) -> None:
    tell(*[word for one in request.uploads() for word in (one.field, one.name, one.size, one.media_type)])


def probe_stored(request: Request) -> None:
    try:
        stored = request.stored()
    except Fault as fault:
        tell(fault.kind.value)
    else:
        tell(stored.text("/title") if stored else None)


def probe_narrow(request: Request) -> None:
    say = request.header("x-say")
    text = "(" if say == "bad" else "a = {:a} || b = {:b} || c = {:c} || d = {:d}"
    values = {"a": None, "b": True, "c": 2.5, "d": "x" * 5000 if say == "much" else "it's"}
    fault = trouble(lambda: request.narrow(text, values))
    if fault != "done":
        tell(fault)


def probe_get(_: Request) -> None:
    mine, team = records.get("members", "m1"), records.get("teams", "t1", as_gateway=True)
    tell(
        mine.text("/user") if mine else None,
        records.get("members", "absent"),
        team.text("/name") if team else None,
        trouble(lambda: records.get("members", "m1", as_gateway=True)),
    )


def probe_first(_: Request) -> None:
    first = records.first("members", "user = {:user}", {"user": "ada"}, sort="-team")
    tell(first.text("/id") if first else None, trouble(lambda: records.first("members", "(")))


def probe_log(_: Request) -> None:
    for level, article in ((Level.DEBUG, "a"), (Level.INFO, "an"), (Level.WARN, "a"), (Level.ERROR, "an")):
        log(f"{article} {level.value.lower()} line", level)


def probe_before(_: Request) -> None:
    raise Deny(
        451,
        "shape",
        "A message.",
        {"title": FieldError("one", "First."), "secret": FieldError("two", "Second.")},
    )


PROBES: dict[str, Callable[[Request], None]] = {
    "json.parse": lambda _: tell(parse('{"a":1}').number("/a"), trouble(lambda: parse("{"))),
    "document.get": lambda _: tell(kinds(parse(OWN))),
    "document.keys": lambda _: tell(f"{','.join(sorted(parse(OWN).keys()))};{','.join(parse(OWN).keys('/text'))}"),
    "document.length": lambda _: tell(parse(OWN).length(), parse(OWN).length("/json"), parse(OWN).length("/text")),
    "document.text": lambda _: tell(parse('{"a":[true,"ü"]}').printed()),
    "document.set": probe_set,
    "document.remove": probe_remove,
    "types.fail": probe_fail,
    "request.operation": lambda request: tell(request.operation.value),
    "request.collection": lambda request: tell(request.collection),
    "request.record-id": lambda request: tell(request.record_id),
    "request.principal": probe_principal,
    "request.is-superuser": lambda request: tell(request.is_superuser),
    "request.client-ip": lambda request: tell(request.client_ip),
    "request.header": lambda request: tell(request.header("X-SAY"), request.header("authorization")),
    "request.query": lambda request: tell(request.query("sort"), request.query("absent")),
    "request.time": lambda request: tell(int(request.time.timestamp() * 1000)),
    "request.batch-index": lambda request: tell(request.batch_index),
    "request.body": probe_body,
    "request.changes": lambda request: tell(",".join(sorted(request.changes()))),
    "request.uploads": probe_uploads,
    "request.stored": probe_stored,
    "request.narrow": probe_narrow,
    "request.note": lambda request: request.note("said", "a word"),
    "records.get": probe_get,
    "records.first": probe_first,
    "records.count": lambda _: tell(records.count("members"), records.count("members", "user = {:user}", {"user": "ada"})),
    "counters.add": lambda _: tell(counters.add("k", 2, 60), counters.add("k", 3, 60)),
    "log.write": probe_log,
    "before": probe_before,
}
