//! Denies with all that it sees, as JSON, for a message: what rules see can be asserted on.

use hapta_rule::{
    Denial, Document, Hook, Manifest, Request, Response, Rule, SettingsError, Verdict, json,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What to look at: `{"in": "before", "headers": ["user-agent"], "query": ["page"], "stored": true}`.
#[derive(Deserialize)]
struct Probe {
    /// In which call to look and deny; in `before` if nothing is said.
    #[serde(rename = "in", default)]
    moment: Moment,
    /// The headers to ask for.
    #[serde(default)]
    headers: Vec<String>,
    /// The query parameters to ask for.
    #[serde(default)]
    query: Vec<String>,
    /// Whether to ask for the stored record.
    #[serde(default)]
    stored: bool,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Moment {
    #[default]
    Before,
    Reveal,
    After,
}

impl Rule for Probe {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        match self.moment {
            Moment::Before => Manifest::hooks([Hook::Before]),
            Moment::Reveal => Manifest::hooks([Hook::Reveal]).drops(),
            Moment::After => Manifest::hooks([Hook::After]),
        }
    }

    fn before(&self, request: &Request) -> Verdict {
        Err(tell(&self.look(request)))
    }

    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        let mut seen = self.look(request);
        seen["record"] = whole(record);
        Err(tell(&seen))
    }

    fn after(&self, request: &Request, response: &Response) -> Verdict {
        let mut seen = self.look(request);
        seen["response"] = json!({
            "status": response.status(),
            "body": response.body().as_ref().map(whole),
        });
        Err(tell(&seen))
    }
}

impl Probe {
    fn look(&self, request: &Request) -> Value {
        let mut seen = json!({
            "operation": request.operation().as_str(),
            "collection": request.collection(),
            "record_id": request.record_id(),
            "principal": request.principal().as_ref().map(whole),
            "is_superuser": request.is_superuser(),
            "client_ip": request.client_ip(),
            "headers": asked(&self.headers, |name| request.header(name)),
            "query": asked(&self.query, |name| request.query(name)),
            "time": request.time(),
            "batch_index": request.batch_index(),
            "body": request.body().as_ref().map(whole),
            "changes": request.changes(),
            "uploads": uploads(request),
        });
        if self.stored {
            seen["stored"] = match request.stored() {
                Ok(record) => record.as_ref().map_or(Value::Null, whole),
                Err(fault) => json!({ "fault": fault.to_string() }),
            };
        }
        seen
    }
}

fn asked(names: &[String], ask: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
    names
        .iter()
        .map(|name| (name.clone(), ask(name).into()))
        .collect()
}

fn uploads(request: &Request) -> Vec<Value> {
    let told = request.uploads().into_iter().map(|upload| {
        json!({
            "field": upload.field,
            "name": upload.name,
            "size": upload.size,
            "media_type": upload.media_type,
        })
    });
    told.collect()
}

/// The document as it prints itself; a document that is no JSON shows as `null`.
fn whole(document: &Document) -> Value {
    serde_json::from_str(&document.text()).unwrap_or_default()
}

fn tell(seen: &Value) -> Denial {
    Denial::new(418, "probe", seen.to_string())
}

hapta_rule::export!(Probe);
