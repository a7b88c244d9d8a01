//! What all requests of one worker share: a configuration, and what was learnt under it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::admin::status::{ClockLine, ConfigurationLine, Diagnosis, Extremes, HostLine, Witness};
use crate::authn::Authenticator;
use crate::authn::jwt::IssuerIndex;
use crate::authn::signature::SignatureVerifier;
use crate::aws::credentials::CredentialLine;
use crate::aws::credentials::CredentialSource;
use crate::aws::sigv4::SigningKeys;
use crate::base::shared_data::Board;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::fetch::callout::{Answer, Callout, Poll};
use crate::fetch::refresh::Fetches;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::telemetry::metric::{LabelSet, Labels, Lookup, Measurement, Metric, Outcome};
use crate::telemetry::tally::Tally;
use crate::telemetry::usage_totals::Ledger;

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
    pub tally: Tally,
    /// What this worker's requests used.
    pub ledger: RefCell<Ledger>,
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
    pub credentials: BTreeMap<String, CredentialSource>,
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
    pub fn new(config: Config, verifier: Rc<dyn SignatureVerifier>, board: &dyn Board) -> Self {
        let authenticator = Authenticator::new(
            config.issuers(),
            config.authentication.cache_size(),
            verifier,
            board,
        );
        let credentials: BTreeMap<_, _> = config
            .providers
            .values()
            .filter_map(|provider| match &provider.credential {
                Credential::Aws(signing) => Some((
                    provider.name.clone(),
                    CredentialSource::new(&signing.settings, board),
                )),
                _ => None,
            })
            .collect();
        let catalogs = config
            .providers
            .values()
            .filter_map(|it| it.catalog.as_ref());
        let known_models = catalogs.flat_map(|catalog| catalog.names());
        let mut labels = Labels::new(known_models, config.observability.max_models, board);
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
            tally: Tally::default(),
            ledger: RefCell::new(Ledger::new(board)),
            issuer_labels,
            provider_labels,
            reported: Cell::default(),
            loaded_at: Cell::default(),
            witness: Witness::default(),
        }
    }

    /// Takes in what other workers have fetched, and begins the fetches that are due here.
    pub fn poll(&self, now: UnixTime, board: &dyn Board) -> Vec<(Resource, Poll)> {
        self.loaded_at.set(self.loaded_at.get().or(Some(now)));
        let keys = self.authenticator.borrow_mut().poll(now, board);
        let mut polls: Vec<_> = keys
            .into_iter()
            .map(|(issuer, poll)| (Resource::Keys(issuer), poll))
            .collect();
        for (name, source) in &mut self.signers.borrow_mut().credentials {
            let poll = source.poll(now, board);
            polls.push((Resource::Credentials(name.as_str().into()), poll));
        }
        polls
    }

    /// Takes in the answer to a callout; the next callout, if the fetch has not ended.
    pub fn answered(
        &self,
        resource: &Resource,
        answer: Answer<'_>,
        now: UnixTime,
        board: &dyn Board,
    ) -> Option<Callout> {
        match resource {
            Resource::Keys(issuer) => {
                let mut authenticator = self.authenticator.borrow_mut();
                authenticator.answered(*issuer, answer, now, board)
            }
            Resource::Credentials(name) => {
                let mut signers = self.signers.borrow_mut();
                let source = signers.credentials.get_mut(name.as_ref())?;
                source.answered(answer, now, board)
            }
        }
    }

    /// What has been counted since this was last asked, if that is long enough ago; totals are
    /// published then.
    pub fn report(&self, now: UnixTime, board: &dyn Board) -> Vec<Measurement> {
        let last = self.reported.get();
        // A clock that has been set back must not silence it until it has caught up.
        if last <= now && now.saturating_since(last) < REPORT_INTERVAL {
            return Vec::new();
        }
        self.reported.set(now);
        self.ledger.borrow_mut().publish(now, board);
        let mut authenticator = self.authenticator.borrow_mut();
        self.witness.note(Extremes {
            clock_ahead: authenticator.clock_ahead(),
            ..Extremes::default()
        });
        self.witness.publish(board);
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
        self.tally.add(lookup(Lookup::Hit), lookups.hits);
        self.tally.add(lookup(Lookup::Miss), lookups.misses);
        for (name, source) in &mut self.signers.borrow_mut().credentials {
            if let Some(set) = self.provider_labels.get(name) {
                let fetches = source.take_fetches();
                self.count_fetches(fetches, |outcome| Metric::CredentialFetches(*set, outcome));
                let lasts = source.lasts(now).map(|time| time.as_secs());
                gauges.extend(lasts.map(|time| measurement(Metric::CredentialExpiry(*set), time)));
            }
        }
        self.tally.take().chain(gauges).collect()
    }

    /// Notes what is measured, where the status tells of it.
    pub fn note(&self, measurement: &Measurement) {
        if let Metric::Refusals(code) = measurement.metric {
            self.ledger.borrow_mut().count(code);
        }
    }

    /// How the gateway does, with the credentials of these providers.
    pub fn diagnosis(
        &self,
        providers: &[&Provider],
        now: UnixTime,
        board: &dyn Board,
    ) -> Diagnosis {
        let loaded_at = self.loaded_at.get().unwrap_or(now);
        let authenticator = self.authenticator.borrow();
        self.witness.note(Extremes {
            clock_ahead: authenticator.clock_ahead(),
            ..Extremes::default()
        });
        let extremes = self.witness.extremes(board);
        let mut refusals = self.ledger.borrow().counts(board);
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
            CredentialLine {
                provider: name.to_owned(),
                state,
                expires_at: None,
                fetching: None,
            }
        });
        Diagnosis {
            version: env!("CARGO_PKG_VERSION"),
            configuration: ConfigurationLine::new(&self.config.digest, loaded_at, now),
            issuers: authenticator.status(now),
            credentials: credentials.collect(),
            host: HostLine {
                hands_over_held_bodies: (handed_over || is_withheld).then_some(handed_over),
                largest_held_body_bytes: extremes.largest_held_body,
                smallest_refused_body_bytes: extremes.smallest_refused_body,
            },
            clock: ClockLine {
                now: now.to_string(),
                issuers_ahead_seconds: extremes.clock_ahead.as_secs_f64(),
            },
            refusals,
        }
    }

    fn count_fetches(&self, fetches: Fetches, metric: impl Fn(Outcome) -> Metric) {
        self.tally
            .add(metric(Outcome::Succeeded), fetches.succeeded);
        self.tally.add(metric(Outcome::Failed), fetches.failed);
    }

    /// Gives up all fetches under way, since this worker ends; what has not been told yet.
    pub fn abandon(&self, now: UnixTime, board: &dyn Board) -> Vec<Measurement> {
        self.reported.set(UnixTime::default());
        let rest = self.report(now, board);
        self.ledger.borrow_mut().abandon(now, board);
        self.authenticator.borrow().abandon(board);
        for source in self.signers.borrow().credentials.values() {
            source.abandon(board);
        }
        rest
    }
}

const fn measurement(metric: Metric, value: u64) -> Measurement {
    Measurement { metric, value }
}
