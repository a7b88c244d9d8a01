//! One request, from its head to its end: the only module that knows the order of the steps.
//!
//! ```text
//! Init ─ head ─┬─────────────────────────────► Forwarded
//!              ├─► AwaitingKeys ─ keys settled ─┤
//!              └─► Replied ◄────────────────────┘
//! ```
//!
//! The steps are: route, authenticate ([`caller`]), authorize, prepare.

mod caller;

use std::cell::RefCell;
use std::rc::Rc;

use crate::authn::token::Candidates;
use crate::authn::{Authenticator, IssuerIndex, Patience};
use crate::authz::Action;
use crate::config::Config;
use crate::credential::Credential;
use crate::directory::{Directory, Entry};
use crate::forward::UpstreamRequest;
use crate::head::RequestHead;
use crate::provider::Provider;
use crate::reply::{Rejection, Reply, shown};
use crate::route::Route;
use crate::time::UnixTime;
use caller::Caller;

/// What all requests of one worker share: a configuration, and what was learnt under it.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// Keys and tokens.
    pub authenticator: RefCell<Authenticator>,
}

/// What happens to a request.
pub enum Input {
    /// Its head has arrived.
    RequestHead(RequestHead),
    /// The fetch of keys that it waited for has ended.
    KeysSettled,
    /// It cannot wait for keys: too many others do.
    CannotWait,
    /// The response's head has arrived.
    ResponseHead,
}

/// What the host is to do, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Have the request wait until that issuer's keys have been fetched.
    AwaitKeys(IssuerIndex),
    /// Make the request the provider's, and let it go on.
    Forward(UpstreamRequest),
    /// Answer it.
    Reply(Reply),
    /// Take these headers off the response.
    RemoveResponseHeaders(Rc<[String]>),
}

/// Where a request stands.
#[derive(Debug, Default)]
pub enum Transaction {
    /// Nothing has arrived.
    #[default]
    Init,
    /// It is held until keys have been fetched.
    AwaitingKeys(RequestHead),
    /// It is the provider's.
    Forwarded,
    /// It has been answered here.
    Replied,
}

/// Whether the host may pass on what has arrived of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// It may.
    Continue,
    /// It holds it back.
    Pause,
}

impl Transaction {
    /// Takes in what happened; says what is to be done.
    pub fn handle(
        self,
        input: Input,
        shared: &Shared,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) -> Self {
        match (self, input) {
            (Self::Init, Input::RequestHead(head)) => {
                decide(head, Patience::Wait, shared, now, effects)
            }
            (Self::AwaitingKeys(head), Input::KeysSettled) => {
                decide(head, Patience::Decide, shared, now, effects)
            }
            (Self::AwaitingKeys(_), Input::CannotWait) => {
                effects.push(Effect::Reply(Rejection::TooManyWaiting.reply()));
                Self::Replied
            }
            (Self::Forwarded, Input::ResponseHead) => {
                let headers = shared.config.response_headers_to_remove.as_slice();
                effects.push(Effect::RemoveResponseHeaders(headers.into()));
                Self::Forwarded
            }
            (state, Input::ResponseHead) => state,
            (state @ (Self::Forwarded | Self::Replied), _) => state,
            (Self::Init | Self::AwaitingKeys(_), _) => {
                let rejection = Rejection::Unreachable("an event out of order");
                effects.push(Effect::Reply(rejection.reply()));
                Self::Replied
            }
        }
    }

    /// Whether what arrives of the request may go on.
    pub const fn flow(&self) -> Flow {
        match self {
            Self::Forwarded => Flow::Continue,
            Self::Init | Self::AwaitingKeys(_) | Self::Replied => Flow::Pause,
        }
    }
}

/// Takes all the steps that can be taken now.
fn decide(
    head: RequestHead,
    patience: Patience,
    shared: &Shared,
    now: UnixTime,
    effects: &mut Vec<Effect>,
) -> Transaction {
    match respond(&head, patience, shared, now) {
        Ok(Decision::Forward(upstream_request)) => {
            effects.push(Effect::Forward(upstream_request));
            Transaction::Forwarded
        }
        Ok(Decision::Answer(reply)) => {
            effects.push(Effect::Reply(reply));
            Transaction::Replied
        }
        Err(Obstacle::AwaitingKeys(issuer)) => {
            effects.push(Effect::AwaitKeys(issuer));
            Transaction::AwaitingKeys(head)
        }
        Err(Obstacle::Rejected(rejection)) => {
            log::debug!("request refused: {}", rejection.code());
            effects.push(Effect::Reply(rejection.reply()));
            Transaction::Replied
        }
    }
}

enum Decision {
    Forward(UpstreamRequest),
    Answer(Reply),
}

enum Obstacle {
    AwaitingKeys(IssuerIndex),
    Rejected(Rejection),
}

impl From<Rejection> for Obstacle {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A request at hand, with all that its steps look at.
struct Request<'a> {
    head: &'a RequestHead,
    candidates: Candidates<'a>,
    patience: Patience,
    shared: &'a Shared,
    now: UnixTime,
}

/// Route, authenticate, authorize, prepare.
fn respond(
    head: &RequestHead,
    patience: Patience,
    shared: &Shared,
    now: UnixTime,
) -> Result<Decision, Obstacle> {
    let config = &shared.config;
    let route = Route::parse(&config.path_prefix, head.path()).map_err(Rejection::Path)?;
    let query = match route {
        Route::Upstream { query, .. } => query,
        _ => None,
    };
    let candidates =
        Candidates::find(head, query, &config.token_headers).map_err(Rejection::Repeated)?;
    let request = Request {
        head,
        candidates,
        patience,
        shared,
        now,
    };
    match route {
        Route::Upstream { name, path, query } => match config.provider(name) {
            Some(provider) => request.forward(provider, path, query),
            None => {
                request.any_caller()?;
                Err(Rejection::UnknownProvider(shown(name)).into())
            }
        },
        Route::Provider { name } => request.show(name),
        Route::Providers => request.list(),
        Route::Outside => {
            request.any_caller()?;
            Err(Rejection::UnknownPath(config.path_prefix.clone()).into())
        }
    }
}

impl Request<'_> {
    fn forward(
        &self,
        provider: &Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.caller_of(provider, path)?;
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide(
                    claims,
                    Action::Invoke,
                    &provider.name,
                    provider.allow.as_deref(),
                )
                .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        }
        if !provider.enabled {
            return Err(Rejection::Disabled(provider.name.clone()).into());
        }
        let passed_through = match provider.credential {
            Credential::Passthrough { .. } => Some(self.own_credential(provider)?),
            Credential::ApiKey { .. } | Credential::None => None,
        };
        Ok(Decision::Forward(UpstreamRequest::new(
            provider,
            self.head,
            path,
            query,
            &config.token_headers,
            passed_through,
        )))
    }

    fn show(&self, name: &[u8]) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.any_caller()?;
        let provider = config
            .provider(name)
            .ok_or_else(|| Rejection::UnknownProvider(shown(name)))?;
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide(
                    claims,
                    Action::Get,
                    &provider.name,
                    provider.allow.as_deref(),
                )
                .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        }
        self.expect_get(|| Rejection::NoUpstreamPath(provider.name.clone()))?;
        let entry = Entry::new(provider, self.head, &config.path_prefix);
        Ok(Decision::Answer(Reply::json(200, Vec::new(), &entry)))
    }

    fn list(&self) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.any_caller()?;
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide_on_some(claims, Action::Get)
                .map_err(|denied| Rejection::Denied(denied, None))?;
        }
        self.expect_get(|| Rejection::UnknownPath(config.path_prefix.clone()))?;
        let visible = config.providers.values().filter(|provider| match &caller {
            Caller::Known(claims) => config
                .policy
                .decide(
                    claims,
                    Action::Get,
                    &provider.name,
                    provider.allow.as_deref(),
                )
                .is_ok(),
            Caller::Unasked => true,
        });
        let directory = Directory::new(visible, self.head, &config.path_prefix);
        Ok(Decision::Answer(Reply::json(200, Vec::new(), &directory)))
    }

    fn expect_get(&self, otherwise: impl FnOnce() -> Rejection) -> Result<(), Obstacle> {
        if matches!(self.head.method(), b"GET" | b"HEAD") {
            Ok(())
        } else {
            Err(otherwise().into())
        }
    }
}

#[cfg(test)]
mod tests;
