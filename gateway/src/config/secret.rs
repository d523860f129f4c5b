//! Whether a secret is one: long enough, and nothing that somebody would try first.

use super::{ConfigError, invalid};

/// Shorter keys and secrets can be guessed.
const SHORTEST: usize = 16;

/// Fewer different characters are a pattern, whatever the length.
const FEWEST_DIFFERENT: usize = 6;

/// What documents, images of containers and tired people write where a secret belongs. A
/// secret that is nothing but such words, with digits and signs between, is known to everybody.
const KNOWN: [&str; 35] = [
    "admin",
    "administrator",
    "a",
    "an",
    "api",
    "app",
    "change",
    "changed",
    "changeit",
    "changeme",
    "default",
    "demo",
    "dev",
    "dummy",
    "example",
    "hapta",
    "hmac",
    "insecure",
    "is",
    "jwt",
    "key",
    "me",
    "my",
    "pass",
    "passphrase",
    "password",
    "please",
    "pocketbase",
    "qwerty",
    "secret",
    "super",
    "test",
    "this",
    "token",
    "your",
];

/// Refuses a secret that could be guessed. The message never repeats it. None is for whoever asks
/// to judge.
pub(super) fn check(key: &str, secret: Option<&str>) -> Result<(), ConfigError> {
    let Some(secret) = secret else {
        return Ok(());
    };
    let advice = "for one, run: openssl rand -base64 32";
    if secret.chars().count() < SHORTEST {
        let problem = format!(
            "is too short to be safe; use at least {SHORTEST} random characters ({advice})"
        );
        return Err(invalid(key, problem));
    }
    if is_pattern(secret) || is_known(secret) {
        let problem = format!("is one that would be tried first; use a random one ({advice})");
        return Err(invalid(key, problem));
    }
    Ok(())
}

/// Whether it is made of few characters, or is one piece over and over.
fn is_pattern(secret: &str) -> bool {
    let characters: Vec<char> = secret.chars().collect();
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    let repeats = |period: usize| {
        let later = characters.iter().skip(period);
        characters
            .iter()
            .zip(later)
            .all(|(one, other)| one == other)
    };
    // Half of it once more is no longer than half of it.
    different.len() < FEWEST_DIFFERENT || (1..=characters.len() / 2).any(repeats)
}

/// Whether nothing is left of it without what everybody knows.
fn is_known(secret: &str) -> bool {
    let plain = secret.to_ascii_lowercase();
    let letters = plain
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty());
    let mut words = letters.peekable();
    // Of digits and signs alone a secret may be, if it is no pattern.
    words.peek().is_some() && words.all(is_made_of_known)
}

/// Whether a word can be cut into known ones.
fn is_made_of_known(word: &str) -> bool {
    let mut reached = vec![false; word.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for at in 0..word.len() {
        let is_reached = reached.get(at).copied().unwrap_or_default();
        let Some(rest) = word.get(at..).filter(|_| is_reached) else {
            continue;
        };
        for known in KNOWN.iter().filter(|known| rest.starts_with(**known)) {
            if let Some(end) = reached.get_mut(at + known.len()) {
                *end = true;
            }
        }
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_tried_first_is_refused_and_not_repeated() {
        for secret in [
            "",
            "brief",
            "fifteen-letters",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababababab",
            "0123456701234567",
            "111111112222222233333333",
            "k7Qd9xZr-k7Qd9xZr-k7Qd9xZr",
            "changemechangeme",
            "change-me-please",
            "Change.Me.Please.123",
            "my-super-secret-key",
            "YourSecretKey123456",
            "thisisasecretkey!",
            "admin_password_2024",
            "hapta-admin-key-2025",
            "TEST-TEST-secret",
        ] {
            let error = check("HAPTA_ADMIN_KEY", Some(secret)).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("HAPTA_ADMIN_KEY: is "), "{message}");
            assert!(secret.is_empty() || !message.contains(secret), "{message}");
        }
    }

    #[test]
    fn what_nobody_knows_is_taken() {
        for secret in [
            "0123456789abcdef",
            "admin-key-of-the-tests",
            "3f6c2c1e9f5d4d0b8a7e6f5c4b3a2918",
            "V2hhdCBhIHdvcmxkIQ+/9xZr",
            "correct horse battery staple",
            "9174620583617294",
            "\u{fc}ber-alle-Berge-und-T\u{e4}ler",
        ] {
            assert!(check("KEY", Some(secret)).is_ok(), "{secret}");
        }
        assert!(check("KEY", None).is_ok());
    }
}
