#![doc = include_str!("../README.md")]

use std::time::Duration;

use hapta_rule::{
    Denial, Hook, Manifest, Operation, Request, Rule, SettingsError, Upload, Verdict,
};
use serde::Deserialize;

/// Everybody may upload this many bytes in each time.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UploadQuota {
    /// How many, at least 1, of all files together.
    bytes: i64,
    /// In how long, from the first one on; in seconds.
    seconds: u64,
    /// What is said to whoever has no more; by the two above if there is none.
    message: Option<String>,
    /// Whether guests have a quota, by their address. Else they may upload nothing.
    guests: bool,
}

impl Default for UploadQuota {
    fn default() -> Self {
        Self {
            bytes: 100 * 1024 * 1024,
            seconds: 24 * 60 * 60,
            message: None,
            guests: false,
        }
    }
}

impl Rule for UploadQuota {
    type Settings = Self;

    fn configure(quota: Self) -> Result<Self, SettingsError> {
        if quota.bytes < 1 {
            return Err(SettingsError::at("bytes", "at least 1 must be allowed"));
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
            .operations([Operation::Create, Operation::Update])
            .denials(["upload_quota_used_up", "log_in_first"])
    }

    fn before(&self, request: &Request) -> Verdict {
        let uploads = request.uploads();
        if uploads.is_empty() || request.is_superuser() {
            return Ok(());
        }
        let who = self.who(request)?;
        let total = request.add(&who, size(&uploads), Duration::from_secs(self.seconds))?;
        request.note("upload_quota", &format!("{total} of {}", self.bytes));
        match total > self.bytes {
            true => Err(self.used_up(&uploads)),
            false => Ok(()),
        }
    }
}

impl UploadQuota {
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
            _ => Err(Denial::new(401, "log_in_first", "Log in to upload files.")),
        }
    }

    fn used_up(&self, uploads: &[Upload]) -> Denial {
        let message = self.message.clone().unwrap_or_else(|| {
            let (bytes, time) = (in_bytes(self.bytes), in_words(self.seconds));
            format!("No more than {bytes} of files in {time}.")
        });
        let denial = Denial::new(429, "upload_quota_used_up", message);
        let mut fields: Vec<_> = uploads.iter().map(|upload| &upload.field).collect();
        fields.sort_unstable();
        fields.dedup();
        fields.into_iter().fold(denial, |denial, field| {
            denial.field(field, "upload_quota_used_up", "There is no room for it.")
        })
    }
}

/// Of all together.
fn size(uploads: &[Upload]) -> i64 {
    let sizes = uploads.iter().map(|upload| upload.size);
    let size = sizes.fold(0, u64::saturating_add);
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn in_bytes(bytes: i64) -> String {
    match bytes {
        bytes if bytes % (1 << 30) == 0 => format!("{} GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
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

hapta_rule::export!(UploadQuota);

#[cfg(test)]
mod tests {
    use hapta_rule::testing::{TestRequest, TestRule};
    use hapta_rule::{Upload, json};

    use super::{UploadQuota, in_bytes, in_words};

    fn file(field: &str, size: u64) -> Upload {
        Upload {
            field: field.to_owned(),
            name: "a.png".to_owned(),
            size,
            media_type: "image/png".to_owned(),
        }
    }

    fn post() -> TestRequest {
        TestRequest::create("posts").by("users", json!({ "id": "ada" }))
    }

    #[test]
    fn the_last_byte_of_the_quota_passes_and_the_next_does_not() {
        let rule = TestRule::<UploadQuota>::configure(json!({ "bytes": 1024 })).unwrap();
        let upload = |size| {
            post()
                .with_counter("users/ada", 1000)
                .with_upload(file("cover", size))
        };
        assert!(rule.before(&upload(24)).is_ok());
        let denied = rule.before(&upload(25)).unwrap_err();
        assert_eq!(
            (denied.status, denied.code.as_str()),
            (429, "upload_quota_used_up")
        );
        assert_eq!(denied.message, "No more than 1 KiB of files in a day.");
        assert_eq!(denied.fields[0].field, "cover");
    }

    #[test]
    fn all_files_of_a_write_count_wherever_they_go() {
        let rule = TestRule::<UploadQuota>::configure(json!({ "bytes": 100 })).unwrap();
        let request = TestRequest::update("albums", "a1")
            .by("users", json!({ "id": "ada" }))
            .with_upload(file("photos", 30))
            .with_upload(file("photos", 40))
            .with_upload(file("cover", 31));
        let denied = rule.before(&request).unwrap_err();
        let fields: Vec<_> = denied.fields.iter().map(|at| at.field.as_str()).collect();
        assert_eq!(fields, ["cover", "photos"]);
        assert_eq!(request.counter("users/ada"), Some(101));
    }

    #[test]
    fn more_bytes_than_can_be_counted_are_too_many() {
        let rule = TestRule::<UploadQuota>::configure(json!({})).unwrap();
        let request = post()
            .with_upload(file("cover", u64::MAX))
            .with_upload(file("cover", u64::MAX));
        assert!(rule.before(&request).is_err());
    }

    #[test]
    fn what_brings_no_file_is_not_counted() {
        let rule = TestRule::<UploadQuota>::configure(json!({})).unwrap();
        let request = post().with_body(json!({ "title": "x" }));
        assert!(rule.before(&request).is_ok());
        assert_eq!(request.counter("users/ada"), None);
        assert!(rule.before(&TestRequest::create("posts")).is_ok());
        let superuser = post().by_superuser().with_upload(file("cover", u64::MAX));
        assert!(rule.before(&superuser).is_ok());
    }

    #[test]
    fn guests_have_one_by_their_address_where_that_is_wanted() {
        let guest = || TestRequest::create("posts").with_upload(file("cover", 7));
        let rule = TestRule::<UploadQuota>::configure(json!({})).unwrap();
        assert_eq!(rule.before(&guest()).unwrap_err().code, "log_in_first");
        let rule = TestRule::<UploadQuota>::configure(json!({ "guests": true })).unwrap();
        let request = guest().from_ip("203.0.113.7");
        assert!(rule.before(&request).is_ok());
        assert_eq!(request.counter("address/203.0.113.7"), Some(7));
    }

    #[test]
    fn what_is_said_can_be_set() {
        let settings = json!({ "bytes": 1, "message": "That is enough for today." });
        let rule = TestRule::<UploadQuota>::configure(settings).unwrap();
        let denied = rule
            .before(&post().with_upload(file("cover", 2)))
            .unwrap_err();
        assert_eq!(denied.message, "That is enough for today.");
    }

    #[test]
    fn settings_that_allow_nothing_are_refused() {
        assert!(TestRule::<UploadQuota>::configure(json!({ "bytes": 0 })).is_err());
        assert!(TestRule::<UploadQuota>::configure(json!({ "seconds": 0 })).is_err());
    }

    #[test]
    fn sizes_and_times_are_told_in_their_largest_unit() {
        for (bytes, words) in [
            (3 << 30, "3 GiB"),
            (100 << 20, "100 MiB"),
            (1536, "1536 bytes"),
            (2048, "2 KiB"),
        ] {
            assert_eq!(in_bytes(bytes), words);
        }
        for (seconds, words) in [(86_400, "a day"), (3_600, "an hour"), (120, "2 minutes")] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
