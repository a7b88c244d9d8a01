//! Step 3: the key of a day, region and service, derived from the secret key, and the signature.

use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Scope, StringToSign, date};
use crate::base::secret::Secret;
use crate::http::encoding::hex;

/// A key that signs for one day, region and service, worked into the hash already.
#[derive(Clone)]
pub struct SigningKey(Rc<Hmac<Sha256>>);

/// Derived keys, kept for the day: one for each credential, region and service in use, the last used first.
#[derive(Default)]
pub struct SigningKeys(Vec<Named>);

struct Named {
    secret_access_key: Secret,
    date: String,
    region: String,
    service: String,
    key: SigningKey,
}

const CAPACITY: usize = 64;

impl SigningKey {
    /// Derives the key of a scope.
    pub fn derive(secret_access_key: &Secret, scope: Scope<'_>) -> Self {
        let secret = format!("AWS4{}", secret_access_key.expose());
        let date = hmac(secret.as_bytes(), date(&scope.time.basic()).as_bytes());
        let region = hmac(&date, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        Self(Rc::new(keyed(&hmac(&service, b"aws4_request"))))
    }

    /// The signature, in hexadecimal.
    pub fn signature(&self, string_to_sign: &StringToSign) -> String {
        let mac = Hmac::clone(&self.0).chain_update(string_to_sign.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

impl SigningKeys {
    /// The key of a scope, derived once; `date` is the scope's day, written.
    pub(super) fn key(
        &mut self,
        secret_access_key: &Secret,
        scope: Scope<'_>,
        date: &str,
    ) -> SigningKey {
        let is_wanted = |named: &Named| {
            named.date == date
                && named.region == scope.region
                && named.service == scope.service
                && named.secret_access_key == *secret_access_key
        };
        let place = self.0.iter().position(is_wanted);
        let named = place.map_or_else(
            || Named {
                secret_access_key: secret_access_key.clone(),
                date: date.to_owned(),
                region: scope.region.to_owned(),
                service: scope.service.to_owned(),
                key: SigningKey::derive(secret_access_key, scope),
            },
            |place| self.0.remove(place),
        );
        let key = named.key.clone();
        self.0.truncate(CAPACITY - 1);
        self.0.insert(0, named);
        key
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
