//! The state of one worker: the configuration, and what the worker has learnt while it applies.
//!
//! Nothing here has interior mutability. The driver owns the [`Gateway`] and passes it to each
//! transaction as `&mut`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::authn::Authenticator;
use crate::authn::jwt::IssuerIndex;
use crate::authn::signature::SignatureVerifier;
use crate::aws::credentials_cache::CredentialsCache;
use crate::aws::sigv4::SigningKeys;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::fetch::refresh::FetchCounts;
use crate::provider::credential::Credential;
use crate::telemetry::counters::Counters;
use crate::telemetry::high_water_marks::HighWaterMarks;
use crate::telemetry::metric::{
    CacheLookup, FetchOutcome, LabelSet, Labels, Measurement, Metric, ModelBudget,
};
use crate::telemetry::usage_totals::UsageTotals;

/// The state of one worker.
pub struct Gateway {
    /// The configuration, which never changes.
    pub config: Rc<Config>,
    /// The issuers' keys and the token cache.
    pub authenticator: Authenticator,
    /// What requests to AWS are signed with.
    pub aws: AwsSigners,
    /// The labels of the metrics.
    pub labels: Labels,
    /// Counters that are reported at a tick.
    pub counters: Counters,
    /// The usage of the providers, and the gateway's own counters.
    pub usage_totals: UsageTotals,
    /// The highest and lowest values seen.
    pub high_water_marks: HighWaterMarks,
    issuer_labels: Vec<LabelSet>,
    provider_labels: BTreeMap<String, LabelSet>,
    reported_at: UnixTime,
    /// When the configuration was first used.
    loaded_at: Option<UnixTime>,
}

/// The AWS credentials of the providers, and the signing keys derived from them.
#[derive(Default)]
pub struct AwsSigners {
    /// The credentials, by the provider's name.
    pub credentials: BTreeMap<String, CredentialsCache>,
    /// The derived keys.
    pub keys: SigningKeys,
}

/// A remote document that requests can wait for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// An issuer's keys.
    Keys(IssuerIndex),
    /// The credentials of the provider with this name.
    Credentials(Rc<str>),
}

/// Counters are reported no more often than this.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Gateway {
    /// A gateway that has fetched nothing yet.
    pub fn new(
        config: Config,
        verifier: Rc<dyn SignatureVerifier>,
        shared_data: &dyn SharedData,
    ) -> Self {
        let authenticator = Authenticator::new(
            config.issuers(),
            config.authentication.limits(),
            verifier,
            shared_data,
        );
        let credentials: BTreeMap<_, _> = config
            .providers
            .values()
            .filter_map(|provider| match &provider.credential {
                Credential::Aws(signing) => Some((
                    provider.name.clone(),
                    CredentialsCache::new(&provider.name, &signing.settings, shared_data),
                )),
                _ => None,
            })
            .collect();
        let providers = config.providers.values();
        let listed = providers.clone().filter_map(|it| it.catalog.as_ref());
        let known_models = listed
            .flat_map(|catalog| catalog.names())
            .chain(providers.flat_map(|provider| provider.prices.names()))
            .chain(config.policy.bindings.model_names());
        let budget = ModelBudget {
            max_models: config.observability.max_models,
            providers: config.providers.len(),
        };
        let mut labels = Labels::new(known_models, budget, shared_data);
        if let Some(mcp) = &config.mcp {
            labels.divide_tools(mcp.servers.len());
        }
        let issuers = config.issuers().iter();
        let issuer_labels = issuers
            .map(|issuer| labels.one("issuer", &issuer.issuer))
            .collect();
        let provider_labels = credentials
            .keys()
            .map(|name| (name.clone(), labels.one("provider", name)))
            .collect();
        Self {
            config: Rc::new(config),
            authenticator,
            aws: AwsSigners {
                credentials,
                keys: SigningKeys::default(),
            },
            labels,
            counters: Counters::default(),
            usage_totals: UsageTotals::new(shared_data),
            high_water_marks: HighWaterMarks::default(),
            issuer_labels,
            provider_labels,
            reported_at: UnixTime::default(),
            loaded_at: None,
        }
    }

    /// When the configuration was first used, if it was.
    pub const fn loaded_at(&self) -> Option<UnixTime> {
        self.loaded_at
    }

    /// Reads what other workers have fetched, and starts the fetches that are due.
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<(Resource, Poll)> {
        self.loaded_at.get_or_insert(now);
        let keys = self.authenticator.poll(now, shared_data);
        let mut polls: Vec<_> = keys
            .into_iter()
            .map(|(issuer, poll)| (Resource::Keys(issuer), poll))
            .collect();
        for (name, credentials) in &mut self.aws.credentials {
            let poll = credentials.poll(now, shared_data);
            polls.push((Resource::Credentials(name.as_str().into()), poll));
        }
        polls
    }

    /// Handles the response to a callout. Returns the next callout, unless the fetch has ended.
    pub fn on_response(
        &mut self,
        resource: &Resource,
        response: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        match resource {
            Resource::Keys(issuer) => {
                self.authenticator
                    .on_response(*issuer, response, now, shared_data)
            }
            Resource::Credentials(name) => {
                let credentials = self.aws.credentials.get_mut(name.as_ref())?;
                credentials.on_response(response, now, shared_data)
            }
        }
    }

    /// Publishes the totals and takes the counters since the last report, once in
    /// [`REPORT_INTERVAL`].
    pub fn report(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<Measurement> {
        let last = self.reported_at;
        // A clock that was set back must not stop the reports until it has caught up.
        if last <= now && now.saturating_since(last) < REPORT_INTERVAL {
            return Vec::new();
        }
        self.reported_at = now;
        self.usage_totals.publish(now, shared_data);
        let clock_ahead = self.authenticator.clock_ahead();
        self.high_water_marks.note_clock_ahead(clock_ahead);
        self.high_water_marks.publish(shared_data);
        let mut gauges = Vec::new();
        let key_reports = self.authenticator.key_reports(now);
        for (keys, set) in key_reports.zip(&self.issuer_labels) {
            count_fetches(&mut self.counters, keys.fetches, |outcome| {
                Metric::KeyFetches(*set, outcome)
            });
            if let Some(age) = keys.age {
                let is_stale = u64::from(keys.is_stale);
                gauges.push(measurement(Metric::KeyAge(*set), age.as_secs()));
                gauges.push(measurement(Metric::KeysStale(*set), is_stale));
            }
        }
        let lookups = self.authenticator.take_lookups();
        let lookup = Metric::TokenCacheLookups;
        self.counters.add(lookup(CacheLookup::Hit), lookups.hits);
        self.counters.add(lookup(CacheLookup::Miss), lookups.misses);
        for (name, credentials) in &mut self.aws.credentials {
            if let Some(set) = self.provider_labels.get(name) {
                count_fetches(&mut self.counters, credentials.take_fetches(), |outcome| {
                    Metric::CredentialFetches(*set, outcome)
                });
                let expires_in = credentials.expires_in(now).map(|time| time.as_secs());
                gauges.extend(
                    expires_in.map(|time| measurement(Metric::CredentialExpiry(*set), time)),
                );
            }
        }
        self.counters.take().chain(gauges).collect()
    }

    /// Counts a measurement that is also part of the status report. Call this for every
    /// [`Measurement`] that a transaction or a report asks for.
    pub fn note(&mut self, measurement: &Measurement) {
        if let Metric::Refusals(code) = measurement.metric {
            self.usage_totals.count_refusal(code);
        }
    }

    /// Cancels the fetches under way, since this worker shuts down. Returns what has not been
    /// reported yet.
    pub fn shutdown(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<Measurement> {
        self.reported_at = UnixTime::default();
        let rest = self.report(now, shared_data);
        self.usage_totals.shutdown(now, shared_data);
        self.authenticator.shutdown(shared_data);
        for credentials in self.aws.credentials.values() {
            credentials.shutdown(shared_data);
        }
        rest
    }
}

fn count_fetches(
    counters: &mut Counters,
    fetches: FetchCounts,
    metric: impl Fn(FetchOutcome) -> Metric,
) {
    counters.add(metric(FetchOutcome::Succeeded), fetches.succeeded);
    counters.add(metric(FetchOutcome::Failed), fetches.failed);
}

const fn measurement(metric: Metric, value: u64) -> Measurement {
    Measurement { metric, value }
}
