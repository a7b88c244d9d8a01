//! A remote document that is kept fresh: one worker fetches it, and all workers of the host use it.
//!
//! This is a state machine without I/O. [`Refreshed::poll`] says what to fetch, the host fetches it
//! and passes the response to [`Refreshed::on_response`]. A [`Source`] knows the callouts of one
//! fetch and how to read the document.

use std::fmt;
use std::time::Duration;

use super::callout::{Callout, CalloutResponse, Poll};
use super::refresh::{FetchCounts, FetchState, FetchStatus, Refresh, SharedEntry, Validity};
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;

/// Where a document comes from, and what it means.
pub trait Source {
    /// What a document is parsed into.
    type Value;

    /// Which of a fetch's callouts is under way.
    type Step;

    /// Why a fetch failed. The text is logged and shown in the status.
    type Error: fmt::Display;

    /// The document's name, which is the same in all workers.
    fn name(&self) -> String;

    /// The most time that a fetch may take.
    fn time_limit(&self) -> Duration;

    /// How long a value can be used after it became stale. `None` if the value itself says until
    /// when it can be used.
    fn max_stale(&self) -> Option<Duration>;

    /// Starts a fetch.
    fn start(&self, now: UnixTime) -> Result<Progress<Self>, Self::Error>;

    /// Handles the response to a step's callout.
    fn on_response(
        &self,
        step: Self::Step,
        response: CalloutResponse<'_>,
        now: UnixTime,
    ) -> Result<Progress<Self>, Self::Error>;

    /// Parses a document that another worker fetched.
    fn parse(&self, document: &[u8], now: UnixTime) -> Result<Self::Value, Self::Error>;
}

/// What follows the response to a callout.
pub enum Progress<S: Source + ?Sized> {
    /// The next step needs this callout.
    Next(S::Step, Box<Callout>),
    /// The fetch has ended with a document.
    Fetched(Fetched<S::Value>),
}

/// The result of a fetch.
pub struct Fetched<V> {
    /// The value for this worker.
    pub value: V,
    /// The document for the other workers, which [`Source::parse`] can read.
    pub document: String,
    /// How long it is valid.
    pub validity: Validity,
}

/// A document that is kept fresh, and its value.
pub struct Refreshed<S: Source> {
    source: S,
    refresh: Refresh,
    /// What the document is, for logs: "AWS credentials of provider my-bedrock".
    subject: String,
    /// The step whose callout is under way in this worker.
    step: Option<S::Step>,
    /// Where the last callout was sent, for logs.
    destination: String,
    value: Option<S::Value>,
    /// When the last value was fetched, even if it has been dropped since.
    fetched_at: Option<UnixTime>,
}

/// A value that the configuration gives, or a remote document that is kept fresh.
pub enum InlineOrRemote<S: Source> {
    /// The configuration gives the value.
    Inline(S::Value),
    /// The value is fetched.
    Remote(Box<Refreshed<S>>),
}

impl<S: Source> InlineOrRemote<S> {
    /// A remote document that has not been fetched; see [`Refreshed::new`].
    pub fn remote(source: S, subject: String, shared_data: &dyn SharedData) -> Self {
        Self::Remote(Box::new(Refreshed::new(source, subject, shared_data)))
    }

    /// The remote document, if the value is not given.
    pub const fn as_remote(&self) -> Option<&Refreshed<S>> {
        match self {
            Self::Inline(_) => None,
            Self::Remote(remote) => Some(remote),
        }
    }

    /// The current value, even if it is stale.
    pub const fn value(&self) -> Option<&S::Value> {
        match self {
            Self::Inline(value) => Some(value),
            Self::Remote(remote) => remote.value(),
        }
    }

    /// Takes over what another worker fetched, and starts a fetch that is due.
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Poll {
        match self {
            Self::Inline(_) => Poll::default(),
            Self::Remote(remote) => remote.poll(now, shared_data),
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
            Self::Inline(_) => None,
            Self::Remote(remote) => remote.on_response(response, now, shared_data),
        }
    }

    /// Takes the number of fetches that ended in this worker since the last call.
    pub fn take_fetches(&mut self) -> FetchCounts {
        match self {
            Self::Inline(_) => FetchCounts::default(),
            Self::Remote(remote) => remote.take_fetches(),
        }
    }

    /// Releases the lease of a fetch under way, because this worker ends.
    pub fn shutdown(&self, shared_data: &dyn SharedData) {
        if let Self::Remote(remote) = self {
            remote.shutdown(shared_data);
        }
    }
}

impl<S: Source> Refreshed<S> {
    /// A document that has not been fetched, and whose fetch is due at once. `subject` says in
    /// logs what it is.
    ///
    /// Call this while the host sets up its workers, which it does one after the other; see
    /// [`Refresh::init_lease`].
    pub fn new(source: S, subject: String, shared_data: &dyn SharedData) -> Self {
        let refresh = Refresh::new(source.name());
        refresh.init_lease(shared_data);
        Self {
            source,
            refresh,
            subject,
            step: None,
            destination: String::new(),
            value: None,
            fetched_at: None,
        }
    }

    /// The source of the document.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// The current value, even if it is stale.
    pub const fn value(&self) -> Option<&S::Value> {
        self.value.as_ref()
    }

    /// When the last value was fetched, even if it has expired since.
    pub const fn fetched_at(&self) -> Option<UnixTime> {
        self.fetched_at
    }

    /// Whether a fetch is under way, or when the next one is due.
    pub const fn state(&self) -> FetchState {
        self.refresh.state()
    }

    /// Whether the last fetch failed.
    pub const fn has_failed(&self) -> bool {
        self.refresh.has_failed()
    }

    /// Whether the last value has become stale.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        self.refresh.is_stale(now)
    }

    /// The state of the fetches, for people.
    pub fn status(&self) -> FetchStatus {
        self.refresh.status()
    }

    /// Takes the number of fetches that ended in this worker since the last call.
    pub fn take_fetches(&mut self) -> FetchCounts {
        self.refresh.take_fetches()
    }

    /// Makes a fetch due now; see [`Refresh::request`].
    pub fn request(&mut self, now: UnixTime, interval: Duration) -> bool {
        self.refresh.request(now, interval)
    }

    /// Adopts what another worker has fetched, and starts a fetch if one is due.
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Poll {
        let entry = self.refresh.sync(shared_data);
        let is_synced = entry.is_some();
        if let Some(SharedEntry {
            document: Some(document),
            fetched_at,
            ..
        }) = entry
            && let Ok(value) = self.source.parse(document.as_bytes(), now)
        {
            self.value = Some(value);
            self.fetched_at = Some(fetched_at);
        }
        let time_limit = self.source.time_limit();
        if !self.refresh.try_start(now, time_limit, shared_data) {
            return Poll {
                ready: is_synced,
                callout: None,
            };
        }
        self.destination.clear();
        let progress = self.source.start(now);
        let callout = self.proceed(progress, now, shared_data);
        Poll {
            ready: is_synced || callout.is_none(),
            callout,
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
        let step = self.step.take()?;
        let progress = self.source.on_response(step, response, now);
        self.proceed(progress, now, shared_data)
    }

    /// Releases the lease of a fetch under way, because this worker ends.
    pub fn shutdown(&self, shared_data: &dyn SharedData) {
        self.refresh.shutdown(shared_data);
    }

    /// Drops a value that has been stale for too long. Returns whether it did.
    pub fn expire(&mut self, now: UnixTime) -> bool {
        let is_expired =
            self.value.is_some() && self.usable_until().is_some_and(|until| until < now);
        if is_expired {
            self.value = None;
            log::warn!("{} are too old to be used", self.subject);
        }
        is_expired
    }

    fn proceed(
        &mut self,
        progress: Result<Progress<S>, S::Error>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        match progress {
            Ok(Progress::Next(step, callout)) => {
                self.step = Some(step);
                self.destination = destination(&callout);
                return Some(*callout);
            }
            Ok(Progress::Fetched(fetched)) => {
                log::info!("fetched {}", self.subject);
                self.value = Some(fetched.value);
                self.fetched_at = Some(now);
                let Fetched {
                    document, validity, ..
                } = fetched;
                self.refresh.succeeded(document, now, validity, shared_data);
            }
            Err(error) => {
                let error = format!("{}{error}", self.destination);
                let backoff = self.refresh.failed(&error, now, shared_data);
                log::warn!(
                    "cannot fetch {}: {error}; trying again in {backoff:?}{}",
                    self.subject,
                    self.stale_note(now)
                );
            }
        }
        None
    }

    /// Until when the last value can be used, fresh or stale. `None` if there is no such limit.
    fn usable_until(&self) -> Option<UnixTime> {
        Some(self.refresh.fresh_until()? + self.source.max_stale()?)
    }

    /// The part of a log line about a failed fetch that says how long the stale value is used.
    fn stale_note(&self, now: UnixTime) -> String {
        match self.usable_until() {
            Some(until) if self.value.is_some() && self.is_stale(now) => {
                format!("; the current ones are stale and are used until {until}")
            }
            _ => String::new(),
        }
    }
}

/// The start of a log line about a callout. The path is left out, because it may be secret.
fn destination(callout: &Callout) -> String {
    let Callout {
        cluster, endpoint, ..
    } = callout;
    format!("{} through cluster {cluster}: ", endpoint.authority)
}
