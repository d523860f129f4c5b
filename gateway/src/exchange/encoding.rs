//! How an answer may be compressed, and which of these ways a client takes.

use http::{HeaderMap, HeaderValue, header};

/// A way to compress an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Br,
    /// RFC 1952.
    Gzip,
}

/// How much a client wants something, in thousandths.
type Weight = u16;

const WHOLE: Weight = 1_000;

impl Encoding {
    /// The ones that there are, dearest to us first.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Br, Self::Gzip];

    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The one of those on offer that a client wants most; of equals the first. None: as it is.
    #[must_use]
    pub fn wanted(offered: &[Self], headers: &HeaderMap) -> Option<Self> {
        let mut best = None;
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return best;
        }
        let mut most = weight(headers, "identity").unwrap_or_default();
        for encoding in offered {
            let weight = encoding.weight(headers);
            // What is wanted as much as no encoding at all is still shorter.
            if weight > most || (weight == most && weight > 0 && best.is_none()) {
                (best, most) = (Some(*encoding), weight);
            }
        }
        best
    }

    fn weight(self, headers: &HeaderMap) -> Weight {
        let own = weight(headers, self.name());
        let any = || weight(headers, "*");
        own.or_else(any).unwrap_or_default()
    }
}

/// What a client says of one name. None: nothing.
fn weight(headers: &HeaderMap, name: &str) -> Option<Weight> {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut entries = texts.flat_map(|text| text.split(','));
    entries.find_map(|entry| {
        let (own, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        own.trim().eq_ignore_ascii_case(name).then(|| {
            let quality = parameters.trim().strip_prefix(['q', 'Q']);
            match quality.and_then(|rest| rest.trim_start().strip_prefix('=')) {
                Some(quality) => thousandths(quality.trim()),
                None => WHOLE,
            }
        })
    })
}

/// What can't be read is not wanted.
fn thousandths(quality: &str) -> Weight {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit()) && fraction.len() <= 3;
    match (whole, format!("{fraction:0<3}").parse::<Weight>()) {
        ("1", Ok(0)) => WHOLE,
        ("0", Ok(thousandths)) if is_number => thousandths,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accepted: &str, expected: Option<Encoding>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
        assert_eq!(
            Encoding::wanted(&Encoding::ALL, &headers),
            expected,
            "{accepted}"
        );
    }

    #[test]
    fn the_client_says_which_and_we_which_of_equals() {
        check("gzip, deflate, br, zstd", Some(Encoding::Zstd));
        check("gzip, deflate, br", Some(Encoding::Br));
        check("GZIP", Some(Encoding::Gzip));
        check("*", Some(Encoding::Zstd));
        check("*, zstd;q=0", Some(Encoding::Br));
        check("br;q=0.5, gzip;q=0.501", Some(Encoding::Gzip));
        check("zstd ; Q = 0.1, br; q=1.0", Some(Encoding::Br));
        check("gzip, identity", Some(Encoding::Gzip));
        check("identity;q=0, gzip", Some(Encoding::Gzip));
        for none in [
            "",
            "identity",
            "deflate",
            "gzip;q=0",
            "gzip;q=0.0",
            "gzip;q=2",
            "gzip;q=x",
            "gzip;q=0.0001",
            "gzip;q=0.5, identity",
            "gzipped",
            "*;q=0",
        ] {
            check(none, None);
        }
        assert_eq!(Encoding::wanted(&Encoding::ALL, &HeaderMap::new()), None);
    }
}
