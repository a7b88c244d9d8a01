//! Step 3: the key of a day, region and service, derived from the secret key, and the signature.

use std::num::NonZeroUsize;
use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use sha2::Sha256;

use super::{Scope, StringToSign, date, hex};
use crate::credential::Secret;

/// A key that signs for one day, region and service.
#[derive(Clone)]
pub struct SigningKey(Rc<[u8; 32]>);

/// Derived keys, kept for the day: one for each credential, region and service in use.
pub struct SigningKeys(LruCache<Name, SigningKey>);

/// Secret key, date, region, service.
type Name = (String, String, String, String);

const CAPACITY: usize = 64;

impl SigningKey {
    /// Derives the key of a scope.
    pub fn derive(secret_access_key: &Secret, scope: Scope<'_>) -> Self {
        let secret = format!("AWS4{}", secret_access_key.expose());
        let date = hmac(secret.as_bytes(), date(&scope.date_time()).as_bytes());
        let region = hmac(&date, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        Self(Rc::new(hmac(&service, b"aws4_request")))
    }

    /// The signature, in hexadecimal.
    pub fn signature(&self, string_to_sign: &StringToSign) -> String {
        hex(&hmac(
            self.0.as_slice(),
            string_to_sign.to_string().as_bytes(),
        ))
    }
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self(LruCache::new(
            NonZeroUsize::new(CAPACITY).unwrap_or(NonZeroUsize::MIN),
        ))
    }
}

impl SigningKeys {
    /// The key of a scope, derived once; `date_time` is the scope's moment, written.
    pub(super) fn key(
        &mut self,
        secret_access_key: &Secret,
        scope: Scope<'_>,
        date_time: &str,
    ) -> SigningKey {
        let name = (
            secret_access_key.expose().to_owned(),
            date(date_time).to_owned(),
            scope.region.to_owned(),
            scope.service.to_owned(),
        );
        self.0
            .get_or_insert(name, || SigningKey::derive(secret_access_key, scope))
            .clone()
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        // HMAC takes keys of every length; the type of its constructor cannot say so.
        Err(_) => [0; 32],
    }
}
