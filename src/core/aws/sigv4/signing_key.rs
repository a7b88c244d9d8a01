//! Step 3: deriving a signing key for a day, region and service from the secret key, and signing.

use std::rc::Rc;

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{Scope, StringToSign, date};
use crate::base::secret::Secret;
use crate::http::encoding::hex;

/// A key that signs for one day, region and service, as a keyed hash.
#[derive(Clone)]
pub struct SigningKey(Rc<Hmac<Sha256>>);

/// The derived keys in use: one for each credential, day, region and service, most recently used
/// first.
#[derive(Default)]
pub struct SigningKeys(Vec<CachedKey>);

struct CachedKey {
    secret_access_key: Secret,
    date: String,
    region: String,
    service: String,
    key: SigningKey,
}

/// The most derived keys that are cached.
const CAPACITY: usize = 64;

impl SigningKey {
    /// Derives the key of a scope.
    pub fn derive(secret_access_key: &Secret, scope: Scope<'_>) -> Self {
        let secret = format!("AWS4{}", secret_access_key.expose());
        let date = hmac(
            secret.as_bytes(),
            date(&scope.time.iso_8601_basic()).as_bytes(),
        );
        let region = hmac(&date, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        Self(Rc::new(hmac_with_key(&hmac(&service, b"aws4_request"))))
    }

    /// The signature, in hexadecimal.
    pub fn signature(&self, string_to_sign: &StringToSign) -> String {
        let mac = Hmac::clone(&self.0).chain_update(string_to_sign.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

impl SigningKeys {
    /// The key of a scope, derived at its first use. `date` is the scope's day as it is signed.
    pub(super) fn key(
        &mut self,
        secret_access_key: &Secret,
        scope: Scope<'_>,
        date: &str,
    ) -> SigningKey {
        let matches = |cached: &CachedKey| {
            cached.date == date
                && cached.region == scope.region
                && cached.service == scope.service
                && cached.secret_access_key == *secret_access_key
        };
        let position = self.0.iter().position(matches);
        let cached = position.map_or_else(
            || CachedKey {
                secret_access_key: secret_access_key.clone(),
                date: date.to_owned(),
                region: scope.region.to_owned(),
                service: scope.service.to_owned(),
                key: SigningKey::derive(secret_access_key, scope),
            },
            |position| self.0.remove(position),
        );
        let key = cached.key.clone();
        self.0.truncate(CAPACITY - 1);
        self.0.insert(0, cached);
        key
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = hmac_with_key(key).chain_update(message);
    mac.finalize().into_bytes().into()
}

/// An HMAC with a key of any length. [`KeyInit::new_from_slice`] could do it, too, but returns a
/// `Result`, and there is no key to fall back to. [`KeyInit::new`] cannot fail: it takes a key of
/// exactly one block, which RFC 2104 §2 makes of any other.
fn hmac_with_key(key: &[u8]) -> Hmac<Sha256> {
    let digest;
    let key = if key.len() > size_of::<Key<Hmac<Sha256>>>() {
        digest = Sha256::digest(key);
        digest.as_slice()
    } else {
        key
    };
    let mut block = Key::<Hmac<Sha256>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.2, 4.3, 4.4 and 4.7: keys shorter than a digest, of a digest's length, and
    /// longer than a block.
    #[test]
    fn the_published_macs_are_made() {
        let cases: [(&[u8], &[u8], &str); 4] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, mac) in cases {
            assert_eq!(hex(&hmac(key, message)), mac);
        }
    }

    #[test]
    fn keys_of_every_length_are_used_and_none_becomes_the_default_key() {
        let default_key = Hmac::<Sha256>::new(&Key::<Hmac<Sha256>>::default());
        let default_mac: [u8; 32] = default_key
            .chain_update("message")
            .finalize()
            .into_bytes()
            .into();
        for length in 1..200 {
            let key: Vec<u8> = (1..=length).collect();
            let expected = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let expected: [u8; 32] = expected
                .chain_update("message")
                .finalize()
                .into_bytes()
                .into();
            assert_eq!(hmac(&key, b"message"), expected, "{length}");
            assert_ne!(hmac(&key, b"message"), default_mac, "{length}");
        }
    }
}
