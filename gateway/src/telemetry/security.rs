//! Security events: what somebody who looks for attacks wants to see, in a
//! stream of its own.
//!
//! A line is made of the gateway's own words, so there is nothing to mask in it:
//! no path, no text of a rule or of a client.

use serde::Serialize;

use super::decisions::line;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct SecurityEvent {
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// What happened.
    pub event: SecurityKind,
    /// Joins it with the exchange's decision; none on the admin listener.
    #[serde(rename = "request.id", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What was asked, if it was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// As the schema spells it.
    #[serde(
        rename = "operation.collection",
        skip_serializing_if = "Option::is_none"
    )]
    pub collection: Option<String>,
    /// As in the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The hash of what was typed to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// As in the decision.
    #[serde(rename = "client.address", skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// As answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The rule that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The gateway's word for what was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityKind {
    /// PocketBase refused a login by password.
    LoginFailed,
    /// A token was sent that is not good, whether it was refused or taken for none.
    TokenRefused,
    /// A token was shown again that a newer one had replaced: its session is ended.
    TokenReused,
    /// A session was shown from another place than it is bound to.
    SessionElsewhere,
    /// A route for superusers, asked for by somebody else.
    SuperuserRoute,
    /// The admin listener was asked without its key, or with a wrong one.
    AdminKey,
    /// A request from a page, an application or a client that may not ask, or can't prove itself.
    Application,
    /// A rule gave no verdict that counts.
    RuleFault,
    /// Somebody is kept out, by an operator or for asking too often.
    Ban,
    /// Somebody asked more often than a limit allows; told once in that limit's time.
    Limited,
    /// A line of the decision log was dropped, since a secret was in it.
    Masking,
}

impl SecurityKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LoginFailed,
        Self::TokenRefused,
        Self::TokenReused,
        Self::SessionElsewhere,
        Self::SuperuserRoute,
        Self::AdminKey,
        Self::Application,
        Self::RuleFault,
        Self::Ban,
        Self::Limited,
        Self::Masking,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginFailed => "login_failed",
            Self::TokenRefused => "token_refused",
            Self::TokenReused => "token_reused",
            Self::SessionElsewhere => "session_elsewhere",
            Self::SuperuserRoute => "superuser_route",
            Self::AdminKey => "admin_key",
            Self::Application => "application",
            Self::RuleFault => "rule_fault",
            Self::Ban => "ban",
            Self::Limited => "limited",
            Self::Masking => "masking",
        }
    }
}

impl SecurityEvent {
    /// Something that happened now; more is known of most.
    #[must_use]
    pub fn now(event: SecurityKind) -> Self {
        Self {
            time: super::decisions::now(),
            event,
            request_id: None,
            operation: None,
            collection: None,
            principal: None,
            identity: None,
            address: None,
            status: None,
            rule: None,
            code: None,
        }
    }

    pub(super) fn print(&self) -> Vec<u8> {
        let mut line = line(self);
        line.push('\n');
        line.into_bytes()
    }

    /// Tells it through tracing.
    pub(super) fn trace(&self) {
        tracing::warn!(
            target: super::SECURITY_TARGET,
            event = self.event.as_str(),
            request.id = self.request_id,
            operation = self.operation,
            operation.collection = self.collection,
            principal = self.principal,
            identity = self.identity,
            client.address = self.address,
            status = self.status,
            rule = self.rule,
            code = self.code,
            "security",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word() {
        for kind in SecurityKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
