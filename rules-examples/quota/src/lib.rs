#![doc = include_str!("../README.md")]

use std::time::Duration;

use hapta_rule::{Denial, Hook, Manifest, Operation, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// Everybody may create this many records in each time, in each collection.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Quota {
    /// How many, at least 1.
    records: i64,
    /// In how long, from the first one on; in seconds.
    seconds: u64,
    /// Whether guests have a quota, by their address. Else they may create nothing.
    guests: bool,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            records: 10,
            seconds: 24 * 60 * 60,
            guests: false,
        }
    }
}

impl Rule for Quota {
    type Settings = Self;

    fn configure(quota: Self) -> Result<Self, SettingsError> {
        if quota.records < 1 {
            return Err(SettingsError::at("records", "at least 1 must be allowed"));
        }
        if quota.seconds == 0 {
            return Err(SettingsError::at(
                "seconds",
                "a time is longer than nothing",
            ));
        }
        Ok(quota)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
            .operations([Operation::Create])
            .denials(["quota_used_up", "log_in_first"])
    }

    fn before(&self, request: &Request) -> Verdict {
        if request.is_superuser() {
            return Ok(());
        }
        let who = self.who(request)?;
        let key = format!("{}/{who}", request.collection());
        let total = request.add(&key, 1, Duration::from_secs(self.seconds))?;
        request.note("quota", &format!("{total} of {}", self.records));
        match total > self.records {
            true => Err(Denial::new(
                429,
                "quota_used_up",
                format!(
                    "No more than {} in {}.",
                    self.records,
                    in_words(self.seconds)
                ),
            )),
            false => Ok(()),
        }
    }
}

impl Quota {
    /// Whose quota it is: ids are told apart within one collection only.
    fn who(&self, request: &Request) -> Result<String, Denial> {
        let principal = request.principal();
        let of = |pointer| {
            principal
                .as_ref()
                .and_then(|principal| principal.str(pointer))
        };
        match (of("/collectionName"), of("/id")) {
            (Some(collection), Some(id)) => Ok(format!("{collection}/{id}")),
            _ if self.guests => Ok(format!("address/{}", request.client_ip())),
            _ => Err(Denial::new(
                401,
                "log_in_first",
                "Log in to create records.",
            )),
        }
    }
}

fn in_words(seconds: u64) -> String {
    let (amount, unit) = match seconds {
        seconds if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        seconds if seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        seconds if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    match amount {
        1 => format!("a {unit}").replace("a hour", "an hour"),
        amount => format!("{amount} {unit}s"),
    }
}

hapta_rule::export!(Quota);

#[cfg(test)]
mod tests {
    use hapta_rule::json;
    use hapta_rule::testing::{TestRequest, TestRule};

    use super::{Quota, in_words};

    fn post() -> TestRequest {
        TestRequest::create("posts")
    }

    #[test]
    fn the_last_one_of_the_quota_passes_and_the_next_does_not() {
        let rule = TestRule::<Quota>::configure(json!({ "records": 3 })).unwrap();
        let ada = || post().by("users", json!({ "id": "ada" }));
        assert!(
            rule.before(&ada().with_counter("posts/users/ada", 2))
                .is_ok()
        );
        let denied = rule
            .before(&ada().with_counter("posts/users/ada", 3))
            .unwrap_err();
        assert_eq!(
            (denied.status, denied.code.as_str()),
            (429, "quota_used_up")
        );
        assert_eq!(denied.message, "No more than 3 in a day.");
    }

    #[test]
    fn everybody_has_a_quota_in_every_collection() {
        let rule = TestRule::<Quota>::configure(json!({ "records": 1 })).unwrap();
        let request = post()
            .by("users", json!({ "id": "ada" }))
            .with_counter("posts/users/bob", 7)
            .with_counter("posts/admins/ada", 7)
            .with_counter("comments/users/ada", 7);
        assert!(rule.before(&request).is_ok());
        assert_eq!(request.counter("posts/users/ada"), Some(1));
    }

    #[test]
    fn guests_have_one_by_their_address_where_that_is_wanted() {
        let rule = TestRule::<Quota>::configure(json!({})).unwrap();
        assert_eq!(rule.before(&post()).unwrap_err().code, "log_in_first");
        let rule = TestRule::<Quota>::configure(json!({ "guests": true })).unwrap();
        let request = post().from_ip("203.0.113.7");
        assert!(rule.before(&request).is_ok());
        assert_eq!(request.counter("posts/address/203.0.113.7"), Some(1));
    }

    #[test]
    fn superusers_are_free_and_other_operations_are_not_counted() {
        let rule = TestRule::<Quota>::configure(json!({})).unwrap();
        assert!(rule.before(&post().by_superuser()).is_ok());
        let update = TestRequest::update("posts", "p1").by("users", json!({ "id": "ada" }));
        assert!(rule.before(&update).is_ok());
        assert_eq!(update.counter("posts/users/ada"), None);
    }

    #[test]
    fn settings_that_allow_nothing_are_refused() {
        assert!(TestRule::<Quota>::configure(json!({ "records": 0 })).is_err());
        assert!(TestRule::<Quota>::configure(json!({ "seconds": 0 })).is_err());
    }

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        for (seconds, words) in [
            (86_400, "a day"),
            (3_600, "an hour"),
            (120, "2 minutes"),
            (61, "61 seconds"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
