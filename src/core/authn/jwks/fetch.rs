//! How keys are fetched: an issuer's discovery document, where there is one, and then its key set.
//!
//! Discovery (OpenID Connect Discovery 1.0 §4) is done anew each time, so that a moved key set is
//! followed.

use std::time::Duration;

use serde::Deserialize;

use crate::authn::jwk::KeySet;
use crate::fetch::callout::{Callout, CalloutResponse, Clusters};
use crate::http::url::{Endpoint, Scheme};

/// How an issuer's keys are fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteKeys {
    /// The issuer, as its discovery document must name it.
    pub issuer: String,
    /// What is asked first.
    pub start: Start,
    /// The cluster to ask through, by the scheme of what is asked.
    pub clusters: Clusters,
    /// How long one callout may take.
    pub timeout: Duration,
    /// How old keys may get, where their answer does not say so.
    pub refresh_interval: Duration,
    /// How old keys may get at least, whatever their answer says.
    pub min_refresh_interval: Duration,
    /// How old keys may get at most, whatever their answer says.
    pub max_refresh_interval: Duration,
    /// How long keys still serve when they cannot be fetched anew.
    pub max_stale: Duration,
    /// How long an unknown `kid` causes no other fetch after it caused one.
    pub refetch_interval: Duration,
}

/// What is asked first for keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// The issuer's discovery document, which names the key set.
    Discovery(Endpoint),
    /// The key set.
    KeySet(Endpoint),
}

/// A discovery and a key set.
const CALLOUTS: u32 = 2;

/// The fetches of an issuer's keys, one after the other.
pub(super) struct Fetch {
    pub(super) settings: RemoteKeys,
    asked: Asked,
}

/// What an answer that could be used leads to.
pub(super) enum Step {
    /// The next callout.
    Ask(Callout),
    /// The end: the keys, and the document that they stand in.
    Fetched(KeySet, String),
}

/// What the callout under way asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Discovery,
    KeySet,
}

/// The parts of a discovery document that matter.
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

impl Fetch {
    /// Nothing has been asked yet.
    pub(super) const fn new(settings: RemoteKeys) -> Self {
        Self {
            settings,
            asked: Asked::Discovery,
        }
    }

    /// What workers know these keys by. Keys that come from elsewhere have another name.
    pub(super) fn name(&self) -> String {
        let Endpoint {
            authority, target, ..
        } = self.start();
        let RemoteKeys {
            issuer, clusters, ..
        } = &self.settings;
        let cluster = clusters.of(self.start().scheme);
        format!("keys/{issuer}/{cluster}/{authority}{target}")
    }

    /// How long a fetch may take.
    pub(super) fn time_limit(&self) -> Duration {
        self.settings.timeout * CALLOUTS
    }

    /// The first callout.
    pub(super) fn begin(&mut self) -> Callout {
        self.asked = match self.settings.start {
            Start::Discovery(_) => Asked::Discovery,
            Start::KeySet(_) => Asked::KeySet,
        };
        self.callout(self.start().clone())
    }

    /// Takes in the answer to the callout under way, or says what is wrong with it.
    pub(super) fn on_response(&mut self, answer: CalloutResponse<'_>) -> Result<Step, String> {
        let body = answer.document()?;
        match self.asked {
            Asked::Discovery => {
                let endpoint = self.discovered(body)?;
                self.asked = Asked::KeySet;
                Ok(Step::Ask(self.callout(endpoint)))
            }
            Asked::KeySet => {
                let keys = KeySet::parse(body).map_err(|error| format!("the key set {error}"))?;
                let document = String::from_utf8_lossy(body).into_owned();
                Ok(Step::Fetched(keys, document))
            }
        }
    }

    /// How long the keys of an answer are good.
    pub(super) fn lifetime(&self, answer: &CalloutResponse<'_>) -> Duration {
        let settings = &self.settings;
        match answer {
            CalloutResponse::Response {
                lifetime: Some(lifetime),
                ..
            } => (*lifetime)
                .min(settings.max_refresh_interval)
                .max(settings.min_refresh_interval),
            _ => settings.refresh_interval,
        }
    }

    const fn start(&self) -> &Endpoint {
        let (Start::Discovery(start) | Start::KeySet(start)) = &self.settings.start;
        start
    }

    fn callout(&self, endpoint: Endpoint) -> Callout {
        Callout {
            cluster: self.settings.clusters.of(endpoint.scheme).to_owned(),
            method: "GET",
            endpoint,
            headers: Vec::new(),
            timeout: self.settings.timeout,
        }
    }

    /// The key set's place. The document must be this issuer's own, and must not lead from TLS to
    /// plaintext.
    fn discovered(&self, body: &[u8]) -> Result<Endpoint, String> {
        let document: DiscoveryDocument = serde_json::from_slice(body).map_err(|_| {
            "the discovery document is not JSON with issuer and jwks_uri".to_owned()
        })?;
        if document.issuer != self.settings.issuer {
            return Err("the discovery document names another issuer".to_owned());
        }
        let endpoint = Endpoint::parse(&document.jwks_uri)
            .map_err(|error| format!("the discovery document's jwks_uri {error}"))?;
        let start = self.start();
        if endpoint.is_link_local() && !start.is_link_local() {
            return Err("the discovery document's jwks_uri is link-local".to_owned());
        }
        if start.scheme == Scheme::Https && endpoint.scheme == Scheme::Http {
            return Err("the discovery document's jwks_uri is not https".to_owned());
        }
        Ok(endpoint)
    }
}
