//! The environment variables of the original Hapta. They win over the file.

use std::fmt;

/// What the environment says; empty variables count as not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DB_URL`: where PocketBase is.
    pub db_url: Option<String>,
    /// `ADMIN_EMAIL` and `ADMIN_PASSWORD`: the gateway's superuser.
    pub admin_email: Option<String>,
    /// See [`admin_email`](Self::admin_email); one without the other is refused, unless the file has it.
    pub admin_password: Option<String>,
    /// `HAPTA_ADMIN_KEY`: opens the admin listener.
    pub admin_key: Option<String>,
    /// `HAPTA_APP_KEYS`: the keys of applications, `name:key,name:key`.
    pub app_keys: Option<String>,
    /// `SSL_ENABLED`: whether clients are served by TLS.
    pub ssl_enabled: Option<String>,
    /// `JWT_SECRET`: would sign the gateway's own tokens.
    pub jwt_secret: Option<String>,
}

impl Environment {
    /// Reads the variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            db_url: variable("DB_URL"),
            admin_email: variable("ADMIN_EMAIL"),
            admin_password: variable("ADMIN_PASSWORD"),
            admin_key: variable("HAPTA_ADMIN_KEY"),
            app_keys: variable("HAPTA_APP_KEYS"),
            ssl_enabled: variable("SSL_ENABLED"),
            jwt_secret: variable("JWT_SECRET"),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets: not even their lengths.
        f.write_str("Environment")
    }
}
