//! The root context: takes in the configuration, and makes the callouts for all requests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::abi;
use super::signature::preferred_verifier;
use super::stream::Stream;
use super::worker::Worker;
use crate::authn::jwks::{Answer, Callout, MAX_DOCUMENT_BYTES, Progress};
use crate::authn::{Authenticator, IssuerIndex};
use crate::config::{Authentication, Config};
use crate::transaction::Shared;

/// The pace at which due fetches are looked for while no request waits.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The first tick, at which keys are fetched before any request needs them.
const FIRST_TICK: Duration = Duration::from_millis(1);

pub(super) struct Root {
    context_id: u32,
    worker: Option<Rc<Worker>>,
    callouts: HashMap<u32, IssuerIndex>,
}

impl Root {
    pub(super) fn new(context_id: u32) -> Self {
        Self {
            context_id,
            worker: None,
            callouts: HashMap::new(),
        }
    }

    fn dispatch(&mut self, worker: &Worker, issuer: IssuerIndex, callout: &Callout) {
        match abi::dispatch(callout) {
            Ok(token) => {
                self.callouts.insert(token, issuer);
            }
            Err(_) => self.answered(worker, issuer, Answer::Undeliverable),
        }
    }

    fn answered(&mut self, worker: &Worker, issuer: IssuerIndex, answer: Answer<'_>) {
        let progress =
            worker
                .shared
                .authenticator
                .borrow_mut()
                .answered(issuer, answer, abi::now());
        match progress {
            Progress::Next(callout) => self.dispatch(worker, issuer, &callout),
            Progress::Settled => {
                worker.keys_settled(issuer);
                abi::act_for(self.context_id);
            }
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        let (Some(issuer), Some(worker)) = (self.callouts.remove(&token), self.worker.clone())
        else {
            return;
        };
        let body;
        let answer = match abi::callout_status() {
            Some(_) if body_size > MAX_DOCUMENT_BYTES => Answer::TooLarge,
            Some(status) if headers > 0 => {
                body = abi::callout_body(body_size);
                Answer::Response {
                    status,
                    body: &body,
                }
            }
            _ => Answer::NoResponse,
        };
        self.answered(&worker, issuer, answer);
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
        let authenticator = Authenticator::new(
            config.issuers(),
            config.authentication.cache_size(),
            preferred_verifier(),
        );
        log::info!("serving {} providers", config.providers.len());
        self.worker = Some(Rc::new(Worker::new(Shared {
            config,
            authenticator: RefCell::new(authenticator),
        })));
        abi::set_tick_period(FIRST_TICK);
        true
    }

    fn on_tick(&mut self) {
        abi::set_tick_period(IDLE_TICK);
        let Some(worker) = self.worker.clone() else {
            return;
        };
        let due = worker.shared.authenticator.borrow_mut().due(abi::now());
        for (issuer, callout) in due {
            self.dispatch(&worker, issuer, &callout);
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let worker = Rc::clone(self.worker.as_ref()?);
        Some(Box::new(Stream::new(context_id, worker)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
