//! Tokens that passed, so that a client's second request costs a look-up and not a signature check.

use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;

use super::IssuerIndex;
use super::jwk::VerificationKey;
use super::jwt::Claims;
use crate::time::UnixTime;

/// A bounded cache with the whole token as key: two tokens never share an entry.
pub(super) struct TokenCache {
    entries: LruCache<Box<[u8]>, Entry>,
}

struct Entry {
    claims: Rc<Claims>,
    key: Rc<VerificationKey>,
}

impl TokenCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: LruCache::new(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN)),
        }
    }

    /// The claims of a token that passed before and has not expired since.
    pub(super) fn get(&mut self, token: &[u8], now: UnixTime) -> Option<Rc<Claims>> {
        let claims = Rc::clone(&self.entries.get(token)?.claims);
        if now < claims.expires_at {
            return Some(claims);
        }
        self.entries.pop(token);
        None
    }

    /// Keeps a token that passed, and the key that it was signed with.
    pub(super) fn insert(&mut self, token: &[u8], claims: Rc<Claims>, key: Rc<VerificationKey>) {
        self.entries.put(token.into(), Entry { claims, key });
    }

    /// Drops an issuer's tokens whose key is not among its keys any more.
    pub(super) fn drop_withdrawn(&mut self, issuer: IssuerIndex, keys: &[Rc<VerificationKey>]) {
        let withdrawn: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                let fingerprint = entry.key.fingerprint();
                entry.claims.issuer == issuer
                    && !keys.iter().any(|key| key.fingerprint() == fingerprint)
            })
            .map(|(token, _)| token.clone())
            .collect();
        for token in withdrawn {
            self.entries.pop(&token);
        }
    }
}

#[cfg(test)]
mod tests;
