//! Uploads whose bytes go to a URL of their own, which a header of the first response names.
//!
//! That URL is at the provider. A client that followed it would bypass the gateway, or request a
//! path that the gateway does not serve. So the header is rewritten to the proxy URL.
//!
//! The provider accepts the bytes from everyone who knows the URL, and some SDKs send no credential
//! with them. So the rewritten URL carries a *grant*: the time at which it expires, and a MAC over
//! the provider's name, that time and the target, made with the provider's key. Every gateway with
//! that key can verify it, and it is valid for this upload only.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::forward::target;
use crate::http::encoding::{from_hex, hex};
use crate::http::head::RequestHead;
use crate::http::method_override::is_method_overridden;
use crate::http::token_location::{GRANT_PARAMETER, query_without_credentials, sole_parameter};
use crate::provider::Provider;
use crate::provider::credential::Credential;

/// How long an upload may go on without a token.
const GRANT_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// The purpose of the MAC, so that no other use of the key yields a valid one.
const PURPOSE: &str = "ai-gateway upload 1";

/// Whether a request for this path may start an upload.
pub fn starts_upload(provider: &Provider, path: &[u8]) -> bool {
    let profile = provider.kind.profile();
    !profile.upload_url_headers.is_empty() && profile.paths.has_prefix(path)
}

/// Whether a request without a token has a grant to continue an upload.
pub fn is_granted(
    provider: &Provider,
    head: &RequestHead,
    path: &[u8],
    query: Option<&[u8]>,
    now: UnixTime,
) -> bool {
    let is_sending =
        matches!(head.method(), b"POST" | b"PUT") && !is_method_overridden(head, query);
    is_sending && starts_upload(provider, path) && has_grant(provider, path, query, now).is_some()
}

/// `Some` if the query has a grant for this target that has not expired.
fn has_grant(provider: &Provider, path: &[u8], query: Option<&[u8]>, now: UnixTime) -> Option<()> {
    let grant = std::str::from_utf8(sole_parameter(query?, GRANT_PARAMETER)?).ok()?;
    let (expiry, mac) = grant.split_once('-')?;
    let expires_at = UnixTime::from_secs(expiry.parse().ok()?);
    let computed = compute_mac(provider, expiry, &target(provider, path, query))?;
    computed.verify_slice(&from_hex(mac.as_bytes())?).ok()?;
    (now < expires_at).then_some(())
}

/// The proxy URL, with a grant, for a provider's URL of an upload; `None` if it is at another host.
pub fn rewrite_upload_url(
    provider: &Provider,
    proxy_url: &str,
    url: &str,
    now: UnixTime,
) -> Option<String> {
    let at_provider = url.strip_prefix(provider.base_url.origin().as_str())?;
    let (path, query) = at_provider.split_once('?')?;
    let native = provider.client_path(path)?;
    let target = target(provider, native.as_bytes(), Some(query.as_bytes()));
    if !target.starts_with(format!("{path}?").as_bytes()) {
        return None;
    }
    let kept = query_without_credentials(query.as_bytes());
    let kept = std::str::from_utf8(&kept).ok()?;
    let expires_at = (now + GRANT_LIFETIME).saturating_since(UnixTime::default());
    let expiry = expires_at.as_secs().to_string();
    let mac = compute_mac(provider, &expiry, &target)?;
    let mac = hex(&mac.finalize().into_bytes());
    Some(format!(
        "{proxy_url}/{native}?{kept}&{GRANT_PARAMETER}={expiry}-{mac}"
    ))
}

/// The MAC of a grant; `None` if the provider has no key of its own.
fn compute_mac(provider: &Provider, expiry: &str, target: &[u8]) -> Option<Hmac<Sha256>> {
    let keyed = Hmac::new_from_slice(key_of(provider)?.expose().as_bytes()).ok()?;
    Some(
        keyed
            .chain_update(PURPOSE)
            .chain_update([0])
            .chain_update(&provider.name)
            .chain_update([0])
            .chain_update(expiry)
            .chain_update([0])
            .chain_update(target),
    )
}

const fn key_of(provider: &Provider) -> Option<&Secret> {
    match &provider.credential {
        Credential::ApiKey { key, .. } => Some(key),
        Credential::Aws(_) | Credential::Passthrough { .. } | Credential::None => None,
    }
}
