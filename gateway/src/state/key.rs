//! The key of a state folder, and what is sealed with it.

use std::fs;
use std::io;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

use super::{StateError, is_private, write_new};

/// Bytes of a key, and of a code made with it.
const LENGTH: usize = 32;

/// Made at random for a folder, and known to it alone.
pub(super) struct Key(hmac::Key);

impl Key {
    /// Reads it, or makes it where there is none.
    pub(super) fn load_or_make(file: &Path) -> Result<Self, StateError> {
        if let Some(key) = Self::load(file)? {
            return Ok(key);
        }
        let mut bytes = [0; LENGTH];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| bad(file, "the system gave no randomness to make it of"))?;
        write_new(file, &bytes).map_err(|problem| bad(file, &problem.to_string()))?;
        Ok(Self::of(&bytes))
    }

    /// Reads it; none where there is none.
    pub(super) fn load(file: &Path) -> Result<Option<Self>, StateError> {
        let metadata = match fs::metadata(file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(bad(file, &problem.to_string())),
        };
        is_private(&metadata).map_err(|problem| bad(file, &problem))?;
        let bytes = fs::read(file).map_err(|problem| bad(file, &problem.to_string()))?;
        if bytes.len() != LENGTH {
            // Of a start that was cut short; nothing can have been sealed with it.
            let problem = "is not 32 bytes long; remove it, and with it all that it sealed";
            return Err(bad(file, problem));
        }
        Ok(Some(Self::of(&bytes)))
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub(super) fn seal(&self, purpose: &str, bytes: &[u8]) -> Vec<u8> {
        let code = hmac::sign(&self.0, digest(purpose, bytes).as_ref());
        let mut sealed = Vec::with_capacity(LENGTH + bytes.len());
        sealed.extend_from_slice(code.as_ref());
        sealed.extend_from_slice(bytes);
        sealed
    }

    pub(super) fn unseal<'a>(&self, purpose: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (code, bytes) = sealed.split_at_checked(LENGTH)?;
        hmac::verify(&self.0, digest(purpose, bytes).as_ref(), code).ok()?;
        Some(bytes)
    }
}

/// What the code is made of: of the bytes themselves it would need a copy of them
/// behind their purpose. The purpose's length keeps it apart from the bytes.
fn digest(purpose: &str, bytes: &[u8]) -> digest::Digest {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&(purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    hash.update(bytes);
    hash.finish()
}

fn bad(file: &Path, problem: &str) -> StateError {
    StateError::Key {
        file: file.to_owned(),
        problem: problem.to_owned(),
    }
}
