//! The collections of PocketBase: names, ids, fields and what they point at.
//!
//! A picture of `GET /api/collections`, read-only and shared. Everything that
//! names a collection or a field is looked up here before it goes anywhere.

mod expand;
mod paths;
mod read;
mod relation;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::operation::{CollectionRef, Route};
use crate::principal::Principal;

pub use expand::{Hop, resolve};
pub use paths::fields_on_path;
pub use relation::PathError;

/// The name of PocketBase's collection of superusers.
pub const SUPERUSERS: &str = "_superusers";

/// All collections, as PocketBase last told them.
#[derive(Debug, Default)]
pub struct Schema {
    by_id: HashMap<String, Arc<Collection>>,
    /// Keyed by the name in ASCII lower case; no such key is an id as well.
    by_name: HashMap<String, Arc<Collection>>,
}

/// One collection.
#[derive(Debug, PartialEq)]
pub struct Collection {
    /// The id, which never changes.
    pub id: String,
    /// As PocketBase spells it.
    pub name: String,
    /// What sort.
    pub kind: CollectionKind,
    /// PocketBase's own (`_superusers`, …); such names start with `_` as well.
    pub system: bool,
    /// All fields, `id` and hidden ones included.
    pub fields: Vec<Field>,
    /// The keys of a body that hold secrets; worked out once, since every call
    /// of a rule needs them.
    pub masked: Arc<[String]>,
    /// The same of the bodies by which its records log in and keep their accounts.
    pub masked_of_logins: Arc<[String]>,
}

/// What sort of collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionKind {
    /// Plain records.
    Base,
    /// Records that can log in.
    Auth,
    /// Rows of a query, read only.
    View,
}

/// One field.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// As PocketBase spells it.
    pub name: String,
    /// What sort.
    pub kind: FieldKind,
    /// Told to superusers only.
    pub hidden: bool,
}

/// A field's type, as far as the gateway tells them apart.
#[derive(Debug, PartialEq)]
pub enum FieldKind {
    /// A text, which PocketBase can make one for.
    Text,
    /// An e-mail address.
    Email,
    /// A URL.
    Url,
    /// HTML.
    Editor,
    /// A date and a time, or none.
    Date,
    /// 64 bits of floating point.
    Number,
    /// True or false.
    Bool,
    /// Out of a list of texts.
    Select {
        /// Whether it holds an array, not one text.
        multiple: bool,
    },
    /// Points at records of another collection, by that collection's id.
    Relation {
        /// That id.
        collection: String,
        /// Whether it holds an array, not one text.
        multiple: bool,
    },
    /// Names of stored files.
    File {
        /// Whether PocketBase asks for a token before it serves one.
        protected: bool,
        /// Whether it holds an array, not one text.
        multiple: bool,
        /// What it takes.
        limits: FileLimits,
    },
    /// Any JSON.
    Json,
    /// A place on earth: `lon` and `lat`.
    GeoPoint,
    /// Never told to anybody; written, but masked from rules.
    Password,
    /// Set by PocketBase itself; ignored when a client sends it.
    Autodate {
        /// Whether every update sets it, not only the create.
        on_update: bool,
    },
    /// Whatever PocketBase adds.
    Other,
}

/// What a field takes of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLimits {
    /// How many; 0 is 1.
    pub max_select: u64,
    /// Bytes of each; 0 is PocketBase's own default.
    pub max_size: u64,
    /// The types that it takes; none: any.
    pub mime_types: Vec<String>,
}

/// Whether hidden fields are told to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// To superusers.
    Told,
    /// To everybody else.
    Untold,
}

impl Hidden {
    /// Whether they are told to this one.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        if principal.is_superuser() {
            Self::Told
        } else {
            Self::Untold
        }
    }
}

/// What PocketBase tells of each record beside its fields.
const RECORD_KEYS: [&str; 3] = ["collectionId", "collectionName", "expand"];

/// The answer of PocketBase to `GET /api/collections` has not the shape it should.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the list of collections is not as expected at \"{place}\": {problem}")]
pub struct SchemaError {
    /// Where, as a JSON Pointer into the list of pages.
    pub place: String,
    /// What is wrong there.
    pub problem: &'static str,
}

impl Schema {
    /// The collection that a client names: by its id, or by its name in any ASCII case.
    #[must_use]
    pub fn find(&self, named: &CollectionRef) -> Option<&Arc<Collection>> {
        self.by_id_or_name(named.as_str())
    }

    /// The collection of exactly this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<Collection>> {
        self.by_id.get(id)
    }

    /// The collection of this name, in any ASCII case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<Collection>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// All collections, in no order.
    pub fn collections(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.by_id.values()
    }

    fn by_id_or_name(&self, named: &str) -> Option<&Arc<Collection>> {
        self.by_id(named).or_else(|| self.by_name(named))
    }
}

impl Collection {
    /// The field of exactly this name: PocketBase tells field names apart by case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The keys of a record that are none of its fields, or, unless hidden
    /// fields are told, hidden ones.
    pub fn unknown_keys<'a>(
        &'a self,
        record: &'a Map<String, Value>,
        hidden: Hidden,
    ) -> impl Iterator<Item = &'a str> {
        record.keys().map(String::as_str).filter(move |key| {
            !RECORD_KEYS.contains(key)
                && self
                    .field(key)
                    .is_none_or(|field| field.hidden && hidden == Hidden::Untold)
        })
    }

    /// A field that everybody who sees a record sees and that every update
    /// sets: `updated` if that is one, or else the first. Two updates within a
    /// millisecond leave the same there.
    #[must_use]
    pub fn stamp(&self) -> Option<&str> {
        let is_set = FieldKind::Autodate { on_update: true };
        let mut stamps = self
            .fields
            .iter()
            .filter(|field| !field.hidden && field.kind == is_set)
            .map(|field| field.name.as_str());
        let first = stamps.clone().next();
        stamps.find(|name| *name == "updated").or(first)
    }

    /// Whether PocketBase asks for a token before it serves some of its files.
    #[must_use]
    pub fn has_protected_files(&self) -> bool {
        let is_protected = |field: &Field| {
            matches!(
                field.kind,
                FieldKind::File {
                    protected: true,
                    ..
                }
            )
        };
        self.fields.iter().any(is_protected)
    }

    /// Whether its records can log in.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        self.kind == CollectionKind::Auth
    }

    /// Whether it is PocketBase's collection of superusers.
    #[must_use]
    pub fn is_superusers(&self) -> bool {
        self.name == SUPERUSERS
    }
}

impl FileLimits {
    /// Bytes of the largest file.
    #[must_use]
    pub fn largest(&self) -> u64 {
        const DEFAULT: u64 = 5 << 20;
        match self.max_size {
            0 => DEFAULT,
            size => size,
        }
    }
}

impl CollectionKind {
    /// The keys of a body of such a collection that hold secrets.
    fn masked(self, fields: &[Field]) -> Arc<[String]> {
        let passwords = fields
            .iter()
            .filter(|field| field.kind == FieldKind::Password);
        let mut names: Vec<&str> = passwords.map(|field| field.name.as_str()).collect();
        if self == Self::Auth {
            names.extend(["password", "passwordConfirm", "oldPassword", "tokenKey"]);
            names.sort_unstable();
            names.dedup();
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// The keys of the body of a login, a confirmation and the like that hold secrets.
    fn masked_of_logins(self, fields: &[Field]) -> Arc<[String]> {
        let own = Route::secrets().into_iter().map(str::to_owned);
        let mut names: Vec<String> = self.masked(fields).iter().cloned().chain(own).collect();
        names.sort_unstable();
        names.dedup();
        names.into()
    }
}

impl Field {
    /// Whether a filter, a sort or an expand may lead to or through it.
    fn is_open(&self) -> bool {
        !self.hidden && self.kind != FieldKind::Password
    }
}
