//! The author of a record alone changes and deletes it.

use hapta_rule::{Denial, Hook, Manifest, Operation, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// The codes of its denials: what clients go by.
const NOT_THE_AUTHOR: &str = "not_the_author";
const AUTHOR_STAYS: &str = "author_stays";

/// What the operator may set, and what goes where nothing is said. Other keys are refused.
#[derive(Deserialize)]
#[serde(default)]
struct AuthorsAlone {
    /// The collection that authors log in to.
    users: String,
    /// The field that holds the author's id.
    author_field: String,
}

impl Default for AuthorsAlone {
    fn default() -> Self {
        Self {
            users: "users".to_owned(),
            author_field: "author".to_owned(),
        }
    }
}

impl Rule for AuthorsAlone {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    /// What the gateway holds the rule to: it is called in `before`, for these operations.
    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
            .operations([Operation::Update, Operation::Delete])
            .denials([NOT_THE_AUTHOR, AUTHOR_STAYS])
    }

    /// A request is about to go to PocketBase: `Ok` lets it pass, a denial refuses it.
    fn before(&self, request: &Request) -> Verdict {
        if request.is_superuser() {
            return Ok(());
        }
        // The record as PocketBase holds it: what the client says of it is no proof.
        let author = request
            .stored()?
            .and_then(|record| record.str(&format!("/{}", self.author_field)));
        let who = self.user(request);
        if who.is_none() || author != who {
            return Err(Denial::forbidden(
                NOT_THE_AUTHOR,
                "Only its author changes this.",
            ));
        }
        // By `changes`, and not by the keys of the body: PocketBase takes `author+` for `author`.
        if request.changes().contains(&self.author_field) {
            let denial = Denial::forbidden(AUTHOR_STAYS, "The author stays the same.");
            return Err(denial.field(&self.author_field, AUTHOR_STAYS, "This can't be changed."));
        }
        Ok(())
    }
}

impl AuthorsAlone {
    /// The id of who asks, if that is one of the users. Ids are told apart within one collection only.
    fn user(&self, request: &Request) -> Option<String> {
        let principal = request.principal()?;
        let is_user = principal.str("/collectionName").as_deref() == Some(&*self.users);
        is_user.then(|| principal.str("/id")).flatten()
    }
}

hapta_rule::export!(AuthorsAlone);
