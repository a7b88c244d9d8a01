//! Drives one transaction at a time: inputs in, effects out to the host.

use std::time::Duration;

use super::end_of_stream::EndOfStream;
use super::held_body::Resume;
use super::host::Host;
use super::metrics::Metrics;
use super::request::{Held, HeldBytes, ReceivedBody, Request, Resumed};
use super::wait_list::{BodyDeadlines, WaitList};
use crate::base::chunk::Chunk;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::gateway::{Gateway, Resource};
use crate::telemetry::{Measurement, Metric};
use crate::transaction::{Authenticated, Context, Effect, Flow, HoldLimit, Input};
use crate::usage::End;

/// How soon the tick comes that a request waits for.
pub(super) const AT_ONCE: Duration = Duration::from_millis(1);

/// A host that has not delivered any body of a held request within this time never will.
const BODY_TIMEOUT: Duration = Duration::from_secs(4);

/// The response details of the host if a route names a cluster that does not exist.
const MISSING_CLUSTER: &[u8] = b"cluster_not_found";

/// Bodies are read in pieces of this size, so that the VM's memory does not grow with them.
const PIECE: usize = 64 * 1024;

/// The first host without the bug of [`super::held_body`].
const HELD_BODY_FIXED_IN: (u64, u64) = (1, 39);

/// The host, the gateway, and the lists of requests that wait. Requests are passed in.
pub(super) struct Worker<H> {
    pub(super) host: H,
    gateway: Gateway,
    pub(super) wait_list: WaitList,
    pub(super) body_deadlines: BodyDeadlines,
    held_bytes: HeldBytes,
    /// The requests of which a piece is held for the second time.
    pub(super) held_again: Vec<u32>,
    has_held_body_bug: bool,
    /// Whether this host has ever delivered the body of a held request.
    delivers_held_bodies: bool,
    metrics: Metrics,
    /// The clusters that the host lacks, each logged once. There are no more than providers.
    missing_clusters: Vec<String>,
    /// Reused by every step, to save an allocation.
    effects: Vec<Effect>,
    /// How many waiting requests the host has been told of.
    reported_waiting: i64,
}

impl<H: Host> Worker<H> {
    pub(super) fn new(host: H, gateway: Gateway) -> Self {
        let version = host.version();
        Self {
            host,
            gateway,
            wait_list: WaitList::default(),
            body_deadlines: BodyDeadlines::default(),
            held_bytes: HeldBytes::default(),
            held_again: Vec::new(),
            has_held_body_bug: version.is_none_or(|version| version < HELD_BODY_FIXED_IN),
            delivers_held_bodies: false,
            metrics: Metrics::default(),
            missing_clusters: Vec::new(),
            effects: Vec::new(),
            reported_waiting: 0,
        }
    }

    /// Passes an input to a request's transaction, then as much of the body as the transaction
    /// wants. The request's context must be the effective one.
    pub(super) fn drive(&mut self, request: &mut Request, input: Input<'_>) -> Flow {
        let awaited_body = request.transaction.awaits_body();
        self.step(request, input);
        let awaits_body = request.transaction.awaits_body();
        if awaits_body && !awaited_body && !self.delivers_held_bodies {
            let deadline = self.host.now() + BODY_TIMEOUT;
            self.body_deadlines.add(deadline, request.context);
        }
        if request.transaction.wants_body() {
            self.deliver_held_body(request);
        }
        self.note_held(request);
        request.flow()
    }

    /// Drives a held request from outside of its callbacks, and resumes it if it may continue.
    pub(super) fn resume(&mut self, request: &mut Request, input: Input<'_>) {
        if request.flow() == Flow::Continue
            || self.host.set_effective_context(request.context).is_err()
            || self.drive(request, input) == Flow::Pause
        {
            return;
        }
        let ReceivedBody { available, end, .. } = request.body;
        if !self.has_held_body_bug && request.transaction.wants_body() {
            request.resumed = Some(Resumed { available });
        }
        if !self.has_held_body_bug || request.held_body.resume(available, end) == Resume::Now {
            self.host.resume_request();
        }
    }

    /// Observes the current piece of the body of a request that continues, and says whether the
    /// piece may pass.
    pub(super) fn pass_body(&mut self, request: &mut Request, size: usize) -> Flow {
        let passing = request.held_body.pass();
        let resumed = request.resumed.take();
        let mut taken = resumed.map_or(passing.seen, |resumed| {
            resumed.shown_before(size, self.host.body_size_received())
        });
        while taken < size && request.transaction.wants_body() {
            let chunk = self.host.request_body(taken, PIECE.min(size - taken));
            if chunk.is_empty() {
                break;
            }
            taken += chunk.len();
            self.step(request, Input::RequestBody(Chunk::More(&chunk)));
        }
        if request.flow() == Flow::Continue && passing.flow == Flow::Pause {
            self.held_again.push(request.context);
            self.host.set_tick_period(AT_ONCE);
            return Flow::Pause;
        }
        request.flow()
    }

    /// Logs that the host has no cluster for the provider of a request, if that is why it answered
    /// the request itself.
    #[cold]
    pub(super) fn report_missing_cluster(&mut self, request: &Request) {
        let providers = &self.gateway.config.providers;
        if let Some(provider) = request
            .transaction
            .provider()
            .and_then(|it| providers.get(it))
            && !self.missing_clusters.contains(&provider.cluster)
            && self.host.response_details() == MISSING_CLUSTER
        {
            log::error!(
                "provider {}: Envoy has no cluster {}; add it to Envoy's configuration, or correct \
                 `cluster`",
                provider.name,
                provider.cluster
            );
            self.missing_clusters.push(provider.cluster.clone());
        }
    }

    /// Observes the current piece of the response's body.
    pub(super) fn observe_response_body(&mut self, request: &mut Request, size: usize) {
        let mut taken = 0;
        while taken < size && request.transaction.wants_response_body() {
            let chunk = self.host.response_body(taken, PIECE.min(size - taken));
            if chunk.is_empty() {
                return;
            }
            taken += chunk.len();
            self.step(request, Input::ResponseBody(&chunk));
        }
    }

    /// Has the transaction rewrite what the host shows of the response's body, and says whether the
    /// host may pass it on.
    pub(super) fn rewrite_response_body(
        &mut self,
        request: &mut Request,
        size: usize,
        end: EndOfStream,
    ) -> Flow {
        let bytes = if size == 0 {
            Vec::new()
        } else {
            self.host.response_body(0, size)
        };
        let chunk = match end {
            EndOfStream::Yes => Chunk::Last(&bytes),
            EndOfStream::No => Chunk::More(&bytes),
        };
        self.step(request, Input::RewriteResponse(chunk));
        let flow = request.transaction.response_flow();
        self.end_response(request, end);
        flow
    }

    /// Ends the transaction if its response has ended.
    pub(super) fn end_response(&mut self, request: &mut Request, end: EndOfStream) {
        if end == EndOfStream::Yes && request.transaction.wants_response() {
            self.drive(request, Input::Ended(End::Complete));
        }
    }

    /// Notes that the host delivers the bodies of held requests.
    pub(super) fn held_body_was_delivered(&mut self) {
        if !self.delivers_held_bodies {
            self.delivers_held_bodies = true;
            self.gateway.usage_totals.count_held_bodies();
            self.body_deadlines.clear();
        }
    }

    /// Notes that the body of a held request exceeds the host's buffer limit.
    pub(super) fn held_body_was_too_large(&mut self, request: &Request) {
        let size = request.body.available as u64;
        self.gateway.high_water_marks.note_refused_body(size);
    }

    /// Removes a request that is gone from the lists of those that wait.
    pub(super) fn forget(&mut self, request: &Request) {
        self.wait_list.remove(request.context);
        self.body_deadlines.remove(request.context);
        self.held_bytes.replace(request.held, Held::default());
    }

    /// Rejects a request that is held after more of its body has arrived, if the host holds too much
    /// of it or of all requests.
    pub(super) fn enforce_hold_limits(&mut self, request: &mut Request) -> Flow {
        let config = &self.gateway.config;
        let max_unauthenticated = config.max_unauthenticated_body_bytes;
        let limit = match request.held {
            Held { bytes: 0, .. } => None,
            Held {
                authenticated: Authenticated::No,
                bytes,
            } if bytes > max_unauthenticated => {
                Some(HoldLimit::Unauthenticated(max_unauthenticated))
            }
            held => self
                .held_bytes
                .exceed(config.max_held_bytes, held.authenticated)
                .then_some(HoldLimit::Worker),
        };
        match limit {
            Some(limit) => self.drive(request, Input::HeldTooMuch(limit)),
            None => request.flow(),
        }
    }

    /// Notes how much of a request's body the host holds now.
    fn note_held(&mut self, request: &mut Request) {
        let held = match request.transaction.holds_for() {
            Some(authenticated) => Held {
                authenticated,
                bytes: request.body.available as u64,
            },
            None => Held::default(),
        };
        self.held_bytes.replace(request.held, held);
        request.held = held;
    }

    /// What other workers have fetched, and the callouts that are due here.
    pub(super) fn poll(&mut self, now: UnixTime) -> Vec<(Resource, Poll)> {
        self.gateway.poll(now, &self.host)
    }

    /// Takes in the response to a callout. Returns the next callout, if the fetch needs another.
    pub(super) fn on_callout_response(
        &mut self,
        resource: &Resource,
        response: CalloutResponse<'_>,
    ) -> Option<Callout> {
        let now = self.host.now();
        self.gateway
            .on_response(resource, response, now, &self.host)
    }

    /// Reports to the host what was counted since the last report.
    pub(super) fn report(&mut self, now: UnixTime) {
        for measurement in self.gateway.report(now, &self.host) {
            self.measure(measurement);
        }
        self.report_waiting(self.wait_list.len());
    }

    /// Reports everything that is left to the host and to the other workers.
    pub(super) fn shutdown(&mut self) {
        let now = self.host.now();
        for measurement in self.gateway.shutdown(now, &self.host) {
            self.measure(measurement);
        }
        self.report_waiting(0);
    }

    /// Every input to a transaction passes here.
    fn step(&mut self, request: &mut Request, input: Input<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        let transaction = std::mem::take(&mut request.transaction);
        let mut context = Context {
            gateway: &mut self.gateway,
            shared_data: &self.host,
            clock: &self.host,
            effects: &mut effects,
        };
        request.transaction = transaction.handle(input, &mut context);
        for effect in effects.drain(..) {
            self.apply(effect, request);
        }
        self.effects = effects;
    }

    fn apply(&mut self, effect: Effect, request: &mut Request) {
        match effect {
            Effect::Await(resource) => match self.wait_list.add(resource, request.context) {
                Ok(()) => self.host.set_tick_period(AT_ONCE),
                Err(_full) => self.step(request, Input::CannotWait),
            },
            Effect::Forward(upstream_request) => {
                if let Err(error) = self.host.forward(&upstream_request) {
                    log::error!("the host refuses a header edit: {error}");
                    self.step(request, Input::EditRefused);
                }
            }
            Effect::Measure(measurement) => self.measure(measurement),
            Effect::Log(name, value) => self.host.set_log_field(name, &value),
            Effect::Reply(reply) => self.host.reply(&reply),
            Effect::ReplaceResponseBody(bytes) => {
                if let Err(error) = self.host.set_response_body(&bytes) {
                    log::error!("the host cannot change a response's body: {error}");
                }
            }
            Effect::RemoveResponseHeaders(names) => self.host.remove_response_headers(&names),
            Effect::SetResponseHeaders(headers) => self.host.set_response_headers(&headers),
        }
    }

    /// Passes what has arrived of a held request's body to its transaction, as long as it wants it.
    fn deliver_held_body(&mut self, request: &mut Request) {
        loop {
            let ReceivedBody {
                available, taken, ..
            } = request.body;
            let length = available.saturating_sub(taken).min(PIECE);
            let end = if taken + length == available {
                request.body.end
            } else {
                EndOfStream::No
            };
            if length == 0 && end == EndOfStream::No {
                return;
            }
            let chunk = if length == 0 {
                Vec::new()
            } else {
                self.host.request_body(taken, length)
            };
            if chunk.len() != length {
                log::error!("the host does not deliver a body that it has announced");
                return self.step(request, Input::BodyOverdue);
            }
            request.body.taken = taken + length;
            let size = request.body.taken as u64;
            self.gateway.high_water_marks.note_held_body(size);
            let chunk = match end {
                EndOfStream::Yes => Chunk::Last(&chunk),
                EndOfStream::No => Chunk::More(&chunk),
            };
            self.step(request, Input::RequestBody(chunk));
            if end == EndOfStream::Yes || !request.transaction.wants_body() {
                return;
            }
        }
    }

    fn measure(&mut self, measurement: Measurement) {
        self.gateway.note(&measurement);
        self.metrics
            .measure(&self.host, measurement, &self.gateway.labels);
    }

    /// The gauge is the sum over all workers, so each reports how its own number changed.
    fn report_waiting(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let offset = count - std::mem::replace(&mut self.reported_waiting, count);
        if offset != 0 {
            let labels = &self.gateway.labels;
            self.metrics
                .shift(&self.host, Metric::WaitingRequests, offset, labels);
        }
    }
}
