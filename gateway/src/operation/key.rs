//! The keys of bodies that are no record: of a login, a confirmation and the like.

/// A key of a body of fixed shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyKey {
    /// In the one spelling that is taken.
    pub name: &'static str,
    /// What its value is.
    pub kind: KeyKind,
    /// Whether who has the value can do what its owner can: no rule and no log sees it.
    pub is_secret: bool,
}

/// What the value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Text of a person's: a name, an address, a password.
    Text,
    /// Text of a program's, which may be longer: a token, a code, an address.
    Long,
    /// A whole number from 0.
    Count,
    /// The fields of a record of the collection in the path.
    Record,
    /// Texts, a program's.
    Texts,
    /// Parts of a batch.
    Parts,
}

impl BodyKey {
    /// Text of a person's.
    pub(super) const fn text(name: &'static str) -> Self {
        Self::of(name, KeyKind::Text)
    }

    /// Text of a program's.
    pub(super) const fn long(name: &'static str) -> Self {
        Self::of(name, KeyKind::Long)
    }

    /// A secret of a person's.
    pub(super) const fn password(name: &'static str) -> Self {
        Self::text(name).secret()
    }

    /// Any kind.
    pub(super) const fn of(name: &'static str, kind: KeyKind) -> Self {
        let is_secret = false;
        Self {
            name,
            kind,
            is_secret,
        }
    }

    /// The same, as a secret.
    pub(super) const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }
}
