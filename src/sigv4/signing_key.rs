//! Step 3: the key of a day, region and service, derived from the secret key, and the signature.

use std::num::NonZeroUsize;
use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use sha2::Sha256;

use super::{Scope, StringToSign, date, hex};
use crate::credential::Secret;

/// A key that signs for one day, region and service, worked into the hash already.
#[derive(Clone)]
pub struct SigningKey(Rc<Hmac<Sha256>>);

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
        Self(Rc::new(keyed(&hmac(&service, b"aws4_request"))))
    }

    /// The signature, in hexadecimal.
    pub fn signature(&self, string_to_sign: &StringToSign) -> String {
        let mac = Hmac::clone(&self.0).chain_update(string_to_sign.to_string());
        hex(&mac.finalize().into_bytes())
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
    let mac = keyed(key).chain_update(message);
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length; the type of this constructor cannot say so.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}
