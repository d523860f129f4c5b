//! Key by key: what the original called it, and what it is here.

use super::literal::Literal;
use super::{Original, OriginalError, Rate, Secret};

/// What the original counted, and what that is called here.
const CLASSES: [(&str, &str); 12] = [
    ("default", "default"),
    ("list", "list"),
    ("read", "view"),
    ("view", "view"),
    ("create", "create"),
    ("update", "update"),
    ("delete", "delete"),
    ("authUpdate", "refresh"),
    ("refreshToken", "refresh"),
    ("authWithPassword", "authenticate"),
    ("oauth", "authenticate"),
    ("subscribe", "subscribe"),
];

/// The most that a limit may look back, in seconds.
const DAY: f64 = 86_400.0;

impl Original {
    pub(super) fn take(&mut self, key: &str, value: &Literal) -> Result<(), OriginalError> {
        match key {
            "port" => self.take_port(key, value),
            "hostname" => self.take_hostname(value),
            "ratelimits" => self.take_limits(value),
            "files" => self.take_files(value),
            "rules" => self.take_rules(value),
            "developmentMode" => {
                self.leave(
                    key,
                    "has no counterpart: hapta serve tells more with RUST_LOG=debug",
                );
                Ok(())
            }
            "dashboard" => {
                self.leave(
                    key,
                    "is pages.dashboard = \"on\" here, with superusers.routes = \"on\"; left off",
                );
                Ok(())
            }
            "Server" => self.take_server(value),
            "Security" => {
                self.leave(
                    "Security.Secret",
                    "is not needed: the gateway makes its keys itself (sessions.mode = \"rolling\")",
                );
                Ok(())
            }
            "ratelimit" => {
                self.leave(
                    key,
                    "never had an effect: the original held every address to 500 requests in 15 minutes; limits.address bounds an address here",
                );
                Ok(())
            }
            _ => {
                self.leave(
                    key,
                    "is no key of the original that is known here; not taken over",
                );
                Ok(())
            }
        }
    }

    pub(super) fn take_variable(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        match name {
            "DB_URL" | "DatabaseURL" => {
                self.db_url = Some(value.trim_end_matches('/').to_owned());
                self.tell(name, "pocketbase.url; DB_URL in the environment wins over it");
            }
            "ADMIN_EMAIL" | "AdminEmail" => {
                self.email = Some(value.to_owned());
                self.tell(name, "pocketbase.superuser.email; ADMIN_EMAIL wins over it");
            }
            "ADMIN_PASSWORD" | "AdminPassword" => {
                self.password = Some(Secret(value.to_owned()));
                self.leave(name, "stays out of the file: give it to hapta serve as ADMIN_PASSWORD");
            }
            "HAPTA_ADMIN_KEY" => {
                self.has_admin_key = true;
                self.leave(
                    name,
                    "stays out of the file: give it to hapta serve under the same name; it opens the listener of [admin], and is no token of clients any more",
                );
            }
            "SSL_ENABLED" => {
                self.tls = value.eq_ignore_ascii_case("true");
                self.tell(
                    name,
                    "[server.tls], where it is true, with certs/public.pem and certs/private.pem",
                );
            }
            "JWT_SECRET" => self.leave(
                name,
                "is not needed: the gateway makes and rotates its keys itself (sessions.mode = \"rolling\")",
            ),
            "PORT" => match value.parse() {
                Ok(port) => {
                    self.port = Some(port);
                    self.tell(name, "server.listen");
                }
                Err(_) => self.leave(name, "is no port; not taken over"),
            },
            _ => self.leave(name, "is no variable that is known here; not taken over"),
        }
    }

    fn take_port(&mut self, key: &str, value: &Literal) -> Result<(), OriginalError> {
        let port = match value {
            Literal::Number(_) => whole(key, value)?.try_into().ok(),
            Literal::Text(text) => text.parse().ok(),
            _ => None,
        };
        let Some(port) = port else {
            return Err(kind(key, "a port, from 1 to 65535"));
        };
        self.port = Some(port);
        self.tell(key, "server.listen");
        Ok(())
    }

    fn take_hostname(&mut self, value: &Literal) -> Result<(), OriginalError> {
        let Literal::Text(host) = value else {
            return Err(kind("hostname", "a text"));
        };
        let address = match host.as_str() {
            "localhost" => "127.0.0.1",
            other => other,
        };
        match address.trim_matches(['[', ']']).parse() {
            Ok(address) => {
                self.address = Some(address);
                self.tell("hostname", "server.listen");
            }
            Err(_) => self.leave(
                "hostname",
                format!("{host} is a name; server.listen takes an address, so it stays on loopback: write the one that clients are to reach"),
            ),
        }
        Ok(())
    }

    fn take_limits(&mut self, value: &Literal) -> Result<(), OriginalError> {
        let Literal::Object(entries) = value else {
            return Err(kind("ratelimits", "an object"));
        };
        for (name, value) in entries {
            let key = format!("ratelimits.{name}");
            let class = CLASSES.iter().find(|(original, _)| original == name);
            let Some((_, class)) = class else {
                self.leave(&key, "is nothing that is counted here; not taken over");
                continue;
            };
            if self.limits.iter().any(|(taken, _)| taken == class) {
                self.leave(&key, format!("is counted as limits.{class} here, which has a line already; not taken over"));
                continue;
            }
            let (rate, note) = self.rate(&key, value)?;
            self.limits.push((class, rate));
            self.tell(&key, format!("limits.{class}{note}"));
        }
        Ok(())
    }

    /// A limit, and what had to be changed about it.
    fn rate(&mut self, key: &str, value: &Literal) -> Result<(Rate, String), OriginalError> {
        let Literal::Object(entries) = value else {
            return Err(kind(key, "an object with limit and every"));
        };
        let (mut limit, mut every, mut max_uses) = (None, None, 0);
        for (name, value) in entries {
            let place = format!("{key}.{name}");
            match name.as_str() {
                "limit" => limit = Some(whole(&place, value)?),
                "every" => every = Some(number(&place, value)?),
                "maxUses" => max_uses = whole(&place, value)?,
                _ => self.leave(&place, "is no part of a limit; not taken over"),
            }
        }
        let (Some(limit), Some(every)) = (limit.filter(|it| *it > 0), every.filter(|it| *it > 0.0))
        else {
            return Err(kind(key, "limit and every, both above 0"));
        };
        let seconds = (every / 1_000.0).ceil().min(DAY);
        let scaled = (f64::from(limit) * seconds * 1_000.0 / every).floor();
        let rate = Rate {
            limit: clamped(scaled.max(1.0)),
            seconds: clamped(seconds),
            max_uses,
        };
        let is_same = (seconds * 1_000.0 - every).abs() < f64::EPSILON;
        let note = if is_same {
            String::new()
        } else {
            format!(
                ", over {} s: limits look back whole seconds, a day at most",
                rate.seconds
            )
        };
        Ok((rate, note))
    }

    fn take_files(&mut self, value: &Literal) -> Result<(), OriginalError> {
        let Literal::Object(entries) = value else {
            return Err(kind("files", "an object"));
        };
        for (name, value) in entries {
            let key = format!("files.{name}");
            match name.as_str() {
                "maxFileSize" => {
                    let bytes = whole(&key, value)?;
                    self.uploads.push(("max_file", format!("\"{bytes}B\"")));
                    self.tell(&key, "uploads.max_file");
                }
                "maxUpload" => {
                    let files = whole(&key, value)?;
                    self.uploads.push(("files", files.to_string()));
                    self.tell(&key, "uploads.files");
                }
                "mimeTypes" => {
                    let types = texts(&key, value)?;
                    self.uploads.push(("types", format!("{types:?}")));
                    self.tell(&key, "uploads.types, by what the first bytes say");
                }
                _ => self.leave(&key, "is nothing that is known here; not taken over"),
            }
        }
        Ok(())
    }

    fn take_rules(&mut self, value: &Literal) -> Result<(), OriginalError> {
        let Literal::Text(file) = value else {
            return Err(kind("rules", "a text"));
        };
        self.leave(
            "rules",
            format!("{file} was a worker, which nothing here runs: begin a rule with hapta new my-rules --lang ts, and see gateway/docs/from-hapta.md for how its lines are written there"),
        );
        Ok(())
    }

    fn take_server(&mut self, value: &Literal) -> Result<(), OriginalError> {
        let Literal::Object(entries) = value else {
            return Err(kind("Server", "an object"));
        };
        for (name, value) in entries {
            let key = format!("Server.{name}");
            match name.as_str() {
                "Port" => self.take_port(&key, value)?,
                "threads" => self.leave(&key, "never had an effect; server.worker_threads, one for each core, is its counterpart"),
                _ => self.leave(&key, "has no counterpart: a gateway is one process, and more of them stand side by side behind a proxy"),
            }
        }
        Ok(())
    }
}

fn kind(key: &str, expected: &'static str) -> OriginalError {
    OriginalError::Kind {
        key: key.to_owned(),
        expected,
    }
}

fn number(key: &str, value: &Literal) -> Result<f64, OriginalError> {
    match value {
        Literal::Number(number) if number.is_finite() => Ok(*number),
        _ => Err(kind(key, "a number")),
    }
}

fn whole(key: &str, value: &Literal) -> Result<u32, OriginalError> {
    let number = number(key, value)?;
    let is_whole = number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0;
    if is_whole {
        Ok(clamped(number))
    } else {
        Err(kind(key, "a whole number"))
    }
}

/// A number that is known to be whole and not below 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit is held at the bounds"
)]
fn clamped(number: f64) -> u32 {
    number as u32
}

fn texts(key: &str, value: &Literal) -> Result<Vec<String>, OriginalError> {
    let Literal::List(list) = value else {
        return Err(kind(key, "a list of texts"));
    };
    list.iter()
        .map(|entry| match entry {
            Literal::Text(text) => Ok(text.clone()),
            _ => Err(kind(key, "a list of texts")),
        })
        .collect()
}
