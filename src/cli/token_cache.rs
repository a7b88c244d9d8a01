//! Tokens that were asked for and are good for a while longer. Any number of processes may want
//! one at once: one asks, the others wait and read what came of it.

use std::path::PathBuf;

use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::http::encoding::hex;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::oidc::{self, Credentials, Token};
use super::{clock, files};

/// Whether a cached token will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// While it is young enough.
    Cached,
    /// A new one is wanted.
    New,
}

/// A token; renewed when four fifths of its life are over. While no new one can be had, the old
/// one serves to its end.
pub(super) fn token(credentials: &Credentials, freshness: Freshness) -> Result<Token, Failure> {
    let path = path(credentials)?;
    if freshness == Freshness::Cached
        && let Some(token) = cached(&path)?.filter(|token| is_young(token, clock::now()))
    {
        return Ok(token);
    }
    let _lock = files::lock(&path.with_extension("lock"))?;
    let now = clock::now();
    let old = cached(&path)?.filter(|token| is_alive(token, now));
    if freshness == Freshness::Cached
        && let Some(token) = old.as_ref().filter(|token| is_young(token, now))
    {
        return Ok(token.clone()); // another process was faster
    }
    match (oidc::request(credentials, now), old) {
        (Ok(token), _) => {
            let content = serde_json::to_vec(&token).unwrap_or_default();
            files::write(&path, &content)?;
            Ok(token)
        }
        (Err(failure), Some(old)) if freshness == Freshness::Cached => {
            eprintln!("warning: the old token serves on: {}", failure.message);
            Ok(old)
        }
        (Err(failure), _) => Err(failure),
    }
}

/// The cached token, if it is still alive.
pub(super) fn peek(credentials: &Credentials) -> Result<Option<Token>, Failure> {
    Ok(cached(&path(credentials)?)?.filter(|token| is_alive(token, clock::now())))
}

/// Forgets the cached token.
pub(super) fn forget(credentials: &Credentials) -> Result<(), Failure> {
    files::remove(&path(credentials)?)
}

/// One file for each way of asking, the secret aside.
fn path(credentials: &Credentials) -> Result<PathBuf, Failure> {
    let asked = [
        credentials.issuer.as_str(),
        credentials.client_id.as_str(),
        credentials.audience.as_deref().unwrap_or_default(),
        credentials.scope.as_deref().unwrap_or_default(),
    ];
    let digest = Sha256::digest(asked.join("\n"));
    let name = hex(digest.get(..12).unwrap_or_default());
    files::cached(&format!("tokens/{name}.json"))
}

/// What cannot be read counts as nothing: it is written anew.
fn cached(path: &std::path::Path) -> Result<Option<Token>, Failure> {
    let content = files::read(path)?;
    Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
}

fn is_young(token: &Token, now: UnixTime) -> bool {
    token.expires_at.is_some_and(|end| {
        let life = end.saturating_since(token.issued_at);
        now.saturating_since(token.issued_at) < life / 5 * 4 && token.issued_at <= now
    })
}

fn is_alive(token: &Token, now: UnixTime) -> bool {
    token.expires_at.is_some_and(|end| now < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_life() {
        let token = Token {
            access_token: String::new(),
            issued_at: UnixTime::from_secs(1000),
            expires_at: Some(UnixTime::from_secs(1100)),
        };
        let at = UnixTime::from_secs;
        assert!(is_young(&token, at(1000)) && is_young(&token, at(1079)));
        assert!(!is_young(&token, at(1080)) && is_alive(&token, at(1080)));
        assert!(!is_alive(&token, at(1100)));
        assert!(
            !is_young(&token, at(900)),
            "a clock that went back is not trusted"
        );
        let for_ever = Token {
            expires_at: Some(UnixTime::from_secs(u64::MAX)),
            ..token.clone()
        };
        assert!(is_young(&for_ever, at(1000)), "whatever an issuer says");
        let endless = Token {
            expires_at: None,
            ..token
        };
        assert!(!is_young(&endless, at(1000)) && !is_alive(&endless, at(1000)));
    }
}
