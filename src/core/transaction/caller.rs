//! The step "authenticate": who sends a request.
//!
//! It comes before everything that depends on the configuration: what a stranger is told depends
//! on what it sent alone, so that it cannot tell which providers exist.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Effect, Obstacle, Request, Transaction, refuse};
use crate::authn::Verdict;
use crate::authn::jwt::{Claims, TokenError};
use crate::config::{Authentication, Config};
use crate::fetch::refresh::WaitPolicy;
use crate::forward::upload;
use crate::gateway::Resource;
use crate::http::token_location::{Candidate, TokenLocation};
use crate::provider::Provider;
use crate::provider::credential::{Credential, GatewayToken};
use crate::reply::Rejection;
use crate::telemetry::AccessLogEntry;
use crate::telemetry::metric::{Metric, TokenVerdict};
use crate::transaction::exchange::{Exchange, note_caller};

/// Who sends a request, as far as the gateway asks.
pub(super) enum Caller {
    /// The bearer of a token that passed.
    Known(Rc<Claims>),
    /// Nobody is asked: authentication is disabled, the provider itself will ask, or it goes on with
    /// an upload that somebody who was asked began.
    Unasked,
}

/// Who sent a request that may yet be answered here, and for which provider: for the access log.
pub(super) struct Known<'a> {
    config: &'a Config,
    claims: RefCell<Option<Rc<Claims>>>,
    provider: Cell<Option<&'a Provider>>,
}

impl<'a> Known<'a> {
    /// Nothing is known yet.
    pub(super) fn nothing(config: &'a Config) -> Self {
        Self {
            config,
            claims: RefCell::default(),
            provider: Cell::default(),
        }
    }

    /// What is known of a request that was to go on.
    pub(super) fn of(exchange: &Exchange, config: &'a Config) -> Self {
        Self {
            config,
            claims: RefCell::new(exchange.caller()),
            provider: Cell::new(config.providers.get(exchange.provider())),
        }
    }

    /// Notes for whom the request is, once its caller may know that there is such a provider.
    pub(super) fn note_provider(&self, provider: &'a Provider) {
        self.provider.set(Some(provider));
    }

    /// Answers the request, whose body the host does not hand over.
    pub(super) fn withheld(&self, effects: &mut Vec<Effect>) -> Transaction {
        self.tell(effects);
        refuse(Rejection::BodyWithheld, effects)
    }

    /// Has the access log say it.
    pub(super) fn tell(&self, effects: &mut Vec<Effect>) {
        let mut record = AccessLogEntry::default();
        if let Some(claims) = self.claims.borrow().as_ref() {
            note_caller(&mut record, claims, self.config);
        }
        if let Some(provider) = self.provider.get() {
            record.provider.clone_from(&provider.name);
            record.system = provider.kind.profile().system;
        }
        effects.extend(log_fields(record, self.config));
    }
}

/// What the access log is to say of a request.
pub(super) fn log_fields(
    record: AccessLogEntry,
    config: &Config,
) -> impl Iterator<Item = Effect> + use<> {
    let fields = record.fields(config.observability.log_fields);
    fields
        .into_iter()
        .map(|(name, value)| Effect::Log(name, value))
}

impl Request<'_> {
    /// The caller of a provider's API: by the slots of that provider's clients.
    pub(super) fn caller_of(
        &self,
        provider: &Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Caller, Obstacle> {
        if let Credential::Passthrough { gateway_token } = provider.credential {
            return self.caller_of_passthrough(provider, gateway_token);
        }
        let profile = provider.kind.profile();
        let Some(token) = self.candidates.first_of((profile.token_locations)(path)) else {
            if upload::is_granted(provider, self.head, path, query, self.now) {
                return Ok(Caller::Unasked);
            }
            return match self.any_caller()? {
                Caller::Unasked => Ok(Caller::Unasked),
                Caller::Known(_) => {
                    Err(Rejection::Token(TokenError::Misplaced(profile.token_hint)).into())
                }
            };
        };
        match self.authenticate(token) {
            // A stranger is told what it would be told at any other path.
            Err(Obstacle::Rejected(rejection)) if self.candidates.first() != Some(token) => {
                self.any_caller()?;
                Err(rejection.into())
            }
            decided => decided,
        }
    }

    /// The caller of a provider that is sent the client's own credential. The gateway's token, if
    /// any, is in a side header.
    fn caller_of_passthrough(
        &self,
        provider: &Provider,
        gateway_token: GatewayToken,
    ) -> Result<Caller, Obstacle> {
        if let Some(token) = self.candidates.first_of(&[]) {
            return self.authenticate(token);
        }
        match gateway_token {
            GatewayToken::Optional => self.own_credential(provider).map(|_| Caller::Unasked),
            GatewayToken::Required => {
                self.any_caller()?;
                Err(Rejection::SideHeaderMissing(self.gateway_token_header()).into())
            }
        }
    }

    /// The caller, by the first token in whatever place.
    pub(super) fn any_caller(&self) -> Result<Caller, Obstacle> {
        match self.candidates.first() {
            Some(token) => self.authenticate(token),
            None if matches!(self.shared.config.authentication, Authentication::Disabled) => {
                Ok(Caller::Unasked)
            }
            None if self.candidates.has_other_scheme() => {
                Err(Rejection::Token(TokenError::Scheme).into())
            }
            None => Err(Rejection::Token(TokenError::Missing).into()),
        }
    }

    /// Counts a caller who is known, once for each request.
    pub(super) fn counted(&self, caller: Caller) -> Caller {
        if matches!(caller, Caller::Known(_)) && self.waited.credentials == WaitPolicy::Wait {
            let metric = Metric::Authentications(TokenVerdict::Accepted);
            self.shared.counters.count(metric);
        }
        caller
    }

    fn authenticate(&self, candidate: Candidate<'_>) -> Result<Caller, Obstacle> {
        if matches!(self.shared.config.authentication, Authentication::Disabled) {
            return Ok(Caller::Unasked);
        }
        let mut authenticator = self.shared.authenticator.borrow_mut();
        match authenticator.authenticate(candidate.token, &self.waited.keys, self.now) {
            Verdict::Accepted(claims) => {
                let known = Rc::clone(&claims);
                self.known.claims.replace(Some(known));
                Ok(Caller::Known(claims))
            }
            Verdict::Rejected(error) => Err(Rejection::Token(error).into()),
            Verdict::AwaitingKeys(issuer) => Err(Obstacle::Awaiting(Resource::Keys(issuer))),
            Verdict::KeysUnavailable { retry_after } => {
                Err(Rejection::KeysUnavailable(retry_after).into())
            }
        }
    }

    /// The header with the client's own credential for a provider. It must not be the gateway's
    /// token: that is for no one else.
    pub(super) fn own_credential(&self, provider: &Provider) -> Result<&'static str, Obstacle> {
        let mut slots = (provider.kind.profile().token_locations)(b"").iter();
        let (header, value) = slots
            .find_map(|slot| {
                let header = slot.header()?;
                let value = match slot {
                    TokenLocation::Subprotocol => self.candidates.in_location(*slot),
                    _ => self.head.first(header).filter(|value| !value.is_empty()),
                };
                Some((header, value?))
            })
            .ok_or(Rejection::OwnCredentialMissing)?;
        let authenticator = self.shared.authenticator.borrow();
        let holds_gateway_token = value
            .split(|byte| !is_token_byte(*byte))
            .any(|word| authenticator.is_from_known_issuer(word));
        if holds_gateway_token {
            return Err(Rejection::GatewayTokenPassedThrough(self.gateway_token_header()).into());
        }
        Ok(header)
    }

    fn gateway_token_header(&self) -> String {
        let first = self.shared.config.token_headers.first();
        first.cloned().unwrap_or_default()
    }
}

/// Whether a JSON Web Token can have this byte.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
