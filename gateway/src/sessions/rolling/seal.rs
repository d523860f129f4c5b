//! What is secret in the database of sessions: sealed so that nobody without the state
//! folder's key reads or changes it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::StoreError;

/// Bytes of a key.
pub(super) const KEY: usize = 32;

/// Seals and opens.
pub(super) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    pub(super) fn new(key: &[u8; KEY]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| StoreError::Random)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }

    /// A secret, sealed; it opens in its own place alone.
    pub(super) fn close(&self, place: &[u8], secret: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = random(&self.random)?;
        let mut sealed = secret.to_vec();
        let aad = Aad::from(place);
        let tag = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(tag, aad, &mut sealed);
        let tag = tag.map_err(|_| StoreError::Random)?;
        Ok([&nonce, sealed.as_slice(), tag.as_ref()].concat())
    }

    /// A secret again; none if it was sealed for another place, or by another key, or changed.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut secret = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(place), &mut secret);
        let length = opened.ok()?.len();
        secret.truncate(length);
        Some(secret)
    }
}

/// Random bytes.
pub(super) fn random<const BYTES: usize>(random: &SystemRandom) -> Result<[u8; BYTES], StoreError> {
    let mut bytes = [0; BYTES];
    random.fill(&mut bytes).map_err(|_| StoreError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place_and_unchanged(
            secret in proptest::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let seal = Seal::new(&[1; KEY]).unwrap();
            let mut sealed = seal.close(b"one", &secret).unwrap();
            prop_assert_eq!(seal.open(b"one", &sealed), Some(secret.clone()));
            prop_assert_eq!(seal.open(b"two", &sealed), None);
            let other = Seal::new(&[2; KEY]).unwrap();
            prop_assert_eq!(other.open(b"one", &sealed), None);
            // The same secret never looks the same.
            prop_assert_ne!(seal.close(b"one", &secret).unwrap(), sealed.clone());
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(seal.open(b"one", &sealed), None);
        }
    }
}
