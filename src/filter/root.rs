//! The root context: takes in the configuration, and makes the callouts for all requests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::abi::{self, HostSharedData, Metrics};
use super::faults::{self, Place};
use super::log::adopt_level;
use super::signature::verifier;
use super::stream::Stream;
use super::worker::{EAGER_TICK, Worker};
use ai_gateway_core::config::{Authentication, Config, ConfigError};
use ai_gateway_core::fetch::callout::{Callout, CalloutResponse, MAX_DOCUMENT_BYTES};
use ai_gateway_core::gateway::{Gateway, Resource};
use ai_gateway_core::telemetry::{Labels, Measurement, Metric};

/// The pace at which due fetches are looked for while no request waits.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The first tick, at which fetches begin before any request needs them.
const FIRST_TICK: Duration = Duration::from_millis(1);

pub(super) struct Root {
    context_id: u32,
    worker: RefCell<Option<Rc<Worker>>>,
    callouts: RefCell<HashMap<u32, Resource>>,
}

impl Root {
    pub(super) fn new(context_id: u32) -> Self {
        Self {
            context_id,
            worker: RefCell::default(),
            callouts: RefCell::default(),
        }
    }

    /// The context of a new request, if there is a configuration.
    pub(super) fn stream(&self, context_id: u32) -> Option<Stream> {
        Some(Stream::new(context_id, self.worker()?))
    }

    pub(super) fn on_http_call_response(&self, token: u32, headers: usize, body_size: usize) {
        let resource = self.callouts.borrow_mut().remove(&token);
        let (Some(resource), Some(worker)) = (resource, self.worker()) else {
            return;
        };
        let body;
        // A callout that failed has no headers.
        let answer = match (headers > 0).then(abi::callout_status).flatten() {
            None => CalloutResponse::NoResponse,
            Some(_) if body_size > MAX_DOCUMENT_BYTES => CalloutResponse::TooLarge,
            Some(status) => {
                body = abi::callout_body(body_size);
                CalloutResponse::Response {
                    status,
                    body: &body,
                    lifetime: abi::callout_lifetime(),
                }
            }
        };
        self.on_response(&worker, resource, answer);
    }

    pub(super) fn on_configure(&self, size: usize) -> bool {
        adopt_level();
        let json = abi::plugin_configuration(size);
        let usable = Config::parse(&json, &|name| std::env::var(name).ok())
            .and_then(|config| Ok((verifier(config.authentication.verifier())?, config)));
        let (verifier, config) = match usable {
            Ok(usable) => usable,
            Err(error) => {
                log::error!("the configuration is refused: {error}");
                count_refusal(&error);
                return false;
            }
        };
        if matches!(config.authentication, Authentication::Disabled) {
            log::warn!("authentication is disabled: whoever reaches this gateway may use it");
        }
        log::info!("serving {} providers", config.providers.len());
        let gateway = Gateway::new(config, verifier, &HostSharedData);
        self.worker.replace(Some(Rc::new(Worker::new(gateway))));
        abi::set_tick_period(FIRST_TICK);
        true
    }

    pub(super) fn on_tick(&self) {
        faults::meet(Place::Tick);
        let Some(worker) = self.worker() else {
            return;
        };
        let now = abi::now();
        let polls = worker.gateway.borrow_mut().poll(now, &HostSharedData);
        for (resource, poll) in polls {
            if poll.ready {
                self.settled(&worker, &resource);
            }
            if let Some(callout) = poll.callout {
                self.dispatch(&worker, resource, &callout);
            }
        }
        worker.refuse_overdue(now);
        worker.release_held_again();
        worker.report(now);
        abi::set_effective_context(self.context_id);
        abi::set_tick_period(if worker.is_awaited() {
            EAGER_TICK
        } else {
            IDLE_TICK
        });
    }

    fn worker(&self) -> Option<Rc<Worker>> {
        self.worker.borrow().clone()
    }

    fn dispatch(&self, worker: &Worker, resource: Resource, callout: &Callout) {
        match abi::dispatch(callout) {
            Ok(token) => {
                self.callouts.borrow_mut().insert(token, resource);
            }
            Err(_) => self.on_response(worker, resource, CalloutResponse::Undeliverable),
        }
    }

    fn on_response(&self, worker: &Worker, resource: Resource, answer: CalloutResponse<'_>) {
        let now = abi::now();
        let mut gateway = worker.gateway.borrow_mut();
        let next = gateway.on_response(&resource, answer, now, &HostSharedData);
        drop(gateway);
        match next {
            Some(callout) => self.dispatch(worker, resource, &callout),
            None => self.settled(worker, &resource),
        }
    }

    fn settled(&self, worker: &Worker, resource: &Resource) {
        worker.settled(resource);
        abi::set_effective_context(self.context_id);
    }
}

/// Counts a configuration that was refused, by the place of its first problem.
fn count_refusal(error: &ConfigError) {
    let mut labels = Labels::new(std::iter::empty(), 0, &HostSharedData);
    let place = error.problems.first().map_or("", |first| &first.path);
    let metric = Metric::ConfigurationsRefused(labels.one("reason", place));
    Metrics::default().measure(Measurement { metric, value: 1 }, &labels);
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(worker) = self.worker() {
            worker.abandon();
        }
    }
}
