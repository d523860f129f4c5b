//! Asks for other records in `before`, and denies with what it is answered, as JSON, for a message.

use hapta_rule::{
    Denial, Document, Fault, Hook, Manifest, Request, Rule, SettingsError, Verdict, json,
};
use serde::Deserialize;
use serde_json::Value;

/// What to ask: `{"collection": "posts", "id": "p1"}`, or a filter, in which `{:me}` is who asks.
#[derive(Deserialize)]
struct Reader {
    collection: String,
    id: Option<String>,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    sort: String,
    /// As the gateway and not as the one who asks.
    #[serde(default)]
    as_gateway: bool,
    /// How often to ask, each time with another filter.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

impl Rule for Reader {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        let answers: Vec<Value> = (0..self.times)
            .map(|time| self.ask(request, time))
            .collect();
        let seen = match answers.as_slice() {
            [one] => one.clone(),
            all => all.into(),
        };
        Err(Denial::new(418, "reader", seen.to_string()))
    }
}

impl Reader {
    fn ask(&self, request: &Request, time: u32) -> Value {
        let records = match self.as_gateway {
            true => request.records_as_gateway(),
            false => request.records(),
        };
        if let Some(id) = &self.id {
            return told(records.get(&self.collection, id));
        }
        let mut parameters = Vec::new();
        if self.filter.contains("{:me}") {
            parameters.push(("me", request.principal_id().unwrap_or_default()));
        }
        let filter = match time {
            0 => self.filter.clone(),
            _ => format!("({}) && id != 'nobody{time}'", self.filter),
        };
        let first = records.first_by(&self.sort, &self.collection, &filter, parameters.clone());
        let count = records.count(&self.collection, &filter, parameters);
        let count = match count {
            Ok(count) => count.into(),
            Err(fault) => json!({ "fault": fault.to_string() }),
        };
        match self.times {
            1 => json!({ "first": told(first), "count": count }),
            // So many have no room in a message.
            _ => count,
        }
    }
}

fn told(found: Result<Option<Document>, Fault>) -> Value {
    match found {
        Ok(found) => found.map_or(Value::Null, |record| {
            serde_json::from_str(&record.text()).unwrap_or_default()
        }),
        Err(fault) => json!({ "fault": fault.to_string() }),
    }
}

hapta_rule::export!(Reader);
