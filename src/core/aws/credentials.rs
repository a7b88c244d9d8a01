//! AWS credentials: where they come from, and how they are kept fresh.
//!
//! Credentials that end are fetched anew well before they do, once for all workers of the host;
//! while that fails, they serve until their end.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::endpoints::{self, Progress, Step};
use crate::base::secret::Secret;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Clusters, Poll};
use crate::fetch::refresh::FetchStatus;
use crate::fetch::refresh::WaitPolicy;
use crate::fetch::refresh::{FetchCounts, FetchState, Refresh, Validity};
use crate::http::encoding::hex;
use crate::http::url::{BaseUrl, Endpoint};
use serde::Serialize;

/// A provider's credential.
#[derive(Serialize)]
pub struct CredentialStatus {
    /// The provider's name.
    pub provider: String,
    /// `configured`, `fetched`, `expired`, `none`, `passthrough` or `not_needed`.
    pub state: &'static str,
    /// Its end, where it has one.
    pub expires_at: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs, reason = "see there")]
    pub fetching: Option<FetchStatus>,
}

/// A key pair, with a session token if it is a temporary one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsCredentials {
    /// The public part.
    pub access_key_id: String,
    /// The part that signs.
    pub secret_access_key: Secret,
    /// Sent along with temporary credentials.
    pub session_token: Option<Secret>,
    /// When temporary credentials end.
    pub expires_at: Option<UnixTime>,
}

/// How credentials are had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsSettings {
    /// What is tried, in this order, until one answers; at least one.
    pub origins: Vec<CredentialsProvider>,
    /// The role to assume with what was found.
    pub role: Option<Role>,
    /// The clusters that callouts go through.
    pub clusters: Clusters,
}

/// A place that credentials come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CredentialsProvider {
    /// The configuration or the environment.
    Static(AwsCredentials),
    /// The credentials endpoint of a container: ECS, EKS Pod Identity, or a helper that speaks
    /// the same JSON.
    Container {
        /// The endpoint.
        endpoint: Endpoint,
        /// What it wants in `Authorization`.
        authorization: Option<Secret>,
    },
    /// The instance metadata service of EC2, version 2.
    InstanceMetadata {
        /// Its address.
        endpoint: BaseUrl,
    },
}

/// A role of AWS IAM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy may ask for.
    pub external_id: Option<String>,
    /// How the session is called in AWS's logs.
    pub session_name: String,
    /// How long the session is to last.
    pub duration: Duration,
    /// The Security Token Service.
    pub endpoint: Endpoint,
    /// The region that requests to it are signed for.
    pub region: String,
}

/// Why there are no credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CredentialsError {
    /// They are being fetched.
    AwaitFetch,
    /// They cannot be had.
    Unavailable {
        /// When the next attempt is made.
        retry_after: Duration,
    },
}

/// The credentials of one provider.
pub struct CredentialsCache {
    settings: AwsSettings,
    current: Option<AwsCredentials>,
    refresh: Option<Refresh>,
    step: Option<Step>,
}

/// How long a single callout may take.
pub(super) const CALLOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most callouts that a fetch makes: a container's, three of instance metadata, a role's.
const CALLOUTS_OF_A_FETCH: u32 = 5;

/// Credentials are fetched anew this long before they end, or in the last fifth of a short life.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);

/// Fetched credentials without an end are fetched anew after this time.
const REFRESH_INTERVAL: Duration = Duration::from_secs(600);

impl CredentialsCache {
    /// A source that has fetched nothing yet; static credentials are there at once.
    pub fn new(settings: &AwsSettings, shared_data: &dyn SharedData) -> Self {
        let (current, refresh) = match (settings.origins.as_slice(), &settings.role) {
            ([CredentialsProvider::Static(credentials), ..], None) => {
                (Some(credentials.clone()), None)
            }
            _ => (None, Some(Refresh::new(settings.name()))),
        };
        if let Some(refresh) = &refresh {
            refresh.prepare(shared_data);
        }
        Self {
            settings: settings.clone(),
            current,
            refresh,
            step: None,
        }
    }

    /// The credentials of the moment.
    pub fn credentials(
        &mut self,
        patience: WaitPolicy,
        now: UnixTime,
    ) -> Result<&AwsCredentials, CredentialsError> {
        let is_current = |found: &&AwsCredentials| found.expires_at.is_none_or(|end| now < end);
        let missing = self.missing(patience, now);
        self.current.as_ref().filter(is_current).ok_or(missing)
    }

    /// Takes in what another worker has fetched, and begins a fetch that is due here.
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Poll {
        let Some(refresh) = &mut self.refresh else {
            return Poll::default();
        };
        let adopted = refresh.adopt(shared_data);
        let settled = adopted.is_some();
        if let Some(document) = adopted.and_then(|published| published.document)
            && let Ok(credentials) = AwsCredentials::parse(document.as_bytes(), now)
        {
            self.current = Some(credentials);
        }
        let time_limit = CALLOUT_TIMEOUT * CALLOUTS_OF_A_FETCH;
        if !refresh.begin(now, time_limit, shared_data) {
            return Poll {
                settled,
                callout: None,
            };
        }
        let progress = endpoints::from_origin(&self.settings, 0, now);
        let callout = self.proceed(progress, now, shared_data);
        Poll {
            settled: settled || callout.is_none(),
            callout,
        }
    }

    /// Takes in the answer to the callout under way; the next callout, if the fetch has not ended.
    pub fn on_response(
        &mut self,
        answer: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        let step = self.step.take()?;
        let progress = step.on_response(&self.settings, answer, now);
        self.proceed(progress, now, shared_data)
    }

    /// Gives up a fetch under way, since its worker ends.
    pub fn abandon(&self, shared_data: &dyn SharedData) {
        if let Some(refresh) = &self.refresh {
            refresh.abandon(shared_data);
        }
    }

    /// The fetches that have ended here since this was last asked.
    pub fn take_fetches(&mut self) -> FetchCounts {
        let refresh = self.refresh.as_mut();
        refresh.map(Refresh::take_fetches).unwrap_or_default()
    }

    /// How the credentials do, for people.
    pub fn status(&self, provider: &str, now: UnixTime) -> CredentialStatus {
        let end = self.current.as_ref().and_then(|it| it.expires_at);
        CredentialStatus {
            provider: provider.to_owned(),
            state: match (&self.current, &self.refresh) {
                (None, _) => "none",
                (Some(_), _) if end.is_some_and(|end| end <= now) => "expired",
                (Some(_), None) => "configured",
                (Some(_), Some(_)) => "fetched",
            },
            expires_at: end.map(|end| end.to_string()),
            fetching: self.refresh.as_ref().map(Refresh::fetching),
        }
    }

    /// How long the credentials still last, for those that end.
    pub fn lasts(&self, now: UnixTime) -> Option<Duration> {
        let end = self.current.as_ref()?.expires_at?;
        Some(end.saturating_since(now))
    }

    fn proceed(
        &mut self,
        progress: Progress,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        let refresh = self.refresh.as_mut()?;
        match progress {
            Progress::Ask(step, callout) => {
                self.step = Some(step);
                Some(*callout)
            }
            Progress::Found(credentials) => {
                log::info!("fetched AWS credentials");
                let term = credentials.term(now);
                refresh.succeeded(credentials.document(), now, term, shared_data);
                self.current = Some(credentials);
                None
            }
            Progress::Failed(reason) => {
                let backoff = refresh.failed(&reason, now, shared_data);
                log::warn!("cannot fetch AWS credentials: {reason}; trying again in {backoff:?}");
                None
            }
        }
    }

    fn missing(&mut self, patience: WaitPolicy, now: UnixTime) -> CredentialsError {
        let next = match self.refresh.as_ref().map(Refresh::standing) {
            Some(FetchState::UnderWay) if patience == WaitPolicy::Wait => {
                return CredentialsError::AwaitFetch;
            }
            Some(FetchState::Due(next)) if patience == WaitPolicy::Wait && next <= now => {
                return CredentialsError::AwaitFetch;
            }
            Some(FetchState::Due(next)) => next,
            _ => now,
        };
        let retry_after = next.saturating_since(now);
        CredentialsError::Unavailable {
            retry_after: retry_after.max(Duration::from_secs(1)),
        }
    }
}

/// Credentials as container endpoints and instance metadata give them.
#[derive(Deserialize)]
struct CredentialsDocument {
    #[serde(rename = "AccessKeyId")]
    access_key_id: String,
    #[serde(rename = "SecretAccessKey")]
    secret_access_key: String,
    #[serde(rename = "Token")]
    token: Option<String>,
    #[serde(rename = "Expiration")]
    expiration: Option<String>,
}

impl AwsCredentials {
    /// Reads what container endpoints and instance metadata answer. Credentials that have ended
    /// are an error.
    pub(super) fn parse(document: &[u8], now: UnixTime) -> Result<Self, String> {
        let document: CredentialsDocument = serde_json::from_slice(document).map_err(|_| {
            "the answer is not JSON with AccessKeyId and SecretAccessKey".to_owned()
        })?;
        let expires_at = match document.expiration.as_deref() {
            None | Some("") => None,
            Some(text) => Some(
                UnixTime::parse_rfc_3339(text)
                    .ok_or_else(|| "the credentials' Expiration is not a time".to_owned())?,
            ),
        };
        Self {
            access_key_id: document.access_key_id,
            secret_access_key: Secret::new(document.secret_access_key),
            session_token: document
                .token
                .filter(|token| !token.is_empty())
                .map(Secret::new),
            expires_at,
        }
        .checked(now)
    }

    /// Credentials that can be sent and have not ended.
    pub(super) fn checked(self, now: UnixTime) -> Result<Self, String> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err("the credentials have ended already".to_owned());
        }
        if self.can_be_sent() {
            Ok(self)
        } else {
            Err("the credentials are empty or have characters that no header can carry".to_owned())
        }
    }

    /// Whether every part is of characters that a header can carry.
    pub fn can_be_sent(&self) -> bool {
        let token = self.session_token.as_ref().map(Secret::expose);
        [self.access_key_id.as_str(), self.secret_access_key.expose()]
            .into_iter()
            .chain(token)
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()))
    }

    /// What [`Self::parse`] reads, for the other workers.
    fn document(&self) -> String {
        serde_json::json!({
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key.expose(),
            "Token": self.session_token.as_ref().map(Secret::expose),
            "Expiration": self.expires_at.map(|end| end.to_string()),
        })
        .to_string()
    }

    fn term(&self, now: UnixTime) -> Validity {
        let fresh_until = self.expires_at.unwrap_or(now + REFRESH_INTERVAL);
        let life = fresh_until.saturating_since(now);
        let ahead = match self.expires_at {
            Some(_) => REFRESH_AHEAD.min(life / 5),
            None => Duration::ZERO,
        };
        Validity {
            next: now + life.saturating_sub(ahead),
            fresh_until,
        }
    }
}

impl AwsSettings {
    /// What workers know these credentials by: a digest of all that decides what they are.
    fn name(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{self:?}"));
        for origin in &self.origins {
            if let CredentialsProvider::Static(credentials) = origin {
                digest.update(credentials.document());
            }
        }
        format!("aws/{}", hex(&digest.finalize()))
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AWS credentials cannot be had")
    }
}

#[cfg(test)]
mod tests;
