//! The AWS credentials of one provider, kept fresh.
//!
//! Temporary credentials are refreshed before they expire, once for all workers of the host. If a
//! refresh fails, the current ones are used until they expire.

use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::credentials::{AwsCredentials, AwsSettings, CredentialsProvider};
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::fetch::refresh::{FetchCounts, FetchState, FetchStatus, WaitPolicy};
use crate::fetch::refreshed::Refreshed;

/// The status of a provider's credential.
#[derive(Serialize)]
pub struct CredentialStatus {
    /// The provider's name.
    pub provider: String,
    /// `configured`, `fetched`, `expired`, `none`, `passthrough` or `not_needed`.
    pub state: &'static str,
    /// When it expires, if it does.
    pub expires_at: Option<String>,
    /// The fetches of a credential that is fetched.
    #[serde(flatten)]
    pub fetching: Option<FetchStatus>,
}

/// Why there are no credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CredentialsError {
    /// They are being fetched, and the request may wait.
    #[error("AWS credentials are being fetched")]
    AwaitFetch,
    /// They cannot be fetched.
    #[error("AWS credentials cannot be fetched")]
    Unavailable {
        /// The time until the next attempt.
        retry_after: Duration,
    },
}

/// The credentials of one provider.
pub enum CredentialsCache {
    /// Credentials from the configuration or the environment.
    Static(AwsCredentials),
    /// Credentials that are fetched.
    Fetched(Box<Refreshed<AwsSettings>>),
}

impl CredentialsCache {
    /// Credentials that are not static are not fetched yet, and a fetch is due at once.
    pub fn new(settings: &AwsSettings, shared_data: &dyn SharedData) -> Self {
        match (settings.providers.as_slice(), &settings.role) {
            ([CredentialsProvider::Static(credentials), ..], None) => {
                Self::Static(credentials.clone())
            }
            _ => Self::Fetched(Box::new(Refreshed::new(settings.clone(), shared_data))),
        }
    }

    /// The current credentials.
    pub fn credentials(
        &self,
        wait_policy: WaitPolicy,
        now: UnixTime,
    ) -> Result<&AwsCredentials, CredentialsError> {
        self.current()
            .filter(|found| found.expires_at.is_none_or(|end| now < end))
            .ok_or_else(|| self.error(wait_policy, now))
    }

    /// Takes over what another worker fetched, and starts a fetch that is due.
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Poll {
        match self {
            Self::Static(_) => Poll::default(),
            Self::Fetched(fetched) => fetched.poll(now, shared_data),
        }
    }

    /// Handles the response to the callout under way. Returns the next callout, or `None` if the
    /// fetch has ended.
    pub fn on_response(
        &mut self,
        response: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        match self {
            Self::Static(_) => None,
            Self::Fetched(fetched) => fetched.on_response(response, now, shared_data),
        }
    }

    /// Releases the lease of a fetch under way, because this worker ends.
    pub fn shutdown(&self, shared_data: &dyn SharedData) {
        if let Self::Fetched(fetched) = self {
            fetched.shutdown(shared_data);
        }
    }

    /// Takes the number of fetches that ended in this worker since the last call.
    pub fn take_fetches(&mut self) -> FetchCounts {
        match self {
            Self::Static(_) => FetchCounts::default(),
            Self::Fetched(fetched) => fetched.take_fetches(),
        }
    }

    /// The status, for people.
    pub fn status(&self, provider: &str, now: UnixTime) -> CredentialStatus {
        let end = self.current().and_then(|current| current.expires_at);
        CredentialStatus {
            provider: provider.to_owned(),
            state: match self {
                _ if end.is_some_and(|end| end <= now) => "expired",
                Self::Static(_) => "configured",
                Self::Fetched(fetched) if fetched.value().is_some() => "fetched",
                Self::Fetched(_) => "none",
            },
            expires_at: end.map(|end| end.to_string()),
            fetching: match self {
                Self::Static(_) => None,
                Self::Fetched(fetched) => Some(fetched.status()),
            },
        }
    }

    /// The time until the credentials expire, if they do.
    pub fn expires_in(&self, now: UnixTime) -> Option<Duration> {
        let end = self.current()?.expires_at?;
        Some(end.saturating_since(now))
    }

    /// The last credentials, even if they have expired.
    fn current(&self) -> Option<&AwsCredentials> {
        match self {
            Self::Static(credentials) => Some(credentials),
            Self::Fetched(fetched) => fetched.value(),
        }
    }

    /// Why there are no current credentials.
    fn error(&self, wait_policy: WaitPolicy, now: UnixTime) -> CredentialsError {
        let may_wait = wait_policy == WaitPolicy::Wait;
        let next = match self {
            Self::Static(_) => now,
            Self::Fetched(fetched) => match fetched.state() {
                FetchState::UnderWay if may_wait => return CredentialsError::AwaitFetch,
                FetchState::Due(next) if may_wait && next <= now => {
                    return CredentialsError::AwaitFetch;
                }
                FetchState::UnderWay => now,
                FetchState::Due(next) => next,
            },
        };
        let retry_after = next.saturating_since(now);
        CredentialsError::Unavailable {
            retry_after: retry_after.max(Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
mod tests;
