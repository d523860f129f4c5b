//! The names in a path: collection, record and file.

/// A collection as a client names it: by name in any ASCII case, or by id.
///
/// Only `[A-Za-z0-9_]{1,255}`: PocketBase folds names by Unicode rules (`poſts`
/// is `posts` to it), so anything beyond ASCII is refused before the look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRef(String);

/// A record id, in the characters that PocketBase allows an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(String);

/// The name of a stored file: one path segment, never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

/// The longest name of each sort, in bytes.
const LONGEST: usize = 255;

impl CollectionRef {
    /// A name or an id, if it has only letters, digits and underscores.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let clean = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (clean && fits(name)).then(|| Self(name.to_owned()))
    }

    /// A name as the schema has it.
    #[must_use]
    pub fn of(collection: &str) -> Self {
        Self(collection.to_owned())
    }

    /// As the client spelled it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RecordId {
    /// An id, if it has only characters that PocketBase lets an id have.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let clean = id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"./\\|\"'`<>:?*%$".contains(&byte));
        (clean && fits(id)).then(|| Self(id.to_owned()))
    }

    /// Whether it stands wherever it is written as it is, and needs no escape.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        self.0.bytes().all(is_plain)
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FileName {
    /// A file's name, if it is one printable path segment.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let clean = name
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && !b"/\\%".contains(&byte));
        (clean && fits(name) && name != "." && name != "..").then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fits(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, collection: bool, record: bool, file: bool) {
        assert_eq!(
            CollectionRef::new(name).is_some(),
            collection,
            "{name:?} as a collection"
        );
        assert_eq!(
            RecordId::new(name).is_some(),
            record,
            "{name:?} as a record"
        );
        assert_eq!(FileName::new(name).is_some(), file, "{name:?} as a file");
    }

    #[test]
    fn each_name_has_its_characters() {
        check("posts", true, true, true);
        check("pbc_3142635823", true, true, true);
        check("_superusers", true, true, true);
        check("photo_abc123.png", false, false, true);
        check("a-b~c", false, true, true);
        check("a b", false, false, true);
        check("archive.tar.gz", false, false, true);
        check("", false, false, false);
        check(".", false, false, false);
        check("..", false, false, false);
        check("a/b", false, false, false);
        check("a\\b", false, false, false);
        check("po\u{17f}ts", false, false, false);
        check("a\0", false, false, false);
        check("a%b", false, false, false);
        check(&"a".repeat(255), true, true, true);
        check(&"a".repeat(256), false, false, false);
    }
}
