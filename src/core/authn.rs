//! A token → the caller's [`Claims`], or the reason why not.
//!
//! The issuer is chosen by the token's `iss` before any key is looked up; the key by `kid` among
//! that issuer's keys only; claims are read after the signature held. Tokens that passed are
//! cached until they expire or their key is withdrawn.

pub mod jwk;
pub mod jwks;
pub mod jwt;
pub mod signature;

mod token_cache;

use std::rc::Rc;
use std::time::Duration;

use jwk::{Algorithm, VerificationKey};
use jwks::{JwksCache, JwksReport, JwksSource, KeyMiss};
use jwt::{Claims, IssuerIndex, Token, TokenError};
use signature::SignatureVerifier;
use token_cache::TokenCache;

use crate::authn::jwks::IssuerStatus;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::fetch::refresh::WaitPolicy;

/// Who may issue tokens, and what a token must say.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The `iss` of its tokens, compared byte for byte.
    pub issuer: String,
    /// The audiences of which a token must name one.
    pub audiences: Vec<String>,
    /// The algorithms that its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How far this gateway's clock may be off for `nbf` and `iat`.
    pub clock_skew: Duration,
    /// Where its keys come from.
    pub keys: JwksSource,
}

/// What became of a token.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// It is good.
    Accepted(Rc<Claims>),
    /// It is not.
    Rejected(TokenError),
    /// Not known yet: that issuer's keys are being fetched. Ask again when the fetch has ended.
    AwaitingKeys(IssuerIndex),
    /// Not known: the issuer's keys cannot be had.
    KeysUnavailable {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// Checks tokens against the configured issuers; keeps their keys and the tokens that passed.
pub struct Authenticator {
    issuers: Vec<(Issuer, JwksCache)>,
    cache: TokenCache,
    verifier: Rc<dyn SignatureVerifier>,
    lookups: CacheStats,
    /// By how much a token's `iat` was ahead of the clock at most.
    clock_ahead: Duration,
}

/// How many tokens that passed were remembered, and how many were not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct CacheStats {
    pub hits: u64,
    pub misses: u64,
}

impl Authenticator {
    /// An authenticator without any fetched key. `cache_capacity` is in tokens.
    pub fn new(
        issuers: &[Issuer],
        cache_capacity: usize,
        verifier: Rc<dyn SignatureVerifier>,
        shared_data: &dyn SharedData,
    ) -> Self {
        Self {
            issuers: issuers
                .iter()
                .map(|issuer| (issuer.clone(), JwksCache::new(&issuer.keys, shared_data)))
                .collect(),
            cache: TokenCache::new(cache_capacity),
            verifier,
            lookups: CacheStats::default(),
            clock_ahead: Duration::ZERO,
        }
    }

    /// Checks one token of a request, which has waited for the keys of these issuers and waits for
    /// each but once.
    pub fn authenticate(
        &mut self,
        token: &[u8],
        waited_for: &[IssuerIndex],
        now: UnixTime,
    ) -> Verdict {
        if let Some(claims) = self.cache.get(token, now) {
            self.lookups.hits += 1;
            return Verdict::Accepted(claims);
        }
        match self.verify(token, waited_for, now) {
            Ok(claims) => {
                self.lookups.misses += 1;
                Verdict::Accepted(claims)
            }
            Err(Undecided::Rejected(error)) => Verdict::Rejected(error),
            Err(Undecided::AwaitingKeys(issuer)) => Verdict::AwaitingKeys(issuer),
            Err(Undecided::KeysUnavailable(retry_after)) => {
                Verdict::KeysUnavailable { retry_after }
            }
        }
    }

    /// Whether a token claims to come from one of the configured issuers; nothing is verified.
    pub fn is_from_known_issuer(&self, token: &[u8]) -> bool {
        Token::parse(token).is_ok_and(|token| {
            self.issuers
                .iter()
                .any(|(issuer, _)| issuer.issuer == token.issuer)
        })
    }

    /// Takes in what other workers have fetched, and begins the fetches that are due here.
    pub fn poll(
        &mut self,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Vec<(IssuerIndex, Poll)> {
        let mut polls = Vec::new();
        for (index, (_, keys)) in self.issuers.iter_mut().enumerate() {
            let poll = keys.poll(now, shared_data);
            if keys.expire(now) || poll.settled {
                self.cache.drop_withdrawn(index, keys.keys());
            }
            polls.push((index, poll));
        }
        polls
    }

    /// Takes in the answer to an issuer's callout; the next callout, if the fetch has not ended.
    pub fn on_response(
        &mut self,
        index: IssuerIndex,
        answer: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        let (_, keys) = self.issuers.get_mut(index)?;
        let next = keys.on_response(answer, now, shared_data);
        if next.is_none() {
            self.cache.drop_withdrawn(index, keys.keys());
        }
        next
    }

    /// What became of tokens that passed since this was last asked.
    pub fn take_lookups(&mut self) -> CacheStats {
        std::mem::take(&mut self.lookups)
    }

    /// How each issuer's keys do, with the fetches that have ended since this was last asked.
    pub fn key_reports(&mut self, now: UnixTime) -> impl Iterator<Item = JwksReport> {
        let sources = self.issuers.iter_mut();
        sources.map(move |(_, keys)| keys.report(now))
    }

    /// How each issuer's keys do, for people.
    pub fn status(&self, now: UnixTime) -> Vec<IssuerStatus> {
        let issuers = self.issuers.iter();
        issuers
            .map(|(issuer, keys)| keys.status(&issuer.issuer, now))
            .collect()
    }

    /// By how much a token's `iat` or `nbf` was ahead of the clock at most.
    pub const fn clock_ahead(&self) -> Duration {
        self.clock_ahead
    }

    /// Gives up all fetches under way, since this worker ends.
    pub fn abandon(&self, shared_data: &dyn SharedData) {
        for (_, keys) in &self.issuers {
            keys.abandon(shared_data);
        }
    }

    fn verify(
        &mut self,
        token: &[u8],
        waited_for: &[IssuerIndex],
        now: UnixTime,
    ) -> Result<Rc<Claims>, Undecided> {
        let parsed = Token::parse(token)?;
        let (index, (issuer, keys)) = self
            .issuers
            .iter_mut()
            .enumerate()
            .find(|(_, (issuer, _))| issuer.issuer == parsed.issuer)
            .ok_or(TokenError::IssuerUnknown)?;
        if !issuer.algorithms.contains(&parsed.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed.into());
        }
        let mut known = false;
        let mut signed_by = |key: &&Rc<VerificationKey>| {
            known = true;
            self.verifier
                .verify(parsed.algorithm, key, parsed.signed, &parsed.signature)
        };
        let key = keys
            .matching(parsed.key_id.as_deref(), parsed.algorithm)
            .find(&mut signed_by)
            .cloned();
        let Some(key) = key else {
            if known && parsed.key_id.is_some() {
                return Err(TokenError::SignatureInvalid.into());
            }
            let patience = match waited_for.iter().filter(|it| **it == index).count() {
                0 => WaitPolicy::Wait,
                1 => WaitPolicy::WaitForAnother,
                _ => WaitPolicy::Decide,
            };
            return Err(match keys.demand(patience, now) {
                KeyMiss::Wait => Undecided::AwaitingKeys(index),
                KeyMiss::Unavailable { retry_after } => Undecided::KeysUnavailable(retry_after),
                KeyMiss::Settled if known => TokenError::SignatureInvalid.into(),
                KeyMiss::Settled => TokenError::KeyUnknown.into(),
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
        let claims = Rc::new(claims?);
        self.cache.insert(token, Rc::clone(&claims), key);
        Ok(claims)
    }
}

/// Why there are no claims (yet).
enum Undecided {
    Rejected(TokenError),
    AwaitingKeys(IssuerIndex),
    KeysUnavailable(Duration),
}

impl From<TokenError> for Undecided {
    fn from(error: TokenError) -> Self {
        Self::Rejected(error)
    }
}

#[cfg(test)]
mod tests;
