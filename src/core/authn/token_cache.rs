//! Accepted tokens, so that a client's second request costs a look-up instead of a signature
//! verification, and the results of verifying the signatures of other tokens.

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
pub(super) struct SignatureResults {
    /// By digest, because the tokens are not verified: their ends are chosen by clients.
    entries: LruCache<TokenDigest, SignatureResult, FxBuildHasher>,
}

/// The digest of a whole token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TokenDigest([u8; 32]);

/// The verification of one token with the keys of one set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SignatureCheck {
    pub(super) token: TokenDigest,
    pub(super) keys: KeySetFingerprint,
}

/// The result of a [`SignatureCheck`].
pub(super) struct SignatureResult {
    keys: KeySetFingerprint,
    /// The key that signed the token, if one of the set did.
    pub(super) signing_key: Option<Rc<VerificationKey>>,
}

/// The results that each worker keeps: as many as requests can wait for a fetch.
const MAX_SIGNATURE_RESULTS: usize = 1000;

impl TokenDigest {
    pub(super) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl SignatureResults {
    /// The result, if the token has been verified with this set.
    pub(super) fn get(&mut self, check: &SignatureCheck) -> Option<&SignatureResult> {
        let result = self.entries.get(&check.token)?;
        (result.keys == check.keys).then_some(result)
    }

    pub(super) fn insert(
        &mut self,
        check: SignatureCheck,
        signing_key: Option<Rc<VerificationKey>>,
    ) {
        let SignatureCheck { token, keys } = check;
        let result = SignatureResult { keys, signing_key };
        self.entries.put(token, result);
    }
}

impl Default for SignatureResults {
    fn default() -> Self {
        Self {
            entries: LruCache::with_hasher(
                NonZeroUsize::new(MAX_SIGNATURE_RESULTS).unwrap_or(NonZeroUsize::MIN),
                FxBuildHasher,
            ),
        }
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
