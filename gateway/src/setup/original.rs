//! What `config.ts` and `.env` of the original Hapta say, in this gateway's words.
//!
//! What has no counterpart is told by its name: nothing is dropped without a word.

mod literal;
mod taking;

use std::net::IpAddr;

use self::literal::Literal;

/// The files' contents, taken over as far as they can be.
#[derive(Debug, Default, PartialEq)]
pub struct Original {
    /// `port`, `PORT` or `Server.Port`.
    pub port: Option<u16>,
    /// `hostname`.
    pub address: Option<IpAddr>,
    /// Lines of `[limits]`, each with its key.
    pub limits: Vec<(&'static str, Rate)>,
    /// Lines of `[uploads]`, each with its key and its value as TOML.
    pub uploads: Vec<(&'static str, String)>,
    /// `DB_URL`.
    pub db_url: Option<String>,
    /// `ADMIN_EMAIL`.
    pub email: Option<String>,
    /// `ADMIN_PASSWORD`. Never written.
    pub password: Option<Secret>,
    /// Whether there is a `HAPTA_ADMIN_KEY`.
    pub has_admin_key: bool,
    /// Whether `SSL_ENABLED` says so.
    pub tls: bool,
    /// What became of each key.
    pub told: Vec<Told>,
}

/// A limit, as it is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub limit: u32,
    /// In a stretch of so many seconds.
    pub seconds: u32,
    /// With so many refusals who asks is kept out; 0: never.
    pub max_uses: u32,
}

/// What became of one key of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// As it stands in its file.
    pub key: String,
    /// Where it is now, or what to do about it.
    pub what: String,
    /// Whether there is something left to do.
    pub is_left: bool,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// A file of the original that can't be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// Only running it would tell.
    #[error(
        "line {line}: {text} would have to be run to be known; write its value there, or leave the key out"
    )]
    Expression {
        /// From 1.
        line: usize,
        /// As it stands there, its beginning.
        text: String,
    },
    /// Brackets or quotes that are not closed.
    #[error("it ends within a value; is a bracket or a quote not closed?")]
    Ends,
    /// More brackets than a configuration has.
    #[error("its values are too deep in one another")]
    TooDeep,
    /// It is no configuration.
    #[error("it exports nothing; \"export default {{ … }}\" is expected")]
    NoExport,
    /// It exports something else.
    #[error("it exports no object; \"export default {{ … }}\" is expected")]
    NoObject,
    /// A value of another kind.
    #[error("{key}: expected {expected}")]
    Kind {
        /// As it stands in the file.
        key: String,
        /// Of which kind it should be.
        expected: &'static str,
    },
}

impl Original {
    /// Reads the text of a `config.ts`.
    ///
    /// # Errors
    ///
    /// A text that is none, or that only running would tell.
    pub fn read(config: &str) -> Result<Self, OriginalError> {
        let Literal::Object(entries) = literal::exported(config)? else {
            return Err(OriginalError::NoObject);
        };
        let mut original = Self::default();
        for (key, value) in &entries {
            original.take(key, value)?;
        }
        Ok(original)
    }

    /// Adds what a `.env` says; it won over the file there, too.
    pub fn add_env(&mut self, env: &str) {
        for line in env.lines() {
            let line = line.trim().trim_start_matches("export ");
            let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
            else {
                continue;
            };
            let value = value.trim();
            // A comment may stand behind a value, and a `#` within quotes.
            let bare = value
                .split_once(" #")
                .map_or(value, |(it, _)| it.trim_end());
            let inner = ['"', '\''].iter().find_map(|quote| {
                let rest = value.strip_prefix(*quote)?;
                let closes = format!("{quote} #");
                rest.split_once(&closes)
                    .map(|(it, _)| it)
                    .or_else(|| rest.strip_suffix(*quote))
            });
            self.take_variable(name.trim(), inner.unwrap_or(bare));
        }
    }

    fn tell(&mut self, key: &str, what: impl Into<String>) {
        self.told.push(Told {
            key: key.to_owned(),
            what: what.into(),
            is_left: false,
        });
    }

    fn leave(&mut self, key: &str, what: impl Into<String>) {
        self.told.push(Told {
            key: key.to_owned(),
            what: what.into(),
            is_left: true,
        });
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests;
