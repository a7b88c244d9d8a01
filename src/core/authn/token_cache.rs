//! Accepted tokens, so that a client's second request costs a look-up instead of a signature
//! verification, and the results of verifying the signatures of other tokens.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;
use sha2::{Digest, Sha256};

use super::jwk::{KeySetFingerprint, VerificationKey};
use super::jwt::{Claims, IssuerIndex};
use crate::base::bytes::equal_by_words;
use crate::base::hash::FxBuildHasher;
use crate::base::time::UnixTime;

/// A bounded cache. Its keys are the last bytes of tokens, which are part of the signature. An
/// entry is used only if the whole token is the same.
pub(super) struct TokenCache {
    /// Keys come from verified tokens only, so a client cannot force hash collisions.
    entries: LruCache<TokenEnd, Entry, FxBuildHasher>,
}

/// The last bytes of a token.
type TokenEnd = [u8; 32];

struct Entry {
    token: Box<[u8]>,
    claims: Rc<Claims>,
    key: Rc<VerificationKey>,
}

impl TokenCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: LruCache::with_hasher(
                NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN),
                FxBuildHasher,
            ),
        }
    }

    /// The claims of a cached token that has not expired.
    pub(super) fn get(&mut self, token: &[u8], now: UnixTime) -> Option<Rc<Claims>> {
        let end = end(token);
        let entry = self.entries.get(&end)?;
        if !equal_by_words(&entry.token, token) {
            return None;
        }
        if now < entry.claims.expires_at {
            return Some(Rc::clone(&entry.claims));
        }
        self.entries.pop(&end);
        None
    }

    /// Adds an accepted token and the key that signed it.
    pub(super) fn insert(&mut self, token: &[u8], claims: Rc<Claims>, key: Rc<VerificationKey>) {
        let entry = Entry {
            token: token.into(),
            claims,
            key,
        };
        self.entries.put(end(token), entry);
    }

    /// Drops an issuer's tokens whose key is no longer among its keys.
    pub(super) fn drop_withdrawn(&mut self, issuer: IssuerIndex, keys: &[Rc<VerificationKey>]) {
        let withdrawn: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                let fingerprint = entry.key.fingerprint();
                entry.claims.issuer == issuer
                    && !keys.iter().any(|key| key.fingerprint() == fingerprint)
            })
            .map(|(end, _)| *end)
            .collect();
        for end in withdrawn {
            self.entries.pop(&end);
        }
    }
}

/// Which key, if any, signed each of the tokens that were rejected last. A token whose signature has
/// been verified is not verified again with the same keys, whether its client repeats it or it has
/// waited for a fetch that brought no new keys.
///
/// Only tokens that are not accepted are looked up here, so a search from end to end is fast enough.
#[derive(Default)]
pub(super) struct SignatureResults(VecDeque<SignatureResult>);

/// The verification of one token with the keys of one set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SignatureCheck {
    token: [u8; 32],
    keys: KeySetFingerprint,
}

/// The result of a [`SignatureCheck`].
pub(super) struct SignatureResult {
    check: SignatureCheck,
    /// The key that signed the token, if one of the set did.
    pub(super) signing_key: Option<Rc<VerificationKey>>,
}

/// The results that each worker keeps: as many as requests can wait for a fetch.
const MAX_SIGNATURE_RESULTS: usize = 1000;

impl SignatureCheck {
    pub(super) fn new(token: &[u8], keys: KeySetFingerprint) -> Self {
        Self {
            token: Sha256::digest(token).into(),
            keys,
        }
    }
}

impl SignatureResults {
    /// The result, if the token has been verified with this set.
    pub(super) fn get(&self, check: &SignatureCheck) -> Option<&SignatureResult> {
        self.0.iter().find(|result| result.check == *check)
    }

    /// Adds a result. The oldest one makes room for it.
    pub(super) fn insert(
        &mut self,
        check: SignatureCheck,
        signing_key: Option<Rc<VerificationKey>>,
    ) {
        if self.get(&check).is_some() {
            return;
        }
        if self.0.len() >= MAX_SIGNATURE_RESULTS {
            self.0.pop_front();
        }
        self.0.push_back(SignatureResult { check, signing_key });
    }
}

fn end(token: &[u8]) -> TokenEnd {
    token.last_chunk().copied().unwrap_or_else(|| {
        let mut end = TokenEnd::default();
        for (byte, of_token) in end.iter_mut().zip(token) {
            *byte = *of_token;
        }
        end
    })
}

#[cfg(test)]
mod tests;
