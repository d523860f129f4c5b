//! How values are written: what an editor is told of them, and how defaults read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::limits::Class;

/// A duration, in the file.
pub(in crate::config) struct Duration;

/// A number of bytes.
pub(in crate::config) struct Size;

/// An address with its port.
pub(in crate::config) struct Address;

/// A way to compress answers.
pub(in crate::config) struct Encoding;

/// The limits of one collection, by what they count.
pub(in crate::config) struct RatesOfCollection;

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration, like \"250ms\", \"30s\", \"5m\", \"12h\" or \"90d\".",
            "pattern": "^\\s*([0-9]+\\s*[a-zA-Zµ]+\\s*)+$"
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A number of bytes, like \"64KiB\", \"2MiB\" or \"4GiB\".",
            "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*[a-zA-Z]*\\s*$",
            "minimum": 0
        })
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An IP address and a port, like \"127.0.0.1:8090\" or \"[::]:443\".",
            "pattern": "^(\\[[0-9a-fA-F:.%]+\\]|[0-9.]+):[0-9]+$"
        })
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names =
            crate::exchange::encoding::Encoding::ALL.map(crate::exchange::encoding::Encoding::name);
        json_schema!({
            "type": "string",
            "description": "A way to compress answers.",
            "enum": names
        })
    }
}

impl JsonSchema for RatesOfCollection {
    fn schema_name() -> Cow<'static, str> {
        "RatesOfCollection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rate = generator.subschema_for::<super::Rate>();
        let rates: serde_json::Map<String, serde_json::Value> = Class::ALL
            .iter()
            .map(|class| (class.as_str().to_owned(), rate.clone().to_value()))
            .collect();
        json_schema!({
            "type": "object",
            "description": "The limits of one collection, by what they count.",
            "additionalProperties": false,
            "properties": rates
        })
    }
}

/// Durations: read as `humantime` does, told in one unit.
#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it so"
)]
pub(in crate::config) mod duration {
    use std::time::Duration;

    use serde::Serializer;

    pub(in crate::config) use humantime_serde::deserialize;

    /// Units that divide each other, the largest first, in milliseconds.
    const UNITS: [(&str, u128); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];

    pub(in crate::config) fn text(duration: Duration) -> String {
        let whole = duration.as_millis();
        let unit = UNITS.iter().find(|(_, unit)| whole.is_multiple_of(*unit));
        match unit {
            Some((name, unit)) if whole > 0 => format!("{}{name}", whole / unit),
            _ => format!("{}s", duration.as_secs()),
        }
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*duration))
    }

    /// The same where it may be left out.
    pub(in crate::config) mod option {
        use std::time::Duration;

        use serde::Serializer;

        pub(in crate::config) use humantime_serde::option::deserialize;

        pub(in crate::config) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => serializer.serialize_str(&super::text(*duration)),
                None => serializer.serialize_none(),
            }
        }
    }
}

/// Sizes: read as `bytesize` does, told in the largest unit that leaves no rest.
#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it so"
)]
pub(in crate::config) mod size {
    use bytesize::ByteSize;
    use serde::{Deserialize, Deserializer, Serializer};

    const UNITS: [(&str, u64); 4] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ];

    pub(in crate::config) fn text(size: ByteSize) -> String {
        let bytes = size.as_u64();
        let unit = UNITS.iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
        match unit {
            Some((name, unit)) if bytes > 0 => format!("{}{name}", bytes / unit),
            _ => format!("{bytes}B"),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ByteSize, D::Error> {
        ByteSize::deserialize(deserializer)
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        size: &ByteSize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*size))
    }

    /// The same where it may be left out.
    pub(in crate::config) mod option {
        use bytesize::ByteSize;
        use serde::{Deserialize, Deserializer, Serializer};

        pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<ByteSize>, D::Error> {
            Option::deserialize(deserializer)
        }

        pub(in crate::config) fn serialize<S: Serializer>(
            size: &Option<ByteSize>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match size {
                Some(size) => serializer.serialize_str(&super::text(*size)),
                None => serializer.serialize_none(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;

    use super::{duration, size};

    #[test]
    fn values_are_told_as_one_would_write_them() {
        let durations = [
            (Duration::from_millis(100), "100ms"),
            (Duration::from_millis(1_500), "1500ms"),
            (Duration::from_secs(75), "75s"),
            (Duration::from_mins(1), "1m"),
            (Duration::from_hours(24 * 365), "365d"),
            (Duration::ZERO, "0s"),
        ];
        for (value, expected) in durations {
            assert_eq!(duration::text(value), expected);
        }
        let sizes = [
            (ByteSize::mib(2), "2MiB"),
            (ByteSize::kib(1), "1KiB"),
            (ByteSize::b(1_000), "1000B"),
            (ByteSize::gib(4), "4GiB"),
            (ByteSize::b(0), "0B"),
        ];
        for (value, expected) in sizes {
            assert_eq!(size::text(value), expected);
        }
    }
}
