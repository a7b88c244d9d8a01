//! Uploads whose bytes go to a URL of their own: the answer to their beginning names it in a header.
//!
//! That URL is at the provider. A client that followed it would go past the gateway, or, if it keeps to
//! the gateway's host, ask for a path that is none of the gateway's. So the header gets the proxy URL's.
//!
//! To the provider whoever knows the URL may send the bytes, and so some SDKs send no credential with
//! them. The proxy URL's carries a *grant* instead: the moment of its end, and a MAC by the provider's
//! key over the provider's name, that moment and the very target. Every gateway with that key knows it
//! again, and it serves for nothing but this upload.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::forward::target;
use crate::http::encoding::hex;
use crate::http::head::{RequestHead, ResponseHead};
use crate::http::method_override::is_method_overridden;
use crate::http::route::proxy_url;
use crate::http::token_location::{GRANT_PARAMETER, query_without_credentials, sole_parameter};
use crate::provider::Provider;
use crate::provider::credential::Credential;

/// How long after its beginning an upload may go on without a token.
const GRANT_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// What the MAC is about, so that no other use of the key can be taken for it.
const PURPOSE: &str = "ai-gateway upload 1";

/// The client's proxy URL, where a request for this path may begin an upload.
pub fn begun(provider: &Provider, path: &[u8], head: &RequestHead, prefix: &str) -> Option<String> {
    takes_uploads(provider, path).then(|| proxy_url(head, prefix, &provider.name))
}

/// The headers of an answer that say where an upload goes on, each with the URL through the gateway.
/// A URL of another host is the provider's affair and stays.
pub fn links(
    provider: &Provider,
    proxy_url: &str,
    head: &ResponseHead,
    now: UnixTime,
) -> Vec<(&'static str, String)> {
    let headers = provider.kind.profile().upload_url_headers.iter();
    headers
        .filter_map(|name| {
            let url = std::str::from_utf8(head.first(name)?).ok()?;
            Some((*name, link(provider, proxy_url, url, now)?))
        })
        .collect()
}

/// Whether a request without a token goes on with an upload that somebody with one began.
pub fn is_granted(
    provider: &Provider,
    head: &RequestHead,
    path: &[u8],
    query: Option<&[u8]>,
    now: UnixTime,
) -> bool {
    let is_sending =
        matches!(head.method(), b"POST" | b"PUT") && !is_method_overridden(head, query);
    if !takes_uploads(provider, path) || !is_sending {
        return false;
    }
    let grant = query.and_then(|query| sole_parameter(query, GRANT_PARAMETER));
    let grant = grant.and_then(|grant| std::str::from_utf8(grant).ok());
    let Some((until, mac)) = grant.and_then(|grant| grant.split_once('-')) else {
        return false;
    };
    let (Ok(seconds), Some(key)) = (until.parse(), key_of(provider)) else {
        return false;
    };
    let made = made(key, provider, until, &target(provider, path, query));
    now < UnixTime::from_secs(seconds) && is_same(mac, made)
}

/// Whether a path is below one where uploads begin.
fn takes_uploads(provider: &Provider, path: &[u8]) -> bool {
    let profile = provider.kind.profile();
    !profile.upload_url_headers.is_empty() && profile.paths.has_prefix(path)
}

/// A URL of the provider as the proxy URL has it, with a grant.
fn link(provider: &Provider, proxy_url: &str, url: &str, now: UnixTime) -> Option<String> {
    let at_provider = url.strip_prefix(provider.base_url.origin().as_str())?;
    let (path, query) = at_provider.split_once('?')?;
    let native = provider.client_path(path)?;
    let target = target(provider, native.as_bytes(), Some(query.as_bytes()));
    if !target.starts_with(format!("{path}?").as_bytes()) {
        return None;
    }
    let kept = query_without_credentials(query.as_bytes());
    let kept = std::str::from_utf8(&kept).ok()?;
    let until = (now + GRANT_LIFETIME).saturating_since(UnixTime::default());
    let until = until.as_secs().to_string();
    let mac = made(key_of(provider)?, provider, &until, &target);
    let mac = hex(&mac.finalize().into_bytes());
    Some(format!(
        "{proxy_url}/{native}?{kept}&{GRANT_PARAMETER}={until}-{mac}"
    ))
}

const fn key_of(provider: &Provider) -> Option<&Secret> {
    match &provider.credential {
        Credential::ApiKey { key, .. } => Some(key),
        Credential::Aws(_) | Credential::Passthrough { .. } | Credential::None => None,
    }
}

fn made(key: &Secret, provider: &Provider, until: &str, target: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length; the type of this constructor cannot say so.
    let keyed = Hmac::new_from_slice(key.expose().as_bytes())
        .unwrap_or_else(|_| Hmac::new(&Default::default()));
    keyed
        .chain_update(PURPOSE)
        .chain_update([0])
        .chain_update(&provider.name)
        .chain_update([0])
        .chain_update(until)
        .chain_update([0])
        .chain_update(target)
}

/// Whether a MAC in hexadecimal is this one, in a time that does not tell how much of it is.
fn is_same(mac: &str, made: Hmac<Sha256>) -> bool {
    let digits: Option<Vec<u8>> = mac
        .chars()
        .map(|digit| Some(digit.to_digit(16)? as u8))
        .collect();
    let (pairs, rest) = digits.as_deref().unwrap_or_default().as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    rest.is_empty() && made.verify_slice(&bytes).is_ok()
}
