//! Drives the transactions of one configuration in one worker thread: turns the host's callbacks
//! into inputs and applies the resulting effects to the host.
//!
//! ```text
//! callback ─► Driver ─► Transaction::handle ─► effects ─► Host
//!               ├─ requests that wait for a fetch        (wait_list)
//!               ├─ requests that wait for their body     (wait_list, worker)
//!               ├─ callouts under way, and the tick that starts them
//!               └─ the workaround for Envoy before 1.39  (held_body)
//! ```
//!
//! The root context sends the callouts. A host drops the response to a callout when the context
//! that sent it is gone, so a client that disconnects must not cancel a fetch that others wait for.
//!
//! The driver's methods take `&mut self`, so a host must not run a callback while it executes a
//! [`Host`] method. Envoy does not: the callbacks that such a call causes (for a local reply, a
//! resumed request, a failed callout) run after the current one has returned.

mod end_of_stream;
mod held_body;
mod host;
mod metrics;
mod request;
mod verifier;
mod wait_list;
mod worker;

use std::time::Duration;

pub use end_of_stream::EndOfStream;
pub use host::{Host, HostError};

use crate::aws::credentials::POD_IDENTITY;
use crate::base::hash::FxHashMap;
use crate::base::time::UnixTime;
use crate::config::{Authentication, Config, ConfigError};
use crate::fetch::callout::{self, Callout, CalloutResponse, MAX_DOCUMENT_BYTES};
use crate::forward::response::GATEWAY_HEADER_PREFIX;
use crate::gateway::{Gateway, Resource};
use crate::http::head::ResponseHead;
use crate::telemetry::{Labels, Measurement, Metric, ModelBudget};
use crate::transaction::{Flow, Input};
use crate::usage::End;
use metrics::Metrics;
use request::Request;
use worker::{AT_ONCE, Worker};

/// The tick period while requests wait for a fetch, so that callouts start and the fetches of other
/// workers are noticed soon.
const EAGER_TICK: Duration = Duration::from_millis(5);

/// How many requests are resumed in one callback when a fetch has ended; the others follow at the
/// next ticks. Each may have its signatures verified, and the worker serves nobody else meanwhile.
const RESUMED_AT_ONCE: usize = 8;

/// The tick period while no request waits.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// What the host says about a response that a provider has sent.
const FROM_PROVIDER: &[u8] = b"via_upstream";

type Requests = FxHashMap<u32, Request>;

/// One configuration in one worker thread, with its requests.
pub struct Driver<H> {
    /// The context of the plugin itself, which owns the tick and the callouts.
    root_context: u32,
    /// The requests, by the id of their context.
    requests: Requests,
    /// The callouts under way: the token that the host gave each, and what it fetches.
    callouts: Vec<(u32, Resource)>,
    worker: Worker<H>,
}

impl<H: Host> Driver<H> {
    /// Loads a configuration and starts the tick. A configuration that cannot be used is logged and
    /// counted.
    ///
    /// # Errors
    ///
    /// The configuration is invalid, or asks for something that this host does not offer.
    pub fn new(
        host: H,
        root_context: u32,
        configuration: &[u8],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let usable = Config::parse(configuration, env).and_then(|config| {
            let verifier = verifier::choose(config.authentication.verifier(), &host)?;
            Ok((config, verifier))
        });
        let (config, verifier) = usable.inspect_err(|error| {
            log::error!("the configuration is refused: {error}");
            count_refusal(error, &host);
        })?;
        if matches!(config.authentication, Authentication::Disabled) {
            log::warn!("authentication is disabled: whoever reaches this gateway may use it");
        }
        log::info!("serving {} providers", config.providers.len());
        for name in config.providers_with_pod_identity(env) {
            log::warn!("provider {name}: {POD_IDENTITY}");
        }
        let gateway = Gateway::new(config, verifier, &host);
        let worker = Worker::new(host, gateway);
        // Fetches start before the first request needs them.
        worker.host.set_tick_period(AT_ONCE);
        Ok(Self {
            root_context,
            requests: Requests::default(),
            callouts: Vec::new(),
            worker,
        })
    }

    /// The head of a new request has arrived.
    pub fn on_request_headers(&mut self, context: u32, end: EndOfStream) -> Flow {
        let mut request = Request::new(context);
        request.body.received(0, end);
        let head = self.worker.host.request_head();
        let flow = self.worker.drive(&mut request, Input::RequestHead(head));
        self.requests.insert(context, request);
        flow
    }

    /// A piece of the request's body has arrived. `size` counts the bytes that the host shows: the
    /// whole body so far if the request is held, else this piece. `None` if the request is unknown.
    pub fn on_request_body(&mut self, context: u32, size: usize, end: EndOfStream) -> Option<Flow> {
        let request = find(&mut self.requests, context)?;
        if request.flow() == Flow::Continue {
            return Some(self.worker.pass_body(request, size));
        }
        request.held_body.received_while_held();
        self.worker.held_body_was_delivered();
        request.body.received(size, end);
        self.worker.drive(request, Input::MoreBody);
        Some(self.worker.enforce_hold_limits(request))
    }

    /// The request's trailers have arrived. `None` if the request is unknown.
    pub fn on_request_trailers(&mut self, context: u32) -> Option<Flow> {
        let request = find(&mut self.requests, context)?;
        // No provider needs trailers, and a client may put a credential there.
        self.worker.host.remove_request_trailers();
        if request.flow() == Flow::Continue {
            // With the trailers the host also releases a piece that it holds.
            request.held_body.release();
            return Some(Flow::Continue);
        }
        request.body.received(0, EndOfStream::Yes);
        Some(self.worker.drive(request, Input::MoreBody))
    }

    /// The head of the response has arrived.
    pub fn on_response_headers(&mut self, context: u32, end: EndOfStream) {
        if let Some(request) = find(&mut self.requests, context)
            && request.transaction.wants_response()
        {
            let head = self.worker.host.response_head();
            if head.status() == 503 {
                self.worker.report_missing_cluster(request);
            }
            let input = if is_local_reply(&head, &self.worker.host) {
                Input::LocalReplyHead(head)
            } else {
                Input::ResponseHead(head)
            };
            self.worker.drive(request, input);
            self.worker.end_response(request, end);
        }
    }

    /// A piece of the response's body, of `size` bytes, has arrived. Says whether the host may pass it
    /// on.
    pub fn on_response_body(&mut self, context: u32, size: usize, end: EndOfStream) -> Flow {
        let Some(request) = find(&mut self.requests, context) else {
            return Flow::Continue;
        };
        if request.transaction.rewrites_response() {
            return self.worker.rewrite_response_body(request, size, end);
        }
        self.worker.observe_response_body(request, size);
        self.worker.end_response(request, end);
        Flow::Continue
    }

    /// The response's trailers have arrived.
    pub fn on_response_trailers(&mut self, context: u32) {
        let Some(request) = find(&mut self.requests, context) else {
            return;
        };
        if request.transaction.rewrites_response() {
            // What is held goes out before the trailers.
            self.worker
                .rewrite_response_body(request, 0, EndOfStream::Yes);
        } else {
            self.worker.end_response(request, EndOfStream::Yes);
        }
    }

    /// The host is about to write the access log entry of a request.
    pub fn on_log(&mut self, context: u32) {
        let Some(request) = find(&mut self.requests, context) else {
            return;
        };
        let host = &self.worker.host;
        if request.transaction.wants_response() {
            let from_upstream = host.response_details().starts_with(b"upstream");
            let end = if from_upstream {
                End::UpstreamReset
            } else {
                End::ClientDisconnect
            };
            self.worker.drive(request, Input::Ended(end));
        } else if request.transaction.awaits_body() && host.response_code() == Some(413) {
            self.worker.held_body_was_too_large(request);
        }
    }

    /// The context of a request is gone.
    pub fn on_delete(&mut self, context: u32) {
        let request = self.requests.remove(&context);
        if let Some(request) = request
            && request.flow() == Flow::Pause
        {
            self.worker.forget(&request);
        }
    }

    /// The response to a callout has arrived. It has no headers if the callout failed.
    pub fn on_callout_response(&mut self, token: u32, headers: usize, body_size: usize) {
        let mut sent = self.callouts.iter();
        let Some(index) = sent.position(|(sent, _)| *sent == token) else {
            return;
        };
        let (_, resource) = self.callouts.swap_remove(index);
        let host = &self.worker.host;
        let header = |name| host.callout_response_header(name);
        let status = || std::str::from_utf8(&header(":status")?).ok()?.parse().ok();
        let (body, location);
        let response = match (headers > 0).then(status).flatten() {
            None => CalloutResponse::NoResponse,
            Some(_) if body_size > MAX_DOCUMENT_BYTES => CalloutResponse::TooLarge,
            Some(status) => {
                body = host.callout_response_body(body_size);
                let cache_control = header("cache-control").unwrap_or_default();
                let age = header("age").unwrap_or_default();
                location = (300..400).contains(&status).then(|| header("location"));
                CalloutResponse::Response {
                    status,
                    body: &body,
                    lifetime: callout::lifetime(&cache_control, &age),
                    location: location.as_ref().and_then(Option::as_deref),
                }
            }
        };
        match self.worker.on_callout_response(&resource, response) {
            Some(callout) => self.send(resource, callout),
            None => self.resume_waiting(&resource),
        }
    }

    /// Starts the fetches that are due, resumes the requests whose fetch another worker has
    /// finished, rejects those whose body does not come, and reports what was counted.
    pub fn on_tick(&mut self) {
        let now = self.worker.host.now();
        for (resource, poll) in self.worker.poll(now) {
            if poll.ready {
                self.worker.wait_list.fetch_ended(&resource);
            }
            if let Some(callout) = poll.callout {
                self.send(resource, callout);
            }
        }
        self.resume_ready();
        self.reject_overdue(now);
        self.release_held_again();
        self.worker.report(now);
        self.use_root_context();
        let period = match &self.worker.wait_list {
            list if list.has_ready() => AT_ONCE,
            list if !list.is_empty() => EAGER_TICK,
            _ => IDLE_TICK,
        };
        self.worker.host.set_tick_period(period);
    }

    /// The root context is gone, and no tick follows. Reports what was counted since the last tick
    /// and gives up the fetches under way, so that another worker starts them.
    pub fn on_shutdown(&mut self) {
        self.worker.shutdown();
    }

    /// Sends a callout, or the next ones of its fetch if the host cannot send it.
    fn send(&mut self, resource: Resource, mut callout: Callout) {
        loop {
            let response = match self.worker.host.send_callout(&callout) {
                Ok(token) => {
                    self.callouts.push((token, resource));
                    return;
                }
                Err(HostError::BAD_ARGUMENT) => CalloutResponse::NoCluster,
                Err(_) => CalloutResponse::NoAddress,
            };
            match self.worker.on_callout_response(&resource, response) {
                Some(next) => callout = next,
                None => return self.resume_waiting(&resource),
            }
        }
    }

    /// Resumes the first requests that wait for a fetch that has ended, and has the tick resume the
    /// others.
    fn resume_waiting(&mut self, resource: &Resource) {
        self.worker.wait_list.fetch_ended(resource);
        self.resume_ready();
        self.use_root_context();
        if self.worker.wait_list.has_ready() {
            self.worker.host.set_tick_period(AT_ONCE);
        }
    }

    /// Resumes the first requests whose fetch has ended.
    fn resume_ready(&mut self) {
        for context in self.worker.wait_list.take_ready(RESUMED_AT_ONCE) {
            if let Some(request) = find(&mut self.requests, context) {
                self.worker.resume(request, Input::FetchEnded);
            }
        }
    }

    /// Rejects the requests whose body the host does not deliver.
    fn reject_overdue(&mut self, now: UnixTime) {
        for context in self.worker.body_deadlines.take_overdue(now) {
            if let Some(request) = find(&mut self.requests, context) {
                self.worker.resume(request, Input::BodyOverdue);
            }
        }
    }

    /// Releases the pieces that the workaround in [`held_body`] held a second time.
    fn release_held_again(&mut self) {
        for context in std::mem::take(&mut self.worker.held_again) {
            if let Some(request) = find(&mut self.requests, context)
                && request.held_body.release()
                && request.flow() == Flow::Continue
                && self.worker.host.set_effective_context(context).is_ok()
            {
                self.worker.host.resume_request();
            }
        }
    }

    /// Callouts and the tick belong to the root context.
    fn use_root_context(&self) {
        if let Err(error) = self.worker.host.set_effective_context(self.root_context) {
            log::error!("the host cannot use the root context: {error}");
        }
    }
}

/// Not inlined, because nine functions call it and the size of the module is limited.
#[inline(never)]
fn find(requests: &mut Requests, context: u32) -> Option<&mut Request> {
    requests.get_mut(&context)
}

/// Whether a response that has a header of the gateway was made by the host, which adds these headers
/// to its own errors. Other responses need no distinction, and the host is not asked.
fn is_local_reply(head: &ResponseHead, host: &impl Host) -> bool {
    let mut names = head.iter().map(|(name, _)| name);
    names.any(|name| name.starts_with(GATEWAY_HEADER_PREFIX.as_bytes())) && {
        let details = host.response_details();
        !details.is_empty() && details != FROM_PROVIDER
    }
}

/// Counts a configuration that is refused, labelled with the JSON path of its first problem.
fn count_refusal(error: &ConfigError, host: &impl Host) {
    let mut labels = Labels::new(std::iter::empty(), ModelBudget::default(), host);
    let place = error.problems.first().map_or("", |first| &first.path);
    let metric = Metric::ConfigurationsRefused(labels.one("reason", place));
    Metrics::default().measure(host, Measurement { metric, value: 1 }, &labels);
}

#[cfg(test)]
mod tests;
