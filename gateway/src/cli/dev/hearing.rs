//! What the gateway logs, as news: lines of rules and of PocketBase, and what is wrong.
//!
//! Events are taken as they are made, field by field, and never from a printed line.

use std::fmt::{Debug, Write as _};

use anyhow::Context as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::news::{News, Said};
use super::stream::Teller;
use crate::telemetry::Secrets;

/// Where rules' lines come from.
const RULES: &str = "hapta::rules::host::log";

/// Where PocketBase's lines come from.
const POCKETBASE: &str = "hapta::upstream::child";

/// What is heard unless `RUST_LOG` says otherwise. What a start warns of is for those who deploy.
const FILTER: &str = "error,hapta=warn,hapta::server=error,hapta::server::reload=warn,hapta::security=off,\
                      hapta::decisions=off,hapta::rules::host::log=debug,hapta::upstream::child=info";

/// Characters of a line.
const LINE: usize = 4_000;

struct Hearing(Teller);

/// The fields of an event.
#[derive(Default)]
struct Fields {
    /// Rules' lines have two of this name: theirs is the one that is a text.
    message: Option<String>,
    rule: String,
    request: String,
    line: Option<String>,
    /// All others, as `key=value`.
    rest: String,
}

/// From now on what is logged is told.
pub(super) fn begin(teller: Teller) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    tracing_subscriber::registry()
        .with(filter)
        .with(Hearing(teller))
        .try_init()
        .context("cannot listen to the log")
}

impl<S: Subscriber> Layer<S> for Hearing {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let about = event.metadata();
        let level = word(*about.level());
        self.0.try_tell(fields.news(about.target(), level));
    }
}

impl Fields {
    fn news(self, target: &str, level: &'static str) -> News {
        let message = self.message.unwrap_or_default();
        match (target, self.line) {
            (RULES, _) => News::Says(Said {
                rule: self.rule,
                request: self.request,
                level,
                message: harmless(&message),
            }),
            (POCKETBASE, Some(line)) => News::PocketBase {
                line: harmless(&line),
            },
            _ => {
                let rule = match self.rule.as_str() {
                    "" => String::new(),
                    rule => format!(" rule={rule}"),
                };
                let message = harmless(&format!("{message}{rule}{}", self.rest));
                News::Log { level, message }
            }
        }
    }

    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => {
                self.message.get_or_insert(value);
            }
            "rule" => self.rule = value,
            "request.id" => self.request = value,
            "line" => self.line = Some(value),
            // It has a line for each step of a stack.
            "failure" => {
                let _ = write!(self.rest, "\n{value}");
            }
            name => {
                let _ = write!(self.rest, " {name}={value}");
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = Some(value.to_owned());
        } else {
            self.put(field, value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    }
}

/// Without what looks like a token.
fn harmless(text: &str) -> String {
    Secrets::default().mask(text, LINE)
}
