//! How keys are fetched: an issuer's discovery document, if it has one, and then its key set.
//!
//! Discovery (OpenID Connect Discovery 1.0 §4) is repeated for each fetch, so that a key set that
//! has moved is found.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::authn::jwk::{KeySet, KeySetError, without_byte_order_mark};
use crate::base::display::url_for_display;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutError, CalloutResponse, Clusters};
use crate::fetch::refresh::Validity;
use crate::fetch::refreshed::{Fetched, Progress, Source};
use crate::http::url::{Endpoint, Scheme, UrlError};

/// How an issuer's keys are fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteKeys {
    /// The issuer, as its discovery document must name it.
    pub issuer: String,
    /// What is fetched first.
    pub start: Start,
    /// The clusters to send callouts through.
    pub clusters: Clusters,
    /// How long to wait for each response.
    pub timeout: Duration,
    /// The lifetime of keys whose response does not state one.
    pub refresh_interval: Duration,
    /// The shortest lifetime of keys, whatever the response says.
    pub min_refresh_interval: Duration,
    /// The longest lifetime of keys, whatever the response says.
    pub max_refresh_interval: Duration,
    /// How long stale keys are used if they cannot be refreshed.
    pub max_stale: Duration,
    /// The shortest time between two fetches that unknown key ids cause.
    pub refetch_interval: Duration,
}

/// What is fetched first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// The issuer's discovery document, which has the URL of the key set.
    Discovery(Endpoint),
    /// The key set.
    KeySet(Endpoint),
}

/// What a callout asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JwksStep {
    /// The discovery document.
    Discovery,
    /// The key set.
    KeySet,
}

/// Why an issuer's keys could not be fetched. The issuer, or the network, is at fault.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// There was no document.
    #[error(transparent)]
    Callout(#[from] CalloutError),
    /// The server redirects the discovery document to this URL.
    #[error(
        "the discovery document redirects ({status}) to {location}, which is not followed; \
         configure the issuer as its tokens name it, or jwks_uri"
    )]
    DiscoveryRedirect {
        /// The status.
        status: u16,
        /// The URL.
        location: String,
    },
    /// The server redirects the key set to this URL.
    #[error(
        "the key set redirects ({status}) to {location}, which is not followed; configure that URL \
         as jwks_uri"
    )]
    KeySetRedirect {
        /// The status.
        status: u16,
        /// The URL.
        location: String,
    },
    /// The key set cannot be used.
    #[error("the key set {0}")]
    KeySet(#[from] KeySetError),
    /// The discovery document lacks a member.
    #[error("the discovery document is not JSON with issuer and jwks_uri")]
    Discovery,
    /// The discovery document belongs to another issuer.
    #[error("the discovery document names another issuer")]
    AnotherIssuer,
    /// `jwks_uri` is not a usable URL.
    #[error("the discovery document's jwks_uri {0}")]
    JwksUri(#[from] UrlError),
    /// `jwks_uri` is link-local, but the discovery document is not.
    #[error("the discovery document's jwks_uri is link-local")]
    LinkLocal,
    /// `jwks_uri` is plaintext, but the discovery document came over TLS.
    #[error("the discovery document's jwks_uri is not https")]
    Plaintext,
}

/// The most callouts of one fetch: the discovery document and the key set.
const CALLOUTS: u32 = 2;

/// The members of a discovery document that are used.
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

impl Source for RemoteKeys {
    type Value = KeySet;
    type Step = JwksStep;
    type Error = JwksError;

    /// Another URL makes another name, so that a changed configuration does not use the keys of
    /// the old URL.
    fn name(&self) -> String {
        let Endpoint {
            scheme,
            authority,
            target,
        } = self.first_endpoint();
        let cluster = self.clusters.of(*scheme);
        let scheme = scheme.name();
        format!(
            "keys/{}/{cluster}/{scheme}://{authority}{target}",
            self.issuer
        )
    }

    fn time_limit(&self) -> Duration {
        self.timeout * CALLOUTS
    }

    fn max_stale(&self) -> Option<Duration> {
        Some(self.max_stale)
    }

    fn start(&self, _: UnixTime) -> Result<Progress<Self>, JwksError> {
        let (step, endpoint) = match &self.start {
            Start::Discovery(endpoint) => (JwksStep::Discovery, endpoint),
            Start::KeySet(endpoint) => (JwksStep::KeySet, endpoint),
        };
        Ok(Progress::Next(step, self.callout(endpoint.clone())))
    }

    fn on_response(
        &self,
        step: JwksStep,
        response: CalloutResponse<'_>,
        now: UnixTime,
    ) -> Result<Progress<Self>, JwksError> {
        let lifetime = self.lifetime(&response);
        expect_no_redirect(step, &response)?;
        let body = response.document()?;
        Ok(match step {
            JwksStep::Discovery => {
                let endpoint = self.jwks_endpoint(body)?;
                Progress::Next(JwksStep::KeySet, self.callout(endpoint))
            }
            JwksStep::KeySet => Progress::Fetched(Fetched {
                value: KeySet::parse(body)?,
                document: String::from_utf8_lossy(body).into_owned(),
                validity: Validity::with_lifetime(&self.name(), now, lifetime),
            }),
        })
    }

    fn parse(&self, document: &[u8], _: UnixTime) -> Result<KeySet, JwksError> {
        Ok(KeySet::parse(document)?)
    }
}

/// Fails if the server redirects to another URL. The document there might not be the issuer's.
fn expect_no_redirect(step: JwksStep, response: &CalloutResponse<'_>) -> Result<(), JwksError> {
    let CalloutResponse::Response {
        status,
        location: Some(location),
        ..
    } = *response
    else {
        return Ok(());
    };
    let location = url_for_display(location);
    Err(match step {
        JwksStep::Discovery => JwksError::DiscoveryRedirect { status, location },
        JwksStep::KeySet => JwksError::KeySetRedirect { status, location },
    })
}

impl RemoteKeys {
    /// The lifetime of the keys in a response.
    fn lifetime(&self, response: &CalloutResponse<'_>) -> Duration {
        match response {
            CalloutResponse::Response {
                lifetime: Some(lifetime),
                ..
            } => (*lifetime)
                .min(self.max_refresh_interval)
                .max(self.min_refresh_interval),
            _ => self.refresh_interval,
        }
    }

    const fn first_endpoint(&self) -> &Endpoint {
        let (Start::Discovery(endpoint) | Start::KeySet(endpoint)) = &self.start;
        endpoint
    }

    fn callout(&self, endpoint: Endpoint) -> Box<Callout> {
        Box::new(Callout {
            cluster: self.clusters.of(endpoint.scheme).to_owned(),
            method: "GET",
            endpoint,
            headers: Vec::new(),
            timeout: self.timeout,
        })
    }

    /// The URL of the key set. The discovery document must be this issuer's own, and must not lead
    /// from TLS to plaintext or from elsewhere to a link-local address.
    fn jwks_endpoint(&self, discovery_document: &[u8]) -> Result<Endpoint, JwksError> {
        let document: DiscoveryDocument =
            serde_json::from_slice(without_byte_order_mark(discovery_document))
                .map_err(|_| JwksError::Discovery)?;
        if document.issuer != self.issuer {
            return Err(JwksError::AnotherIssuer);
        }
        let endpoint = Endpoint::parse(&document.jwks_uri)?;
        let first = self.first_endpoint();
        if endpoint.is_link_local() && !first.is_link_local() {
            return Err(JwksError::LinkLocal);
        }
        if first.scheme == Scheme::Https && endpoint.scheme == Scheme::Http {
            return Err(JwksError::Plaintext);
        }
        Ok(endpoint)
    }
}
