//! Authentication: verifies a caller's token and returns its [`Claims`], or why it is rejected.
//!
//! The issuer is chosen by the token's `iss` before any key is looked up, and the key by `kid`
//! among that issuer's keys only. Claims are read after the signature has been verified. Accepted
//! tokens are cached until they expire or their key is withdrawn. For other tokens it is remembered
//! which key signed them, if any, so that a token is not verified twice with the same keys.

pub mod jwk;
pub mod jwks;
pub mod jwt;
pub mod signature;

mod key_waits;
mod token_cache;

use std::rc::Rc;
use std::time::Duration;

pub use key_waits::KeyWaits;

use jwk::{Algorithm, VerificationKey};
use jwks::{IssuerStatus, JwksCache, JwksReport, JwksSource, KeyMiss};
use jwt::{Audiences, Claims, IssuerIndex, TokenError, UnverifiedToken};
use signature::SignatureVerifier;
use token_cache::{SignatureCheck, SignatureResults, TokenCache};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};

/// An accepted issuer, and what its tokens must contain.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The `iss` claim of its tokens, compared byte for byte.
    pub issuer: String,
    /// For whom its tokens must be meant.
    pub audiences: Audiences,
    /// The accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// The tolerance for `nbf` and `iat`.
    pub clock_skew: Duration,
    /// Where its keys come from.
    pub keys: JwksSource,
}

/// The outcome of a token's authentication.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The token is valid.
    Accepted(Rc<Claims>),
    /// The token is not valid.
    Rejected(TokenError),
    /// The issuer's keys are being fetched. Authenticate again when the fetch has ended.
    AwaitingKeys(IssuerIndex),
    /// The issuer's keys cannot be fetched.
    KeysUnavailable {
        /// The time until the next attempt.
        retry_after: Duration,
    },
}

/// Verifies tokens of the configured issuers. It keeps the issuers' keys and the accepted tokens.
pub struct Authenticator {
    issuers: Vec<(Issuer, JwksCache)>,
    limits: TokenLimits,
    cache: TokenCache,
    signature_results: SignatureResults,
    verifier: Rc<dyn SignatureVerifier>,
    cache_stats: CacheStats,
    clock_ahead: Duration,
}

/// The limits of an [`Authenticator`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenLimits {
    /// Longer tokens are rejected without parsing.
    pub max_bytes: usize,
    /// How many accepted tokens are cached.
    pub cache_size: usize,
}

/// With how many keys a token is verified. Without `kid`, a token may be signed with any of its
/// issuer's keys, and each verification costs an unauthenticated client nothing.
const MAX_KEYS_TRIED: usize = 2;

/// How many accepted tokens were in the cache, and how many were not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheStats {
    /// Tokens that were in the cache.
    pub hits: u64,
    /// Tokens whose signature had to be verified.
    pub misses: u64,
}

impl Authenticator {
    /// An authenticator whose remote keys are not fetched yet.
    pub fn new(
        issuers: &[Issuer],
        limits: TokenLimits,
        verifier: Rc<dyn SignatureVerifier>,
        shared_data: &dyn SharedData,
    ) -> Self {
        Self {
            issuers: issuers
                .iter()
                .map(|issuer| (issuer.clone(), JwksCache::new(&issuer.keys, shared_data)))
                .collect(),
            limits,
            cache: TokenCache::new(limits.cache_size),
            signature_results: SignatureResults::default(),
            verifier,
            cache_stats: CacheStats::default(),
            clock_ahead: Duration::ZERO,
        }
    }

    /// Authenticates one token of a request. `waits` says whether the request may wait for keys.
    pub fn authenticate(&mut self, token: &[u8], waits: &KeyWaits, now: UnixTime) -> Verdict {
        if let Some(claims) = self.cache.get(token, now) {
            self.cache_stats.hits += 1;
            return Verdict::Accepted(claims);
        }
        match self.verify(token, waits, now) {
            Ok(claims) => {
                self.cache_stats.misses += 1;
                Verdict::Accepted(claims)
            }
            Err(NoClaims::Rejected(error)) => Verdict::Rejected(error),
            Err(NoClaims::AwaitingKeys(issuer)) => Verdict::AwaitingKeys(issuer),
            Err(NoClaims::KeysUnavailable(retry_after)) => Verdict::KeysUnavailable { retry_after },
        }
    }

    /// Whether a token claims to come from one of the configured issuers. Nothing is verified.
    pub fn is_from_known_issuer(&self, token: &[u8]) -> bool {
        token.len() <= self.limits.max_bytes
            && UnverifiedToken::parse(token).is_ok_and(|token| {
                self.issuers
                    .iter()
                    .any(|(issuer, _)| issuer.issuer == token.issuer)
            })
    }

    /// Takes over what other workers fetched, and starts the fetches that are due.
    pub fn poll(
        &mut self,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Vec<(IssuerIndex, Poll)> {
        let mut polls = Vec::new();
        for (index, (_, keys)) in self.issuers.iter_mut().enumerate() {
            let poll = keys.poll(now, shared_data);
            if keys.expire(now) || poll.ready {
                self.cache.drop_withdrawn(index, keys.keys());
            }
            polls.push((index, poll));
        }
        polls
    }

    /// Handles the response to an issuer's callout. Returns the next callout, or `None` if the
    /// fetch has ended.
    pub fn on_response(
        &mut self,
        index: IssuerIndex,
        response: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        let (_, keys) = self.issuers.get_mut(index)?;
        let next = keys.on_response(response, now, shared_data);
        if next.is_none() {
            self.cache.drop_withdrawn(index, keys.keys());
        }
        next
    }

    /// Takes the cache's statistics since the last call.
    pub fn take_lookups(&mut self) -> CacheStats {
        std::mem::take(&mut self.cache_stats)
    }

    /// The metrics of each issuer's keys, with the fetches that ended since the last call.
    pub fn key_reports(&mut self, now: UnixTime) -> impl Iterator<Item = JwksReport> {
        let issuers = self.issuers.iter_mut();
        issuers.map(move |(_, keys)| keys.report(now))
    }

    /// The status of each issuer's keys, for people.
    pub fn status(&self, now: UnixTime) -> Vec<IssuerStatus> {
        let issuers = self.issuers.iter();
        issuers
            .map(|(issuer, keys)| keys.status(&issuer.issuer, now))
            .collect()
    }

    /// The furthest that a token's `iat` or `nbf` was ahead of this gateway's clock.
    pub const fn clock_ahead(&self) -> Duration {
        self.clock_ahead
    }

    /// Releases the leases of all fetches under way, because this worker ends.
    pub fn shutdown(&self, shared_data: &dyn SharedData) {
        for (_, keys) in &self.issuers {
            keys.shutdown(shared_data);
        }
    }

    fn verify(
        &mut self,
        token: &[u8],
        waits: &KeyWaits,
        now: UnixTime,
    ) -> Result<Rc<Claims>, NoClaims> {
        if token.len() > self.limits.max_bytes {
            return Err(TokenError::TooLong(self.limits.max_bytes).into());
        }
        let parsed = UnverifiedToken::parse(token)?;
        let (index, (issuer, keys)) = self
            .issuers
            .iter_mut()
            .enumerate()
            .find(|(_, (issuer, _))| issuer.issuer == parsed.issuer)
            .ok_or(TokenError::IssuerUnknown)?;
        if !issuer.algorithms.contains(&parsed.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed.into());
        }
        let mut matching = keys.matching(parsed.key_id.as_deref(), parsed.algorithm);
        let candidates: Vec<_> = matching.by_ref().take(MAX_KEYS_TRIED).cloned().collect();
        if parsed.key_id.is_none() && matching.next().is_some() {
            return Err(TokenError::KeyIdMissing.into());
        }
        drop(matching);
        let has_candidates = !candidates.is_empty();
        let fingerprint = keys.fingerprint().copied().unwrap_or_default();
        let check = SignatureCheck::new(token, fingerprint);
        let known = self.signature_results.get(&check);
        let known = known.map(|result| result.signing_key.clone());
        let signing_key = known.unwrap_or_else(|| {
            let signed_by = |key: &VerificationKey| {
                self.verifier
                    .verify(parsed.algorithm, key, parsed.signed, &parsed.signature)
            };
            candidates.into_iter().find(|key| signed_by(key))
        });
        let Some(key) = signing_key else {
            if has_candidates {
                self.signature_results.insert(check, None);
            }
            if has_candidates && parsed.key_id.is_some() {
                return Err(TokenError::SignatureInvalid.into());
            }
            return Err(match keys.on_unknown_key(waits.policy(index), now) {
                KeyMiss::AwaitFetch => NoClaims::AwaitingKeys(index),
                KeyMiss::Unavailable { retry_after } => NoClaims::KeysUnavailable(retry_after),
                KeyMiss::UnknownKey if has_candidates => TokenError::SignatureInvalid.into(),
                KeyMiss::UnknownKey => TokenError::KeyUnknown.into(),
            });
        };
        let claims = parsed.claims(index, &issuer.audiences, issuer.clock_skew, now);
        let valid_from = match &claims {
            Ok(claims) => claims.issued_at(),
            Err(TokenError::NotYetValid(valid_from)) => Some(*valid_from),
            Err(_) => None,
        };
        let ahead = valid_from.map(|time| time.saturating_since(now));
        self.clock_ahead = self.clock_ahead.max(ahead.unwrap_or_default());
        if claims.is_err() {
            self.signature_results.insert(check, Some(Rc::clone(&key)));
        }
        let claims = Rc::new(claims?);
        self.cache.insert(token, Rc::clone(&claims), key);
        Ok(claims)
    }
}

/// Why there are no claims.
enum NoClaims {
    Rejected(TokenError),
    AwaitingKeys(IssuerIndex),
    KeysUnavailable(Duration),
}

impl From<TokenError> for NoClaims {
    fn from(error: TokenError) -> Self {
        Self::Rejected(error)
    }
}

#[cfg(test)]
mod tests;
