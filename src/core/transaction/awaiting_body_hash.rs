//! The state of a request that is held until its body has been hashed, since the provider wants a
//! signature over it.

use sha2::{Digest, Sha256};

use super::exchange::Exchange;
use super::forwarded::Forwarded;
use super::refusal::Refusal;
use super::{Context, HoldLimit, Input, Transaction};
use crate::aws::credentials_cache::CredentialsError;
use crate::aws::sigv4::{self, Scope, SignableRequest};
use crate::base::chunk::Chunk;
use crate::base::time::UnixTime;
use crate::fetch::refresh::WaitPolicy;
use crate::forward::UpstreamRequest;
use crate::gateway::Gateway;
use crate::http::encoding::hex;
use crate::http::head::RequestHead;
use crate::models::request_body::BodyCheck;
use crate::provider::credential::AwsSigning;
use crate::reply::Rejection;

/// A request that is signed and forwarded as soon as its body has been hashed.
pub struct AwaitingBodyHash {
    request: UpstreamRequest,
    exchange: Box<Exchange>,
    /// Checks the model in the body, if the models are restricted.
    check: Option<Box<BodyCheck>>,
    provider: String,
    method: String,
    content_type: Option<Vec<u8>>,
    digest: Sha256,
    size: u64,
}

impl AwaitingBodyHash {
    pub(super) fn new(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Option<Box<BodyCheck>>,
        provider: &str,
        head: &RequestHead,
    ) -> Self {
        let is_printable = |value: &&[u8]| value.iter().all(|byte| (b' '..=b'~').contains(byte));
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
                .filter(is_printable)
                .map(<[u8]>::to_vec),
            digest: Sha256::new(),
            size: 0,
        }
    }

    pub(super) fn handle(
        mut self: Box<Self>,
        input: Input<'_>,
        context: &mut Context<'_>,
    ) -> Transaction {
        match input {
            Input::RequestBody(chunk) => {
                let limit = context.gateway.config.max_signed_body_bytes;
                match self.hash(chunk, limit) {
                    Ok(()) if chunk.is_last() => (*self).forward(context),
                    Ok(()) => Transaction::AwaitingBodyHash(self),
                    Err(rejection) => self.refuse(rejection, context),
                }
            }
            Input::HeldTooMuch(limit) => {
                let rejection = match limit {
                    HoldLimit::Unauthenticated(bytes) => Rejection::TooLarge(bytes),
                    HoldLimit::Worker => Rejection::TooMuchHeld,
                };
                self.refuse(rejection, context)
            }
            Input::BodyOverdue => self.refuse(Rejection::BodyWithheld, context),
            other => Transaction::AwaitingBodyHash(self).unexpected(&other, context),
        }
    }

    fn refuse(&self, rejection: Rejection, context: &mut Context<'_>) -> Transaction {
        Refusal::new(rejection, self.exchange.log_context()).apply(context)
    }

    fn hash(&mut self, chunk: Chunk<'_>, limit: u64) -> Result<(), Rejection> {
        let bytes = chunk.bytes();
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > limit {
            return Err(Rejection::TooLarge(limit));
        }
        self.digest.update(bytes);
        match &mut self.check {
            Some(check) => check.push(chunk).map(|_| ()),
            None => self.exchange.request_body(chunk),
        }
        .map_err(Rejection::Model)
    }

    /// Signs and forwards the request, whose body has ended.
    fn forward(mut self, context: &mut Context<'_>) -> Transaction {
        let now = context.now();
        if let Err(rejection) = self.sign(context.gateway, now) {
            return self.refuse(rejection, context);
        }
        let mut exchange = self.exchange;
        if let Some(check) = self.check {
            exchange.note_model(check.model());
        }
        Forwarded::enter(self.request, exchange, context)
    }

    /// Adds the signature's headers to the request.
    fn sign(&mut self, gateway: &mut Gateway, now: UnixTime) -> Result<(), Rejection> {
        let Some(signing) = gateway.config.signing(&self.provider) else {
            return Err(Rejection::Internal("a request to sign for nobody"));
        };
        let aws = &mut gateway.aws;
        let credentials = aws
            .credentials
            .get_mut(&self.provider)
            .ok_or(Rejection::Internal("a provider without credentials"))?
            .credentials(WaitPolicy::DoNotWait, now)
            .map_err(|error| unavailable(&self.provider, error))?;
        let payload_sha256 = hex(&self.digest.finalize_reset());
        let signable = SignableRequest {
            method: &self.method,
            target: self.request.target(),
            authority: self.request.authority(),
            content_type: self.content_type.as_deref(),
            payload_sha256: &payload_sha256,
        };
        let instructions = sigv4::sign(&signable, credentials, scope(signing, now), &mut aws.keys);
        for (name, value) in instructions.headers {
            self.request.set.push(name, &[value.expose().as_bytes()]);
        }
        Ok(())
    }
}

/// The rejection of a request that cannot be signed now.
pub(super) fn unavailable(provider: &str, error: CredentialsError) -> Rejection {
    let retry_after = match error {
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
