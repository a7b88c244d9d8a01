//! The cache of tokens. If several processes need a token at once, one requests it and the others
//! wait for it.

use std::path::PathBuf;

use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::http::encoding::hex;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::oidc::{self, ClientCredentials, Token};
use super::{clock, files, output};

/// Whether a cached token will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Yes, if it is fresh.
    Cached,
    /// No, a new one is required.
    New,
}

/// A token, which is renewed after four fifths of its lifetime. If that fails, the cached one is
/// used until it expires.
pub(super) fn token(
    credentials: &ClientCredentials,
    freshness: Freshness,
) -> Result<Token, Failure> {
    let path = path(credentials)?;
    if freshness == Freshness::Cached
        && let Some(token) = cached(&path)?.filter(|token| is_fresh(token, clock::now()))
    {
        return Ok(token);
    }
    let _lock = files::lock(&path.with_extension("lock"))?;
    let now = clock::now();
    let old = cached(&path)?.filter(|token| is_valid(token, now));
    if freshness == Freshness::Cached
        && let Some(token) = old.as_ref().filter(|token| is_fresh(token, now))
    {
        return Ok(token.clone()); // Another process has renewed it.
    }
    match (oidc::request(credentials, now), old) {
        (Ok(token), _) => {
            let content = serde_json::to_vec(&token).unwrap_or_default();
            files::write(&path, &content)?;
            Ok(token)
        }
        (Err(failure), Some(old)) if freshness == Freshness::Cached => {
            output::warn(&format!("using the cached token: {}", failure.message));
            Ok(old)
        }
        (Err(failure), _) => Err(failure),
    }
}

/// The cached token, if it has not expired.
pub(super) fn peek(credentials: &ClientCredentials) -> Result<Option<Token>, Failure> {
    Ok(cached(&path(credentials)?)?.filter(|token| is_valid(token, clock::now())))
}

/// Deletes the cached token.
pub(super) fn remove(credentials: &ClientCredentials) -> Result<(), Failure> {
    files::remove(&path(credentials)?)
}

/// One file for each issuer, client, audience and scope.
fn path(credentials: &ClientCredentials) -> Result<PathBuf, Failure> {
    let key = [
        credentials.issuer.as_str(),
        credentials.client_id.as_str(),
        credentials.audience.as_deref().unwrap_or_default(),
        credentials.scope.as_deref().unwrap_or_default(),
    ];
    let digest = Sha256::digest(key.join("\n"));
    let name = hex(digest.get(..12).unwrap_or_default());
    files::cache_file(&format!("tokens/{name}.json"))
}

/// The token in the file. A file that cannot be parsed is ignored and written again.
fn cached(path: &std::path::Path) -> Result<Option<Token>, Failure> {
    let content = files::read(path)?;
    Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
}

fn is_fresh(token: &Token, now: UnixTime) -> bool {
    token.expires_at.is_some_and(|end| {
        let lifetime = end.saturating_since(token.issued_at);
        now.saturating_since(token.issued_at) < lifetime / 5 * 4 && token.issued_at <= now
    })
}

fn is_valid(token: &Token, now: UnixTime) -> bool {
    token.expires_at.is_some_and(|end| now < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_lifetime() {
        let token = Token {
            access_token: String::new(),
            issued_at: UnixTime::from_secs(1000),
            expires_at: Some(UnixTime::from_secs(1100)),
        };
        let at = UnixTime::from_secs;
        assert!(is_fresh(&token, at(1000)) && is_fresh(&token, at(1079)));
        assert!(!is_fresh(&token, at(1080)) && is_valid(&token, at(1080)));
        assert!(!is_valid(&token, at(1100)));
        assert!(
            !is_fresh(&token, at(900)),
            "a token from the future is not fresh"
        );
        let for_ever = Token {
            expires_at: Some(UnixTime::from_secs(u64::MAX)),
            ..token.clone()
        };
        assert!(
            is_fresh(&for_ever, at(1000)),
            "an absurd lifetime does not overflow"
        );
        let endless = Token {
            expires_at: None,
            ..token
        };
        assert!(!is_fresh(&endless, at(1000)) && !is_valid(&endless, at(1000)));
    }
}
