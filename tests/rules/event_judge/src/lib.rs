//! Judges what is watched: who may, what of it, and what each is told of a record.

use hapta_rule::{
    Denial, Document, Hook, Manifest, Operation, Request, Rule, SettingsError, Value, Verdict, json,
};
use serde::Deserialize;

/// How: `{"members": true, "narrow": "owner = {:me}", "own": "secret", "tell": "body"}`. Whatever else is said, a
/// record that is titled `for moderators` is theirs alone, and one that is titled `trap` traps.
#[derive(Deserialize)]
struct EventJudge {
    /// Whether guests are refused.
    #[serde(default)]
    members: bool,
    /// By what to narrow what is watched, with the principal's id as `me`.
    narrow: Option<String>,
    /// A field that only the record's `owner` is told.
    own: Option<String>,
    /// A field into which to put what is seen.
    tell: Option<String>,
}

impl Rule for EventJudge {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        let manifest = Manifest::hooks([Hook::Before, Hook::Reveal]).drops();
        let touched = self.own.iter().chain(&self.tell);
        touched.fold(manifest, Manifest::removes_anywhere)
    }

    fn before(&self, request: &Request) -> Verdict {
        if request.operation() != Operation::Subscribe {
            return Ok(());
        }
        let me = request.principal_id();
        if self.members && me.is_none() {
            return Err(Denial::forbidden("members_only", "Members watch this."));
        }
        if let Some(filter) = &self.narrow {
            request.narrow(filter, [("me", Value::from(me.unwrap_or_default()))])?;
        }
        Ok(())
    }

    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        let title = record.str("/title").unwrap_or_default();
        let principal = request.principal();
        let role = principal.as_ref().and_then(|who| who.str("/role"));
        match title.as_str() {
            "trap" => panic!("as asked"),
            "for moderators" if role.as_deref() != Some("moderator") => {
                return Err(Denial::not_found("not_yours", "There is no such record."));
            }
            _ => {}
        }
        if let Some(field) = &self.own
            && (request.principal_id().is_none()
                || record.str("/owner") != request.principal_id())
        {
            record.remove(&format!("/{field}"))?;
        }
        if let Some(field) = &self.tell {
            record.set(&format!("/{field}"), seen(request))?;
        }
        Ok(())
    }
}

/// What a rule is told of an event, as a text.
fn seen(request: &Request) -> String {
    let seen = json!({
        "operation": request.operation().as_str(),
        "collection": request.collection(),
        "record_id": request.record_id(),
        "principal": request.principal_id(),
        "client_ip": request.client_ip(),
        "agent": request.header("user-agent"),
        "body": request.body().is_some(),
    });
    seen.to_string()
}

hapta_rule::export!(EventJudge);
