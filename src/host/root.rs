//! The root context: takes in the configuration, and makes the callouts for all requests.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::abi::{self, SharedData};
use super::signature::preferred_verifier;
use super::stream::Stream;
use super::worker::{EAGER_TICK, Worker};
use crate::callout::{Answer, Callout, MAX_DOCUMENT_BYTES};
use crate::config::{Authentication, Config};
use crate::shared::{Resource, Shared};

/// The pace at which due fetches are looked for while no request waits.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The first tick, at which fetches begin before any request needs them.
const FIRST_TICK: Duration = Duration::from_millis(1);

pub(super) struct Root {
    context_id: u32,
    worker: Option<Rc<Worker>>,
    callouts: HashMap<u32, Resource>,
}

impl Root {
    pub(super) fn new(context_id: u32) -> Self {
        Self {
            context_id,
            worker: None,
            callouts: HashMap::new(),
        }
    }

    fn dispatch(&mut self, worker: &Worker, resource: Resource, callout: &Callout) {
        match abi::dispatch(callout) {
            Ok(token) => {
                self.callouts.insert(token, resource);
            }
            Err(_) => self.answered(worker, resource, Answer::Undeliverable),
        }
    }

    fn answered(&mut self, worker: &Worker, resource: Resource, answer: Answer<'_>) {
        let shared = &worker.shared;
        match shared.answered(&resource, answer, abi::now(), &SharedData) {
            Some(callout) => self.dispatch(worker, resource, &callout),
            None => self.settled(worker, &resource),
        }
    }

    fn settled(&self, worker: &Worker, resource: &Resource) {
        worker.settled(resource);
        abi::act_for(self.context_id);
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        let (Some(resource), Some(worker)) = (self.callouts.remove(&token), self.worker.clone())
        else {
            return;
        };
        let body;
        // A callout that failed has no headers, and the SDK panics where they are asked for.
        let answer = match (headers > 0).then(abi::callout_status).flatten() {
            None => Answer::NoResponse,
            Some(_) if body_size > MAX_DOCUMENT_BYTES => Answer::TooLarge,
            Some(status) => {
                body = abi::callout_body(body_size);
                Answer::Response {
                    status,
                    body: &body,
                    lifetime: abi::callout_lifetime(),
                }
            }
        };
        self.answered(&worker, resource, answer);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        abi::adopt_log_level();
        let json = abi::plugin_configuration(size);
        let config = match Config::parse(&json, &|name| std::env::var(name).ok()) {
            Ok(config) => config,
            Err(error) => {
                log::error!("the configuration is refused: {error}");
                return false;
            }
        };
        if matches!(config.authentication, Authentication::Disabled) {
            log::warn!("authentication is disabled: whoever reaches this gateway may use it");
        }
        log::info!("serving {} providers", config.providers.len());
        let shared = Shared::new(config, preferred_verifier(), &SharedData);
        self.worker = Some(Rc::new(Worker::new(shared)));
        abi::set_tick_period(FIRST_TICK);
        true
    }

    fn on_tick(&mut self) {
        let Some(worker) = self.worker.clone() else {
            return;
        };
        let now = abi::now();
        for (resource, poll) in worker.shared.poll(now, &SharedData) {
            if poll.settled {
                self.settled(&worker, &resource);
            }
            if let Some(callout) = poll.callout {
                self.dispatch(&worker, resource, &callout);
            }
        }
        worker.refuse_overdue(now);
        worker.report(now);
        abi::act_for(self.context_id);
        abi::set_tick_period(if worker.is_awaited() {
            EAGER_TICK
        } else {
            IDLE_TICK
        });
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let worker = Rc::clone(self.worker.as_ref()?);
        Some(Box::new(Stream::new(context_id, worker)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abandon();
        }
    }
}
