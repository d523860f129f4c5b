//! Calls every function of the contract, one a request, and denies with what came of it: ../README.md.

use std::time::Duration;

use hapta_rule::{
    Denial, Document, EditError, Fault, Hook, Level, Manifest, Operation, Request, Response, Rule,
    SettingsError, Value, Verdict,
};
use serde::Deserialize;

hapta_rule::export!(Conformance);

const OWN: &str = r#"{"null":null,"boolean":true,"number":1.5,"text":"ü","json":{"a":[1,2]}}"#;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    refuse: String,
}

struct Conformance;

impl Rule for Conformance {
    type Settings = Settings;

    #[expect(clippy::panic, reason = "what becomes of a panic is looked at")]
    fn configure(settings: Settings) -> Result<Self, SettingsError> {
        match settings.refuse.as_str() {
            "" => Ok(Self),
            "fail" => panic!("conformance: failed"),
            wrong => Err(SettingsError::at("refuse", wrong)),
        }
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before, Hook::Reveal, Hook::After])
            .operations(Operation::ALL.iter().copied())
            .collections(["posts", "users", "members"])
            .removes("posts", "secret")
            .removes_anywhere("title")
            .drops()
            .denials(["seen", "shape"])
    }

    fn before(&self, request: &Request) -> Verdict {
        let Some(probe) = request.header("x-probe") else {
            return Ok(());
        };
        match probe.split_once('.') {
            Some(("json" | "document", what)) => document(what, request),
            Some(("request", what)) => about(what, request),
            Some(("records" | "counters" | "log", _)) => power(&probe, request),
            Some(("types", "fail")) => {
                #[expect(clippy::panic, reason = "what becomes of a panic is looked at")]
                {
                    panic!("conformance: failed")
                }
            }
            None if probe == "before" => Err(Denial::new(451, "shape", "A message.")
                .field("title", "one", "First.")
                .field("secret", "two", "Second.")),
            _ => Ok(()),
        }
    }

    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        if request.header("x-probe").as_deref() != Some("reveal") {
            return Ok(());
        }
        if record.str("/id").as_deref() == Some("dropped") {
            return Err(Denial::not_found("seen", "Dropped."));
        }
        record.remove("/secret")?;
        record.set("/title", "revealed")?;
        Ok(())
    }

    fn after(&self, request: &Request, response: &Response) -> Verdict {
        match request.header("x-probe").as_deref() {
            Some("after") => Err(Denial::new(409, "seen", "After.")),
            Some("request.operation") => tell(&[request.operation().to_string()]),
            Some("response.status") => tell(&[response.status().to_string()]),
            Some("response.body") => match response.body() {
                Some(body) => Ok(body.set("/title", "after")?),
                None => tell(&[told(None)]),
            },
            _ => Ok(()),
        }
    }
}

fn document(what: &str, request: &Request) -> Verdict {
    let own = Document::parse(OWN)?;
    match what {
        "parse" => {
            let number = Document::parse(r#"{"a":1}"#)?.number("/a");
            let number = number.map(|number| number.to_string());
            tell(&[told(number), edit(Document::parse("{").map(drop))])
        }
        "get" => tell(&[kinds(&own)]),
        "keys" => {
            let mut keys = own.keys("");
            keys.sort();
            tell(&[format!(
                "{};{}",
                keys.join(","),
                own.keys("/text").join(",")
            )])
        }
        "length" => {
            let length = |at| told(own.length(at).map(|length| length.to_string()));
            tell(&[length(""), length("/json"), length("/text")])
        }
        "text" => tell(&[Document::parse(r#"{"a":[true,"ü"]}"#)?.text()]),
        "set" => tell(&edits(request)?),
        "remove" => {
            let document = Document::parse(r#"{"a":1,"b":2}"#)?;
            document.remove("/a")?;
            document.remove("/absent")?;
            let principal = request.principal().map(|one| edit(one.remove("/id")));
            tell(&[document.text(), told(principal)])
        }
        _ => Ok(()),
    }
}

fn kinds(own: &Document) -> String {
    let places = ["/null", "/boolean", "/number", "/text", "/json", "/absent"];
    let kinds = places.map(|at| match own.get(at) {
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(value)) => format!("boolean:{value}"),
        Some(Value::Number(number)) => format!("number:{number}"),
        Some(Value::Text(text)) => format!("text:{text}"),
        Some(Value::Json(text)) => format!("json:{text}"),
        None => "nothing".to_owned(),
    });
    kinds.join(" ")
}

fn edits(request: &Request) -> Result<Vec<String>, Denial> {
    let document = Document::parse(r#"{"list":[]}"#)?;
    document.set("/null", Value::Null)?;
    document.set("/boolean", true)?;
    document.set("/number", 2)?;
    document.set("/text", "t")?;
    document.set("/json", Value::Json(r#"{"a":[1]}"#.to_owned()))?;
    document.set("/list/-", 1)?;
    let places = [
        "/null",
        "/boolean",
        "/number",
        "/text",
        "/json/a/0",
        "/list/0",
    ];
    let values = places.map(|at| match document.get(at) {
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Text(text) | Value::Json(text)) => text,
        None => "nothing".to_owned(),
    });
    let principal = request.principal().map(|one| edit(one.set("/id", "x")));
    let body = request.body().map(|body| edit(body.set("/password", "x")));
    let empty = Document::parse("{}")?;
    Ok(vec![
        values.join(","),
        told(principal),
        edit(empty.set("/~2", 1)),
        edit(empty.set("/a/b", 1)),
        told(body),
        edit(empty.set("/a", "x".repeat(5000))),
    ])
}

fn about(what: &str, request: &Request) -> Verdict {
    match what {
        "operation" => tell(&[request.operation().to_string()]),
        "collection" => tell(&[request.collection()]),
        "record-id" => tell(&[told(request.record_id())]),
        "principal" => tell(&[told(request.principal().and_then(|one| one.str("/id")))]),
        "is-superuser" => tell(&[request.is_superuser().to_string()]),
        "client-ip" => tell(&[request.client_ip()]),
        "header" => tell(&[
            told(request.header("X-SAY")),
            told(request.header("authorization")),
        ]),
        "query" => tell(&[told(request.query("sort")), told(request.query("absent"))]),
        "time" => tell(&[request.time().to_string()]),
        "batch-index" => tell(&[told(request.batch_index().map(|index| index.to_string()))]),
        "body" => match request.body() {
            Some(body) => Ok(body.set("/title", "edited")?),
            None => tell(&[told(None)]),
        },
        "changes" => {
            let mut changes = request.changes();
            changes.sort();
            tell(&[changes.join(",")])
        }
        "uploads" => {
            let uploads = request.uploads();
            let words = uploads
                .into_iter()
                .flat_map(|one| [one.field, one.name, one.size.to_string(), one.media_type]);
            tell(&words.collect::<Vec<_>>())
        }
        "stored" => match request.stored() {
            Ok(stored) => tell(&[told(stored.and_then(|record| record.str("/title")))]),
            Err(fault) => tell(&[word(&fault)]),
        },
        "narrow" => narrow(request),
        "note" => {
            request.note("said", "a word");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn narrow(request: &Request) -> Verdict {
    let say = request.header("x-say");
    let filter = match say.as_deref() {
        Some("bad") => "(",
        _ => "a = {:a} || b = {:b} || c = {:c} || d = {:d}",
    };
    let text = match say.as_deref() {
        Some("much") => "x".repeat(5000),
        _ => "it's".to_owned(),
    };
    let values = [
        ("a", Value::Null),
        ("b", Value::Bool(true)),
        ("c", Value::Number(2.5)),
        ("d", Value::Text(text)),
    ];
    match request.narrow(filter, values) {
        Ok(()) => Ok(()),
        Err(fault) => tell(&[word(&fault)]),
    }
}

fn power(probe: &str, request: &Request) -> Verdict {
    let (records, gateway) = (request.records(), request.records_as_gateway());
    let none: [(&str, Value); 0] = [];
    let fault = |asked: Result<_, Fault>| {
        asked
            .map(drop)
            .err()
            .map_or("done".to_owned(), |fault| word(&fault))
    };
    let text = |record: Option<Document>, at| told(record.and_then(|record| record.str(at)));
    match probe {
        "records.get" => tell(&[
            text(records.get("members", "m1")?, "/user"),
            text(records.get("members", "absent")?, "/user"),
            text(gateway.get("teams", "t1")?, "/name"),
            fault(gateway.get("members", "m1")),
        ]),
        "records.first" => {
            let mine = [("user", "ada")];
            let first = records.first_by("-team", "members", "user = {:user}", mine)?;
            tell(&[
                text(first, "/id"),
                fault(records.first("members", "(", none)),
            ])
        }
        "records.count" => tell(&[
            records.count("members", "", none)?.to_string(),
            records
                .count("members", "user = {:user}", [("user", "ada")])?
                .to_string(),
        ]),
        "counters.add" => {
            let minute = Duration::from_secs(60);
            let (first, second) = (request.add("k", 2, minute)?, request.add("k", 3, minute)?);
            tell(&[first.to_string(), second.to_string()])
        }
        "log.write" => {
            request.log(Level::Debug, "a debug line");
            request.log(Level::Info, "an info line");
            request.log(Level::Warn, "a warn line");
            request.log(Level::Error, "an error line");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn tell(seen: &[String]) -> Verdict {
    Err(Denial::new(418, "seen", seen.join(" ")))
}

fn told(of: Option<String>) -> String {
    of.unwrap_or_else(|| "none".to_owned())
}

/// The contract's word for it.
fn word(fault: &Fault) -> String {
    let word = match fault {
        Fault::Upstream => "upstream",
        Fault::NotHere => "not-here",
        Fault::BadFilter(_) => "bad-filter",
        Fault::Exhausted => "exhausted",
        Fault::NotGranted(_) => "not-granted",
    };
    word.to_owned()
}

/// The contract's word for what went wrong; `done` where nothing did.
fn edit(edited: Result<(), EditError>) -> String {
    let word = match edited {
        Ok(()) => "done",
        Err(EditError::ReadOnly) => "read-only",
        Err(EditError::BadPointer) => "bad-pointer",
        Err(EditError::NoSuchPlace) => "no-such-place",
        Err(EditError::BadJson) => "bad-json",
        Err(EditError::Masked) => "masked",
        Err(EditError::TooLarge) => "too-large",
    };
    word.to_owned()
}
