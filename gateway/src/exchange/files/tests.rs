//! Which files are let on, and which are refused, in which words.

use super::*;
use crate::operation::{CollectionRef, RecordQuery};
use crate::schema::{CollectionKind, Field};

/// A collection with a cover, many photos, a title, and a picture that is hidden.
fn albums() -> Collection {
    let field = |name: &str, kind| Field {
        name: name.to_owned(),
        kind,
        hidden: false,
    };
    let file = |max_select, max_size, mime_types: &[&str]| FieldKind::File {
        protected: false,
        multiple: max_select > 1,
        limits: FileLimits {
            max_select,
            max_size,
            mime_types: mime_types.iter().map(|name| (*name).to_owned()).collect(),
        },
    };
    Collection {
        id: "pbc_albums".to_owned(),
        name: "albums".to_owned(),
        kind: CollectionKind::Base,
        system: false,
        masked: std::sync::Arc::default(),
        masked_of_logins: std::sync::Arc::default(),
        fields: vec![
            field("title", FieldKind::Text),
            field("cover", file(0, 0, &["image/png", "image/jpeg; q=1"])),
            field("photos", file(3, 10, &[])),
            Field {
                hidden: true,
                ..field("negative", file(1, 0, &[]))
            },
        ],
    }
}

fn upload(key: &str, size: u64, media_type: &str) -> Upload {
    Upload {
        key: key.to_owned(),
        name: format!("{}.bin", FieldKey::parse(key).base),
        size,
        media_type: media_type.to_owned(),
    }
}

fn hold(
    uploads: &[Upload],
    body: &Value,
    types: &[&str],
    hidden: Hidden,
) -> Result<(), FilesError> {
    let operation = Operation::Create {
        collection: CollectionRef::of("albums"),
        query: RecordQuery::default(),
    };
    let takes = Takes {
        operation: &operation,
        collection: &albums(),
        hidden,
        types: &Types::new(
            types.iter().map(|name| (*name).to_owned()).collect(),
            Vec::new(),
        ),
    };
    let body = body.as_object().cloned().unwrap_or_default();
    hold_uploads(uploads, &body, &takes)
}

/// The error's text, or the field and the message that is told of it.
fn told(error: &FilesError) -> String {
    match error {
        FilesError::Faults { faults, .. } => {
            let told = faults.iter().map(|Fault { field, problem }| {
                let told = problem.told();
                format!("{field}: {}", told["message"].as_str().unwrap())
            });
            told.collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    }
}

#[track_caller]
fn check(keys: &[&str], body: &Value, expected: Result<(), &str>) {
    let uploads: Vec<Upload> = keys.iter().map(|key| upload(key, 1, "image/png")).collect();
    let found = hold(&uploads, body, &[], Hidden::Untold);
    let found = found.map_err(|error| told(&error));
    assert_eq!(found, expected.map_err(str::to_owned), "{keys:?} {body:?}");
}

#[track_caller]
fn one(upload: &Upload, types: &[&str], expected: Option<&str>) {
    let found = hold(
        std::slice::from_ref(upload),
        &json!({}),
        types,
        Hidden::Untold,
    );
    let found = found.err().map(|error| told(&error));
    assert_eq!(found.as_deref(), expected, "{upload:?}");
}

#[test]
fn files_are_for_fields_of_files_by_keys_that_add_them() {
    check(&["cover"], &json!({"title": "x"}), Ok(()));
    for key in ["photos", "photos+", "+photos"] {
        check(&[key, key, key], &json!({}), Ok(()));
    }
    check(
        &["title"],
        &json!({}),
        Err("the field \"title\" takes no files"),
    );
    let hidden = "the field \"negative\" takes no files";
    check(&["negative"], &json!({}), Err(hidden));
    let uploads = [upload("negative", 1, "image/png")];
    assert_eq!(hold(&uploads, &json!({}), &[], Hidden::Told), Ok(()));
    for key in ["Cover", "nope", "photos++", "@jsonPayload"] {
        let message = format!("the collection albums has no field for the key \"{key}\"");
        check(&[key], &json!({}), Err(&message));
    }
    for key in ["photos-", "photos:autogenerate", "+cover"] {
        let message = format!("the key \"{key}\" has a modifier that its field does not take");
        check(&[key], &json!({}), Err(&message));
    }
}

#[test]
fn a_field_holds_so_many_files_and_those_it_keeps_count() {
    let two = "cover: The maximum allowed files is 1.";
    check(&["cover", "cover"], &json!({}), Err(two));
    check(&["cover"], &json!({"cover": "old.png"}), Err(two));
    check(&["cover"], &json!({"cover": ""}), Ok(()));
    let four = "photos: The maximum allowed files is 3.";
    check(&["photos"; 4], &json!({}), Err(four));
    check(&["photos+"; 4], &json!({}), Err(four));
    check(&["photos"], &json!({"photos": ["a", "b"]}), Ok(()));
    check(&["photos"; 2], &json!({"photos": ["a", "b"]}), Err(four));
    check(&["photos"; 3], &json!({"photos": []}), Ok(()));
    for key in ["photos+", "+photos"] {
        check(&[key], &json!({"photos": ["a", "b"]}), Ok(()));
        check(&[key; 2], &json!({"photos": ["a", "b"]}), Err(four));
    }
}

#[test]
fn two_ways_to_change_one_field_are_refused() {
    let ambiguous = "the field \"photos\" is changed by more than one key";
    check(&["photos", "photos+"], &json!({}), Err(ambiguous));
    check(&["+photos", "photos+"], &json!({}), Err(ambiguous));
    for (key, other) in [
        ("photos", "photos-"),
        ("photos+", "photos-"),
        ("photos", "photos+"),
        ("photos+", "photos+"),
    ] {
        check(&[key], &json!({other: ["a"]}), Err(ambiguous));
    }
}

#[test]
fn a_file_is_as_large_as_its_field_takes_and_no_larger() {
    one(&upload("photos", 10, "image/png"), &[], None);
    let large = "photos: Failed to upload photos.bin - the maximum allowed file size is 10 bytes.";
    one(&upload("photos", 11, "image/png"), &[], Some(large));
    let default = 5 * 1024 * 1024;
    one(&upload("cover", default, "image/png"), &[], None);
    let large =
        "cover: Failed to upload cover.bin - the maximum allowed file size is 5242880 bytes.";
    one(&upload("cover", default + 1, "image/png"), &[], Some(large));
}

#[test]
fn a_type_that_is_another_without_doubt_is_refused_and_the_rest_is_left_to_pocketbase() {
    let taken_or_doubted = ["image/png", "image/jpeg", "text/plain", "application/zip"];
    for media_type in taken_or_doubted {
        one(&upload("cover", 1, media_type), &[], None);
    }
    let another = "cover: \"cover.bin\" mime type must be one of: image/png, image/jpeg; q=1.";
    for media_type in ["image/svg+xml", "text/html", "image/gif"] {
        one(&upload("cover", 1, media_type), &[], Some(another));
    }
}

#[test]
fn a_name_ends_as_the_configuration_wants_it() {
    let types = Types::new(Vec::new(), vec!["png".to_owned(), "gz".to_owned()]);
    for name in ["a.png", "A.PNG", "a.tar.gz", ".png"] {
        assert!(types.admit_name(name), "{name}");
    }
    for name in ["a", "png", "a.png.", "a.pn", "a.html", "a.png/x", ""] {
        assert!(!types.admit_name(name), "{name}");
    }
    assert!(Types::default().admit_name("a"));
}

#[test]
fn the_types_of_the_configuration_are_the_only_ones() {
    let types = ["image/*", "application/pdf"];
    for media_type in ["image/png", "image/svg+xml", "application/pdf"] {
        one(&upload("photos", 1, media_type), &types, None);
    }
    for media_type in ["application/pdfx", "text/plain", "imagex/png"] {
        let message = format!("photos: \"photos.bin\" is {media_type}, which is not taken here.");
        one(&upload("photos", 1, media_type), &types, Some(&message));
    }
}

#[test]
fn every_field_at_fault_is_told_in_pocketbases_words() {
    let uploads = [
        upload("photos", 11, "image/png"),
        upload("cover", 1, "image/png"),
        upload("photos", 1, "image/png"),
        upload("cover", 1, "text/html"),
    ];
    let error = hold(&uploads, &json!({}), &[], Hidden::Untold).unwrap_err();
    assert_eq!(error.to_string(), "failed to create record");
    let FilesError::Faults { faults, .. } = error else {
        panic!("{error}");
    };
    let told: Vec<_> = faults
        .iter()
        .map(|fault| json!([fault.field, fault.problem.told()]))
        .collect();
    let expected = json!([
        ["cover", {
            "code": "validation_too_many_files",
            "message": "The maximum allowed files is 1.",
            "params": {"maxSelect": 1},
        }],
        ["photos", {
            "code": "validation_file_size_limit",
            "message": "Failed to upload photos.bin - the maximum allowed file size is 10 bytes.",
            "params": {"file": "photos.bin", "maxSize": 10},
        }],
    ]);
    assert_eq!(json!(told), expected);
}
