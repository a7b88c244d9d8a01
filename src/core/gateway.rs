//! What all requests of one worker share: a configuration, and what was learnt under it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::admin::status::{
    ClockStatus, ConfigurationStatus, Extremes, HostStatus, StatusReport, Witness,
};
use crate::authn::Authenticator;
use crate::authn::jwt::IssuerIndex;
use crate::authn::signature::SignatureVerifier;
use crate::aws::credentials_cache::{CredentialStatus, CredentialsCache};
use crate::aws::sigv4::SigningKeys;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::fetch::refresh::FetchCounts;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::telemetry::counters::Counters;
use crate::telemetry::metric::{LabelSet, Labels, Lookup, Measurement, Metric, Outcome};
use crate::telemetry::usage_totals::UsageTotals;

/// A configuration, with keys, tokens and credentials.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// Keys and tokens.
    pub authenticator: RefCell<Authenticator>,
    /// What requests are signed with.
    pub signers: RefCell<Signers>,
    /// The labels of what is measured.
    pub labels: RefCell<Labels>,
    /// What is counted between two ticks.
    pub counters: Counters,
    /// What this worker's requests used.
    pub usage_totals: RefCell<UsageTotals>,
    issuer_labels: Vec<LabelSet>,
    provider_labels: BTreeMap<String, LabelSet>,
    reported: Cell<UnixTime>,
    /// Since when this configuration is at work.
    loaded_at: Cell<Option<UnixTime>>,
    /// Extremes that were seen.
    pub witness: Witness,
}

/// The AWS credentials of the providers, and the keys derived from them.
#[derive(Default)]
pub struct Signers {
    /// By the provider's name.
    pub credentials: BTreeMap<String, CredentialsCache>,
    /// Derived keys.
    pub keys: SigningKeys,
}

/// Something that is fetched, and that requests wait for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// An issuer's keys.
    Keys(IssuerIndex),
    /// The credentials of the provider of that name.
    Credentials(Rc<str>),
}

/// Counted once by each worker that has seen it.
pub const BODIES_HANDED_OVER: &str = "!bodies_handed_over";

/// Counts are handed to the host no more often than this.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Shared {
    /// Nothing is fetched yet.
    pub fn new(
        config: Config,
        verifier: Rc<dyn SignatureVerifier>,
        shared_data: &dyn SharedData,
    ) -> Self {
        let authenticator = Authenticator::new(
            config.issuers(),
            config.authentication.cache_size(),
            verifier,
            shared_data,
        );
        let credentials: BTreeMap<_, _> = config
            .providers
            .values()
            .filter_map(|provider| match &provider.credential {
                Credential::Aws(signing) => Some((
                    provider.name.clone(),
                    CredentialsCache::new(&signing.settings, shared_data),
                )),
                _ => None,
            })
            .collect();
        let catalogs = config
            .providers
            .values()
            .filter_map(|it| it.catalog.as_ref());
        let known_models = catalogs.flat_map(|catalog| catalog.names());
        let mut labels = Labels::new(known_models, config.observability.max_models, shared_data);
        let issuers = config.issuers().iter();
        let issuer_labels = issuers
            .map(|issuer| labels.one("issuer", &issuer.issuer))
            .collect();
        let provider_labels = credentials
            .keys()
            .map(|name| (name.clone(), labels.one("provider", name)))
            .collect();
        Self {
            config,
            authenticator: RefCell::new(authenticator),
            signers: RefCell::new(Signers {
                credentials,
                keys: SigningKeys::default(),
            }),
            labels: RefCell::new(labels),
            counters: Counters::default(),
            usage_totals: RefCell::new(UsageTotals::new(shared_data)),
            issuer_labels,
            provider_labels,
            reported: Cell::default(),
            loaded_at: Cell::default(),
            witness: Witness::default(),
        }
    }

    /// Takes in what other workers have fetched, and begins the fetches that are due here.
    pub fn poll(&self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<(Resource, Poll)> {
        self.loaded_at.set(self.loaded_at.get().or(Some(now)));
        let keys = self.authenticator.borrow_mut().poll(now, shared_data);
        let mut polls: Vec<_> = keys
            .into_iter()
            .map(|(issuer, poll)| (Resource::Keys(issuer), poll))
            .collect();
        for (name, source) in &mut self.signers.borrow_mut().credentials {
            let poll = source.poll(now, shared_data);
            polls.push((Resource::Credentials(name.as_str().into()), poll));
        }
        polls
    }

    /// Takes in the answer to a callout; the next callout, if the fetch has not ended.
    pub fn on_response(
        &self,
        resource: &Resource,
        answer: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        match resource {
            Resource::Keys(issuer) => {
                let mut authenticator = self.authenticator.borrow_mut();
                authenticator.on_response(*issuer, answer, now, shared_data)
            }
            Resource::Credentials(name) => {
                let mut signers = self.signers.borrow_mut();
                let source = signers.credentials.get_mut(name.as_ref())?;
                source.on_response(answer, now, shared_data)
            }
        }
    }

    /// What has been counted since this was last asked, if that is long enough ago; totals are
    /// published then.
    pub fn report(&self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<Measurement> {
        let last = self.reported.get();
        // A clock that has been set back must not silence it until it has caught up.
        if last <= now && now.saturating_since(last) < REPORT_INTERVAL {
            return Vec::new();
        }
        self.reported.set(now);
        self.usage_totals.borrow_mut().publish(now, shared_data);
        let mut authenticator = self.authenticator.borrow_mut();
        self.witness.note(Extremes {
            clock_ahead: authenticator.clock_ahead(),
            ..Extremes::default()
        });
        self.witness.publish(shared_data);
        let mut gauges = Vec::new();
        for (keys, set) in authenticator.key_reports(now).zip(&self.issuer_labels) {
            self.count_fetches(keys.fetches, |outcome| Metric::KeyFetches(*set, outcome));
            if let Some(age) = keys.age {
                let is_stale = u64::from(keys.is_stale);
                gauges.push(measurement(Metric::KeyAge(*set), age.as_secs()));
                gauges.push(measurement(Metric::KeysStale(*set), is_stale));
            }
        }
        let lookups = authenticator.take_lookups();
        let lookup = Metric::TokenCacheLookups;
        self.counters.add(lookup(Lookup::Hit), lookups.hits);
        self.counters.add(lookup(Lookup::Miss), lookups.misses);
        for (name, source) in &mut self.signers.borrow_mut().credentials {
            if let Some(set) = self.provider_labels.get(name) {
                let fetches = source.take_fetches();
                self.count_fetches(fetches, |outcome| Metric::CredentialFetches(*set, outcome));
                let lasts = source.expires_in(now).map(|time| time.as_secs());
                gauges.extend(lasts.map(|time| measurement(Metric::CredentialExpiry(*set), time)));
            }
        }
        self.counters.take().chain(gauges).collect()
    }

    /// Notes what is measured, where the status tells of it.
    pub fn note(&self, measurement: &Measurement) {
        if let Metric::Refusals(code) = measurement.metric {
            self.usage_totals.borrow_mut().count(code);
        }
    }

    /// How the gateway does, with the credentials of these providers.
    pub fn status_report(
        &self,
        providers: &[&Provider],
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> StatusReport {
        let loaded_at = self.loaded_at.get().unwrap_or(now);
        let authenticator = self.authenticator.borrow();
        self.witness.note(Extremes {
            clock_ahead: authenticator.clock_ahead(),
            ..Extremes::default()
        });
        let extremes = self.witness.extremes(shared_data);
        let mut refusals = self.usage_totals.borrow().counts(shared_data);
        let handed_over = refusals.remove(BODIES_HANDED_OVER).is_some();
        let is_withheld = refusals.contains_key("body_withheld");
        let signers = self.signers.borrow();
        let credentials = providers.iter().map(|provider| {
            let name = provider.name.as_str();
            let state = match (&provider.credential, signers.credentials.get(name)) {
                (Credential::Aws(_), Some(source)) => return source.status(name, now),
                (Credential::Aws(_), None) => "none",
                (Credential::ApiKey { .. }, _) => "configured",
                (Credential::Passthrough { .. }, _) => "passthrough",
                (Credential::None, _) => "not_needed",
            };
            CredentialStatus {
                provider: name.to_owned(),
                state,
                expires_at: None,
                fetching: None,
            }
        });
        StatusReport {
            version: env!("CARGO_PKG_VERSION"),
            configuration: ConfigurationStatus::new(&self.config.digest, loaded_at, now),
            issuers: authenticator.status(now),
            credentials: credentials.collect(),
            host: HostStatus {
                hands_over_held_bodies: (handed_over || is_withheld).then_some(handed_over),
                largest_held_body_bytes: extremes.largest_held_body,
                smallest_refused_body_bytes: extremes.smallest_refused_body,
            },
            clock: ClockStatus {
                now: now.to_string(),
                issuers_ahead_seconds: extremes.clock_ahead.as_secs_f64(),
            },
            refusals,
        }
    }

    fn count_fetches(&self, fetches: FetchCounts, metric: impl Fn(Outcome) -> Metric) {
        self.counters
            .add(metric(Outcome::Succeeded), fetches.succeeded);
        self.counters.add(metric(Outcome::Failed), fetches.failed);
    }

    /// Gives up all fetches under way, since this worker ends; what has not been told yet.
    pub fn abandon(&self, now: UnixTime, shared_data: &dyn SharedData) -> Vec<Measurement> {
        self.reported.set(UnixTime::default());
        let rest = self.report(now, shared_data);
        self.usage_totals.borrow_mut().abandon(now, shared_data);
        self.authenticator.borrow().shutdown(shared_data);
        for source in self.signers.borrow().credentials.values() {
            source.shutdown(shared_data);
        }
        rest
    }
}

const fn measurement(metric: Metric, value: u64) -> Measurement {
    Measurement { metric, value }
}
