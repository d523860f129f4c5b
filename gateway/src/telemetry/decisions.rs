//! The decision log: one line for each exchange, with what was asked, by whom,
//! what came of it and what it cost.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use time::OffsetDateTime;

use super::mask::Secrets;
use crate::rules::Cost;

/// What came of one exchange. Texts from outside (path, code, cause, notes) are
/// as they were found until [`Decision::mask`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decision {
    /// When the exchange ended: RFC 3339, UTC, milliseconds.
    pub time: String,
    /// The client has it too.
    #[serde(rename = "request.id")]
    pub request_id: String,
    /// Of the trace across services that it is a part of: 32 hexadecimal digits.
    #[serde(rename = "trace.id", skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// HTTP.
    #[serde(rename = "http.method")]
    pub method: String,
    /// Told only where no operation was found in it.
    #[serde(rename = "http.path", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `none` where no operation was recognised.
    pub operation: &'static str,
    /// What the parts of a batch ask for, as `posts:create`, up to the one that ended it.
    #[serde(rename = "operation.parts", skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// As the schema spells it.
    #[serde(
        rename = "operation.collection",
        skip_serializing_if = "Option::is_none"
    )]
    pub collection: Option<String>,
    /// The id of the record that the path names.
    #[serde(rename = "operation.record", skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Files that came with a write.
    #[serde(rename = "upload.files", skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Their bytes, together.
    #[serde(rename = "upload.bytes", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `COLLECTION/ID`, as far as it is told; none for a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The application whose key the request had, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// As far as it is told.
    #[serde(rename = "client.address", skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Of the answer; 499 where the client went away.
    pub status: u16,
    /// What came of it.
    pub verdict: Verdict,
    /// The rule that ended it, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The word that the client was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why; the client was told less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Of the rules that judged it; 0 where it did not get so far.
    pub generation: u64,
    /// What rules noted, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What each rule cost, in the order in which they were first called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleCost>,
    /// From the request's head to its answer's, in microseconds.
    pub duration_us: u64,
}

/// What came of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Gateway and rules let it pass. PocketBase may have refused it by itself: the status tells.
    #[default]
    Allowed,
    /// A rule said no.
    Denied,
    /// The gateway said no, before or beside the rules.
    Refused,
    /// A rule gave no verdict that counts.
    Faulted,
    /// A write was done, and its answer is not shown.
    Withheld,
    /// PocketBase gave no answer that can be used, or the gateway failed or was too late.
    Failed,
    /// The client went away; a write may have been done.
    Gone,
}

/// What a rule noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The rule's word.
    pub key: String,
    /// The rule's word.
    pub value: String,
}

/// What all calls of one rule cost in one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCost {
    /// By name.
    pub rule: String,
    /// Of `before`, `reveal` and `after` together.
    pub calls: u32,
    /// On the clock, nanoseconds.
    pub time_ns: u64,
    /// What it asked the gateway for, so many times.
    pub host_calls: u32,
    /// The most linear memory of any of its instances.
    pub memory_bytes: usize,
}

/// A line that can't be told: a secret is in it.
#[derive(Debug, thiserror::Error)]
#[error("a secret of the request is in the line")]
pub struct Leaks;

/// Characters of a path that are told.
const PATH: usize = 200;

/// Characters of a code, which a rule chooses.
const CODE: usize = 100;

/// Characters of a cause.
const CAUSE: usize = 300;

/// Characters of a note's key, and of its value.
const NOTE: usize = 200;

impl Decision {
    /// Of an exchange that ends now; more is known of it.
    #[must_use]
    pub fn now() -> Self {
        Self {
            time: now(),
            ..Self::default()
        }
    }

    /// Takes the secrets out of everything that comes from outside, and cuts it.
    pub fn mask(&mut self, secrets: &Secrets) {
        let texts = [
            (&mut self.path, PATH),
            (&mut self.code, CODE),
            (&mut self.cause, CAUSE),
        ];
        for (text, most) in texts {
            if let Some(text) = text {
                *text = secrets.mask(text, most);
            }
        }
        for note in &mut self.notes {
            note.key = secrets.mask(&note.key, NOTE);
            note.value = secrets.mask(&note.value, NOTE);
        }
    }

    /// The line, if it has no secret in it when it is looked at as a whole.
    ///
    /// # Errors
    ///
    /// When it has one; then nothing of it may be told.
    pub fn print(&self, secrets: &Secrets) -> Result<Vec<u8>, Leaks> {
        let mut line = line(self);
        if secrets.leak(&line, || self.own_words()) {
            return Err(Leaks);
        }
        line.push('\n');
        Ok(line.into_bytes())
    }

    /// The same line with nothing from outside in it.
    pub(super) fn own_words(&self) -> String {
        let blank = |text: &Option<String>| text.as_ref().map(|_| String::new());
        let mut own = self.clone();
        own.path = blank(&self.path);
        own.code = blank(&self.code);
        own.cause = blank(&self.cause);
        for note in &mut own.notes {
            note.key.clear();
            note.value.clear();
        }
        line(&own)
    }

    /// Tells it through tracing, as one event.
    pub(super) fn trace(&self) {
        let notes = (!self.notes.is_empty()).then(|| {
            let pairs = self.notes.iter().map(|note| (&note.key, &note.value));
            format!("{:?}", pairs.collect::<Vec<_>>())
        });
        let rules = (!self.rules.is_empty()).then(|| line(&self.rules));
        let parts = (!self.parts.is_empty()).then(|| self.parts.join(" "));
        tracing::info!(
            target: super::DECISIONS_TARGET,
            {
            request.id = self.request_id,
            trace.id = self.trace_id,
            http.method = self.method,
            http.path = self.path,
            operation = self.operation,
            operation.collection = self.collection,
            operation.record = self.record,
            operation.parts = parts,
            upload.files = self.files,
            upload.bytes = self.bytes,
            principal = self.principal,
            application = self.application,
            client.address = self.address,
            status = self.status,
            verdict = self.verdict.as_str(),
            rule = self.rule,
            code = self.code,
            cause = self.cause,
            generation = self.generation,
            notes,
            rules,
            duration_us = self.duration_us
            },
            "exchange",
        );
    }
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Faulted => "faulted",
            Self::Withheld => "withheld",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

impl From<Cost> for RuleCost {
    fn from(cost: Cost) -> Self {
        Self {
            rule: cost.rule.to_string(),
            calls: cost.calls,
            time_ns: cost.nanos,
            host_calls: cost.host_calls,
            memory_bytes: cost.memory,
        }
    }
}

/// Now, as lines tell it.
#[must_use]
pub(super) fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = i128::try_from(since.as_nanos()).unwrap_or_default();
    stamp(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

fn stamp(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, milli) = at.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// One line of JSON, without its end. What is printed here can always be printed.
pub(super) fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_of_the_guide() {
        let decision = Decision {
            time: stamp(
                OffsetDateTime::from_unix_timestamp_nanos(1_764_155_336_007_900_000).unwrap(),
            ),
            request_id: "1-0".to_owned(),
            trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            method: "GET".to_owned(),
            operation: "list",
            status: 200,
            notes: vec![Note {
                key: "why".to_owned(),
                value: "\"so\"".to_owned(),
            }],
            rules: vec![RuleCost::from(Cost {
                rule: "ownership".into(),
                calls: 2,
                nanos: 7_000,
                host_calls: 5,
                memory: 393_216,
            })],
            ..Decision::default()
        };
        let printed = decision.print(&Secrets::default()).unwrap();
        let expected = concat!(
            r#"{"time":"2025-11-26T11:08:56.007Z","request.id":"1-0","trace.id":"0af7651916cd43dd8448eb211c80319c","http.method":"GET","operation":"list","#,
            r#""status":200,"verdict":"allowed","generation":0,"notes":[{"key":"why","value":"\"so\""}],"#,
            r#""rules":[{"rule":"ownership","calls":2,"time_ns":7000,"host_calls":5,"memory_bytes":393216}],"#,
            r#""duration_us":0}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(printed).unwrap(), expected);
        let word = serde_json::to_value(Verdict::Withheld).unwrap();
        assert_eq!(word, Verdict::Withheld.as_str());
    }
}
