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
use crate::fetch::refresh::{FetchState, FetchStatus, WaitPolicy};
use crate::fetch::refreshed::{InlineOrRemote, Refreshed};

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

/// The credentials of one provider. Those that are inline are from the configuration or the
/// environment.
pub type CredentialsCache = InlineOrRemote<AwsSettings>;

impl CredentialsCache {
    /// Credentials that are not static are not fetched yet, and a fetch is due at once.
    pub fn new(provider: &str, settings: &AwsSettings, shared_data: &dyn SharedData) -> Self {
        match (settings.providers.as_slice(), &settings.role) {
            ([CredentialsProvider::Static(credentials), ..], None) => {
                Self::Inline(credentials.clone())
            }
            _ => {
                let subject = format!("the AWS credentials of provider {provider}");
                Self::remote(settings.clone(), subject, shared_data)
            }
        }
    }

    /// The current credentials.
    pub fn credentials(
        &self,
        wait_policy: WaitPolicy,
        now: UnixTime,
    ) -> Result<&AwsCredentials, CredentialsError> {
        self.value()
            .filter(|found| found.expires_at.is_none_or(|end| now < end))
            .ok_or_else(|| self.error(wait_policy, now))
    }

    /// The status, for people.
    pub fn status(&self, provider: &str, now: UnixTime) -> CredentialStatus {
        let end = self.value().and_then(|current| current.expires_at);
        CredentialStatus {
            provider: provider.to_owned(),
            state: match self {
                _ if end.is_some_and(|end| end <= now) => "expired",
                Self::Inline(_) => "configured",
                Self::Remote(remote) if remote.value().is_some() => "fetched",
                Self::Remote(_) => "none",
            },
            expires_at: end.map(|end| end.to_string()),
            fetching: self.as_remote().map(Refreshed::status),
        }
    }

    /// The time until the credentials expire, if they do.
    pub fn expires_in(&self, now: UnixTime) -> Option<Duration> {
        let end = self.value()?.expires_at?;
        Some(end.saturating_since(now))
    }

    /// Why there are no current credentials.
    fn error(&self, wait_policy: WaitPolicy, now: UnixTime) -> CredentialsError {
        let may_wait = wait_policy == WaitPolicy::Wait;
        let next = match self {
            Self::Inline(_) => now,
            Self::Remote(remote) => match remote.state() {
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
