//! A secret that somebody is to show: what is kept of it is a code, and codes are compared
//! in constant time.

use std::fmt;
use std::sync::LazyLock;

use ring::{hmac, rand};

/// A secret, as a code of it that means nothing outside this process.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// Made at the first use. Without randomness there is no safe comparison, and so no key.
static OWN: LazyLock<Option<hmac::Key>> =
    LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok());

impl Key {
    /// None: the system has no randomness, and nothing would be safe.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let code = hmac::sign(OWN.as_ref()?, secret.as_bytes());
        code.as_ref().try_into().ok().map(Self)
    }

    /// Whether it is the one.
    #[must_use]
    pub fn opens(&self, given: &[u8]) -> bool {
        OWN.as_ref()
            .is_some_and(|own| hmac::verify(own, given, &self.0).is_ok())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn only_the_key_opens() {
        let key = Key::new("0123456789abcdef").unwrap();
        assert!(key.opens(b"0123456789abcdef"));
        for wrong in [
            "",
            "0123456789abcdeg",
            "0123456789abcdef ",
            "0123456789abcde",
        ] {
            assert!(!key.opens(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn keys_are_the_same_when_their_secrets_are_and_tell_nothing_of_them() {
        let [one, again, other] =
            ["one of sixteen!!", "one of sixteen!!", "another one here"].map(Key::new);
        assert!(one == again && one != other);
        assert_eq!(format!("{one:?}"), "Some([key])");
    }
}
