//! Finds out who sends a request.
//!
//! Every error here depends only on what the client sent, so that an unauthenticated client cannot
//! find out which providers exist.

use std::rc::Rc;

use super::{ReceivedRequest, Stop};
use crate::authn::Verdict;
use crate::authn::jwt::{Claims, TokenError};
use crate::config::Authentication;
use crate::fetch::refresh::WaitPolicy;
use crate::forward::upload;
use crate::gateway::Resource;
use crate::http::token_location::{Candidate, TokenLocation};
use crate::provider::Provider;
use crate::provider::credential::{Credential, GatewayToken};
use crate::reply::Rejection;
use crate::telemetry::metric::{Metric, TokenVerdict};
use crate::transaction::Authenticated;
use crate::transaction::access_log::RequestLogContext;
use crate::transaction::refusal::Refusal;

/// Who sends a request.
pub(in crate::transaction) enum Caller {
    /// The bearer of a valid token.
    Known(Rc<Claims>),
    /// The gateway does not ask: authentication is disabled, the provider authenticates the client
    /// itself, or the request continues an upload that an authenticated caller has started.
    Anonymous,
}

impl Caller {
    /// The claims of a known caller.
    pub(in crate::transaction) const fn claims(&self) -> Option<&Rc<Claims>> {
        match self {
            Self::Known(claims) => Some(claims),
            Self::Anonymous => None,
        }
    }
}

impl ReceivedRequest<'_> {
    /// The caller of a provider's API, by the places where that provider's clients put the token.
    pub(super) fn caller_of(
        &mut self,
        provider: &Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Caller, Stop> {
        if let Credential::Passthrough { gateway_token } = provider.credential {
            return self.caller_of_passthrough(provider, gateway_token);
        }
        let profile = provider.kind.profile();
        let Some(token) = self.candidates.first_of((profile.token_locations)(path)) else {
            if upload::is_granted(provider, self.head, path, query, self.now) {
                return Ok(Caller::Anonymous);
            }
            let caller = self.any_caller()?;
            return match caller {
                Caller::Anonymous => Ok(caller),
                Caller::Known(claims) => {
                    let rejection = Rejection::Token(TokenError::Misplaced(profile.token_hint));
                    Err(Refusal::of(rejection, Some(&claims), None).into())
                }
            };
        };
        self.caller_by(token)
    }

    /// The caller of a provider that receives the client's own credential. The gateway's token, if
    /// there is one, is in a gateway token header.
    fn caller_of_passthrough(
        &mut self,
        provider: &Provider,
        gateway_token: GatewayToken,
    ) -> Result<Caller, Stop> {
        if let Some(token) = self.candidates.first_of(&[]) {
            return self.caller_by(token);
        }
        match gateway_token {
            GatewayToken::Optional => {
                self.own_credential(provider)?;
                Ok(Caller::Anonymous)
            }
            GatewayToken::Required => {
                let caller = self.any_caller()?;
                let rejection = Rejection::GatewayTokenMissing(self.gateway_token_header());
                Err(Refusal::of(rejection, caller.claims(), None).into())
            }
        }
    }

    /// The caller, by the first token in any place.
    pub(in crate::transaction) fn any_caller(&mut self) -> Result<Caller, Stop> {
        match self.candidates.first() {
            Some(token) => self.caller_by(token),
            None if matches!(self.config.authentication, Authentication::Disabled) => {
                Ok(Caller::Anonymous)
            }
            None if self.candidates.has_other_scheme() => {
                Err(Rejection::Token(TokenError::Scheme).into())
            }
            None => Err(Rejection::Token(TokenError::Missing).into()),
        }
    }

    /// The caller, by the token that decides. If it is refused, all other tokens are authenticated
    /// too, in the order of their locations. So an unauthenticated client gets the same error after
    /// the same work, whichever token decides for the provider that it names.
    fn caller_by(&mut self, decisive: Candidate<'_>) -> Result<Caller, Stop> {
        let is_first = self.candidates.first() == Some(decisive);
        let mut first_refusal = None;
        let mut decisive_refusal = None;
        let mut other_caller = None;
        let mut index = 0;
        while let Some(candidate) = self.candidates.get(index) {
            index += 1;
            let is_decisive = candidate == decisive;
            if other_caller.is_some() && !is_decisive {
                continue;
            }
            match self.authenticate(candidate) {
                Ok(caller) if is_decisive => return Ok(caller),
                Ok(caller) => other_caller = Some(caller),
                Err(Stop::Refuse(refusal)) if is_decisive => decisive_refusal = Some(refusal),
                Err(Stop::Refuse(refusal)) => first_refusal = first_refusal.or(Some(refusal)),
                Err(wait) => return Err(wait),
            }
        }
        let decisive_refusal =
            decisive_refusal.unwrap_or_else(|| Rejection::Token(TokenError::Missing).into());
        Err(match (other_caller, first_refusal) {
            (Some(caller), _) => {
                decisive_refusal.with(RequestLogContext::new(caller.claims(), None))
            }
            (None, Some(first)) if !is_first => first,
            (None, _) => decisive_refusal,
        }
        .into())
    }

    /// Whether the caller counts as authenticated. Everyone does if authentication is disabled.
    pub(super) const fn authenticated(&self, caller: &Caller) -> Authenticated {
        match (caller, &self.config.authentication) {
            (Caller::Known(_), _) | (_, Authentication::Disabled) => Authenticated::Yes,
            (Caller::Anonymous, Authentication::Tokens { .. }) => Authenticated::No,
        }
    }

    /// Counts a known caller. A request that has waited for credentials was counted before.
    pub(in crate::transaction) fn count_accepted(&mut self, caller: &Caller) {
        let is_first_time = self.prior_waits.credentials == WaitPolicy::Wait;
        if matches!(caller, Caller::Known(_)) && is_first_time {
            let metric = Metric::Authentications(TokenVerdict::Accepted);
            self.gateway.counters.count(metric);
        }
    }

    pub(in crate::transaction) fn authenticate(
        &mut self,
        candidate: Candidate<'_>,
    ) -> Result<Caller, Stop> {
        if matches!(self.config.authentication, Authentication::Disabled) {
            return Ok(Caller::Anonymous);
        }
        let authenticator = &mut self.gateway.authenticator;
        match authenticator.authenticate(candidate.token, &self.prior_waits.keys, self.now) {
            Verdict::Accepted(claims) if self.is_for_audience(&claims) => Ok(Caller::Known(claims)),
            Verdict::Accepted(claims) => {
                let wanted = self.audiences.first().cloned();
                let wanted =
                    wanted.unwrap_or_else(|| self.config.audience_to_request(claims.issuer));
                Err(Rejection::Token(TokenError::AudienceNotAccepted(wanted)).into())
            }
            Verdict::Rejected(error) => Err(Rejection::Token(error).into()),
            Verdict::AwaitingKeys(issuer) => Err(Stop::AwaitFetch(Resource::Keys(issuer))),
            Verdict::KeysUnavailable { retry_after } => {
                Err(Rejection::KeysUnavailable(retry_after).into())
            }
        }
    }

    /// The header with the client's own credential for a provider. A gateway token is refused
    /// there, because it must not reach anyone else.
    pub(super) fn own_credential(&self, provider: &Provider) -> Result<&'static str, Rejection> {
        let mut locations = (provider.kind.profile().token_locations)(b"").iter();
        let (header, value) = locations
            .find_map(|location| {
                let header = location.header()?;
                let value = match location {
                    TokenLocation::Subprotocol => self.candidates.in_location(*location),
                    _ => self.head.first(header).filter(|value| !value.is_empty()),
                };
                Some((header, value?))
            })
            .ok_or(Rejection::OwnCredentialMissing)?;
        if self.holds_gateway_token(value) {
            return Err(Rejection::GatewayTokenPassedThrough(
                self.gateway_token_header(),
            ));
        }
        Ok(header)
    }

    /// Whether a verified token is for what this request asks for. Without MCP servers it is, because
    /// no issuer's tokens have other audiences.
    fn is_for_audience(&self, claims: &Claims) -> bool {
        if self.audiences.is_empty() {
            self.config.mcp.is_none() || self.config.is_for_gateway(claims)
        } else {
            self.config.is_for_audiences(claims, self.audiences)
        }
    }

    /// Whether a header's value contains a token of one of the gateway's issuers.
    pub(in crate::transaction) fn holds_gateway_token(&self, value: &[u8]) -> bool {
        let authenticator = &self.gateway.authenticator;
        value
            .split(|byte| !is_token_byte(*byte))
            .any(|word| authenticator.is_from_known_issuer(word))
    }

    fn gateway_token_header(&self) -> String {
        let first = self.config.token_headers.first();
        first.cloned().unwrap_or_default()
    }
}

/// Whether a JSON Web Token can contain this byte.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
