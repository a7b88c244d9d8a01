//! Requests that the gateway itself makes, as data: the host sends them.

use std::time::Duration;

use crate::credential::Secret;
use crate::url::{Endpoint, Scheme};

/// A request that the host is to send; it has no body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callout {
    /// The cluster to send it through.
    pub cluster: String,
    /// The method.
    pub method: &'static str,
    /// Whom and what to ask.
    pub endpoint: Endpoint,
    /// Headers beside those that the endpoint gives; values may be secret.
    pub headers: Vec<(&'static str, Secret)>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// What came of a callout.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: &'a [u8],
    },
    /// A response whose body is over [`MAX_DOCUMENT_BYTES`] and was not read.
    TooLarge,
    /// No response in time, or no connection.
    NoResponse,
    /// The callout could not be sent: the host has no such cluster.
    Undeliverable,
}

/// Larger answers are not read.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

impl<'a> Answer<'a> {
    /// The body of an answer that is a document.
    pub fn document(self) -> Result<&'a [u8], String> {
        match self {
            Self::Response { status: 200, body } => Ok(body),
            Self::Response { status, .. } => Err(format!("the answer's status is {status}")),
            Self::TooLarge => Err(format!("the answer is over {MAX_DOCUMENT_BYTES} bytes")),
            Self::NoResponse => Err("there was no answer in time".to_owned()),
            Self::Undeliverable => Err("the host has no cluster to send the request by".to_owned()),
        }
    }
}

/// The names of the clusters that callouts and requests go out by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clusters {
    /// For `http` URLs.
    pub http: String,
    /// For `https` URLs.
    pub https: String,
}

impl Clusters {
    /// The cluster for URLs of that scheme.
    pub fn of(&self, scheme: Scheme) -> &str {
        match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }
}

/// What a look at a document that is kept fresh gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Poll {
    /// Whether a fetch by another worker has ended since the last look.
    pub settled: bool,
    /// The callout by which a fetch begins here.
    pub callout: Option<Callout>,
}
