//! What one owns, one may change and delete; some fields not even then.
//!
//! The rule of the first Hapta's README. How its code was read, and why so, is in this folder's
//! README.md.

mod settings;
#[cfg(test)]
mod tests;

use hapta_rule::{
    Denial, Document, Hook, Manifest, Operation, Request, Rule, SettingsError, Verdict,
};

use crate::settings::Settings;

hapta_rule::export!(Ownership);

/// The code of every denial; the first Hapta's `ErrorCodes.OWNERSHIP_REQUIRED`, number 104.
const OWNERSHIP_REQUIRED: &str = "ownership_required";

/// The rule, which is its settings.
struct Ownership(Settings);

impl Rule for Ownership {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self(settings))
    }

    fn manifest(&self) -> Manifest {
        let mut hooks = vec![Hook::Before];
        if !self.0.hide.is_empty() {
            hooks.push(Hook::Reveal);
        }
        let mut operations = vec![Operation::Update, Operation::Delete];
        if self.0.creators_are_owners {
            operations.push(Operation::Create);
        }
        let manifest = Manifest::hooks(hooks)
            .operations(operations)
            .denials([OWNERSHIP_REQUIRED]);
        self.0
            .hide
            .iter()
            .fold(manifest, |manifest, field| manifest.removes_anywhere(field))
    }

    fn before(&self, request: &Request) -> Verdict {
        let user = self.user(request);
        match request.operation() {
            Operation::Create => self.create(request, user.as_deref()),
            Operation::Delete => self.owned(request, user.as_deref()),
            Operation::Update if request.collection() == self.0.users => {
                self.update_user(request, user.as_deref())
            }
            Operation::Update => {
                self.owned(request, user.as_deref())?;
                if request.changes().contains(&self.0.owner_field) {
                    // Else what one owns could be passed off as somebody else's.
                    self.will_own(request, user.as_deref())?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        let owner = if record.str("/collectionName").as_ref() == Some(&self.0.users) {
            record.str("/id")
        } else {
            self.owner(record)
        };
        if owner.is_none() || owner != self.user(request) {
            for field in &self.0.hide {
                record.remove(&format!("/{field}"))?;
            }
        }
        Ok(())
    }
}

impl Ownership {
    /// The id of who asks, if that is one of the users; others who can log in own nothing.
    fn user(&self, request: &Request) -> Option<String> {
        let principal = request.principal()?;
        let collection = principal.str("/collectionName")?;
        (collection == self.0.users)
            .then(|| principal.str("/id"))
            .flatten()
    }

    /// Whose a record of any other collection is.
    fn owner(&self, record: &Document) -> Option<String> {
        record.str(&format!("/{}", self.0.owner_field))
    }

    /// Whether it is the user's own record that the request is about.
    fn owned(&self, request: &Request, user: Option<&str>) -> Verdict {
        let owner = if request.collection() == self.0.users {
            request.record_id()
        } else {
            // A record that isn't there is nobody's, so it can't be told from somebody else's.
            request.stored()?.and_then(|record| self.owner(&record))
        };
        if user.is_some() && owner.as_deref() == user {
            Ok(())
        } else {
            Err(denial("This is not yours."))
        }
    }

    /// Whether the body says that the record is the user's, and says nothing else of whose it is.
    fn will_own(&self, request: &Request, user: Option<&str>) -> Verdict {
        let field = &self.0.owner_field;
        let said = request.body().is_some_and(|body| {
            // `author+` beside `author` would change it after all.
            let modified = body.keys("").iter().any(|key| {
                let bare = key.split(':').next().unwrap_or(key);
                key != field && bare.trim_matches(['+', '-']) == field
            });
            !modified && user.is_some() && self.owner(&body).as_deref() == user
        });
        if said {
            Ok(())
        } else {
            let denial = denial("This would not be yours.");
            Err(denial.field(field, OWNERSHIP_REQUIRED, "It has to be you."))
        }
    }

    fn update_user(&self, request: &Request, user: Option<&str>) -> Verdict {
        match self.owned(request, user) {
            Ok(()) => refuse(request, |field| self.0.protected.contains(field)),
            Err(_) if self.0.others_may_update && user.is_some() => {
                refuse(request, |field| !self.0.others_fields.contains(field))
            }
            Err(denial) => Err(denial),
        }
    }

    fn create(&self, request: &Request, user: Option<&str>) -> Verdict {
        if request.collection() == self.0.users {
            refuse(request, |field| self.0.protected.contains(field))
        } else {
            self.will_own(request, user)
        }
    }
}

/// Refuses a write for those of the fields it changes that are refused, naming all of them.
fn refuse(request: &Request, refused: impl Fn(&String) -> bool) -> Verdict {
    let changes = request.changes();
    let mut fields = changes.iter().filter(|field| refused(field)).peekable();
    if fields.peek().is_none() {
        return Ok(());
    }
    let denial = denial("These fields are not yours to change.");
    Err(fields.fold(denial, |denial, field| {
        denial.field(field, OWNERSHIP_REQUIRED, "Not yours to change.")
    }))
}

fn denial(message: &str) -> Denial {
    Denial::forbidden(OWNERSHIP_REQUIRED, message)
}
