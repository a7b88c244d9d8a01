//! The step "sign": a request whose body decides on its headers.

use sha2::{Digest, Sha256};

use super::{Decision, Obstacle, Request};
use crate::aws::credentials_cache::CredentialsError;
use crate::aws::sigv4::{self, Scope, SignableRequest};
use crate::base::time::UnixTime;
use crate::fetch::refresh::WaitPolicy;
use crate::forward::UpstreamRequest;
use crate::gateway::{Resource, Shared};
use crate::http::encoding::hex;
use crate::http::head::RequestHead;
use crate::base::chunk::Chunk;
use crate::models::request_body::BodyCheck;
use crate::provider::Provider;
use crate::provider::credential::AwsSigning;
use crate::reply::Rejection;
use crate::transaction::exchange::Exchange;

/// A request that is the provider's but for its signature; its body is being hashed.
pub struct AwaitingBodyHash {
    request: UpstreamRequest,
    exchange: Box<Exchange>,
    /// Holds the body to the catalogs, where there are any.
    check: Option<Box<BodyCheck>>,
    provider: String,
    method: String,
    content_type: Option<Vec<u8>>,
    digest: Sha256,
    size: u64,
}

impl AwaitingBodyHash {
    /// Takes over a request; its body is to come.
    pub(super) fn new(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Option<Box<BodyCheck>>,
        provider: &str,
        head: &RequestHead,
    ) -> Self {
        let is_plain = |value: &&[u8]| value.iter().all(|byte| (b' '..=b'~').contains(byte));
        Self {
            request,
            exchange,
            check,
            provider: provider.to_owned(),
            method: String::from_utf8_lossy(head.method()).into_owned(),
            content_type: head
                .sole("content-type")
                .ok()
                .flatten()
                .filter(is_plain)
                .map(<[u8]>::to_vec),
            digest: Sha256::new(),
            size: 0,
        }
    }

    /// What is known of it.
    pub(super) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Takes in the next bytes of the body.
    pub(super) fn hash(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        limit: u64,
    ) -> Result<(), Rejection> {
        self.size = self.size.saturating_add(chunk.len() as u64);
        if self.size > limit {
            return Err(Rejection::TooLarge(limit));
        }
        self.digest.update(chunk);
        match &mut self.check {
            Some(check) if is_last => check.push(Chunk::Last(chunk)).map(|_| ()),
            Some(check) => check.push(Chunk::More(chunk)).map(|_| ()),
            None => self.exchange.request_body(chunk, is_last),
        }
        .map_err(Rejection::Model)
    }

    /// Signs the request, whose body has ended.
    pub(super) fn sign(
        self,
        shared: &Shared,
        now: UnixTime,
    ) -> Result<(UpstreamRequest, Box<Exchange>), Rejection> {
        let Some(signing) = shared.config.signing(&self.provider) else {
            return Err(Rejection::Unreachable("a request to sign for nobody"));
        };
        let mut signers = shared.signers.borrow_mut();
        let signers = &mut *signers;
        let credentials = signers
            .credentials
            .get_mut(&self.provider)
            .ok_or(Rejection::Unreachable("a provider without credentials"))?
            .credentials(WaitPolicy::DoNotWait, now)
            .map_err(|missing| unavailable(&self.provider, missing))?;
        let mut request = self.request;
        let payload_sha256 = hex(&self.digest.finalize());
        let signable = SignableRequest {
            method: &self.method,
            target: request.target(),
            authority: request.authority(),
            content_type: self.content_type.as_deref(),
            payload_sha256: &payload_sha256,
        };
        let instructions = sigv4::sign(
            &signable,
            credentials,
            scope(signing, now),
            &mut signers.keys,
        );
        for (name, value) in instructions.headers {
            request.set.push(name, &[value.expose().as_bytes()]);
        }
        let mut exchange = self.exchange;
        if let Some(check) = self.check {
            exchange.note_model(check.model());
        }
        Ok((request, exchange))
    }
}

impl Request<'_> {
    /// Has a request signed: its credentials are here before its body is looked at.
    pub(super) fn sign(
        &self,
        provider: &Provider,
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Option<Box<BodyCheck>>,
    ) -> Result<Decision, Obstacle> {
        if self.head.first("upgrade").is_some() {
            return Err(Rejection::Upgrade.into());
        }
        let limit = self.shared.config.max_signed_body_bytes;
        let announced = self.head.first("content-length");
        let length =
            announced.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(Rejection::TooLarge(limit).into());
        }
        let mut signers = self.shared.signers.borrow_mut();
        if let Some(source) = signers.credentials.get_mut(&provider.name) {
            match source.credentials(self.waited.credentials, self.now) {
                Ok(_) => {}
                Err(CredentialsError::AwaitFetch) => {
                    let name = provider.name.as_str().into();
                    return Err(Obstacle::Awaiting(Resource::Credentials(name)));
                }
                Err(missing) => return Err(unavailable(&provider.name, missing).into()),
            }
        }
        let unsigned = AwaitingBodyHash::new(request, exchange, check, &provider.name, self.head);
        Ok(Decision::Sign(Box::new(unsigned)))
    }
}

/// Why a request to a provider cannot be signed now.
fn unavailable(provider: &str, missing: CredentialsError) -> Rejection {
    let retry_after = match missing {
        CredentialsError::Unavailable { retry_after } => retry_after,
        CredentialsError::AwaitFetch => std::time::Duration::from_secs(1),
    };
    Rejection::CredentialsUnavailable(provider.to_owned(), retry_after)
}

fn scope(signing: &AwsSigning, now: UnixTime) -> Scope<'_> {
    Scope {
        time: now,
        region: &signing.region,
        service: signing.service,
    }
}

impl std::fmt::Debug for AwaitingBodyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitingBodyHash")
            .field("provider", &self.provider)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
