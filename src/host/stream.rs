//! One request: each of its callbacks becomes an input to its transaction.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::abi;
use super::worker::Worker;
use crate::transaction::{Flow, Input, Transaction};

pub(super) struct Stream {
    context_id: u32,
    worker: Rc<Worker>,
    transaction: Rc<RefCell<Transaction>>,
}

impl Stream {
    pub(super) fn new(context_id: u32, worker: Rc<Worker>) -> Self {
        Self {
            context_id,
            worker,
            transaction: Rc::default(),
        }
    }

    fn drive(&self, input: Input) -> Action {
        action(self.worker.drive(self.context_id, &self.transaction, input))
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.drive(Input::RequestHead(abi::request_head()))
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        action(self.transaction.borrow().flow())
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        action(self.transaction.borrow().flow())
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.drive(Input::ResponseHead);
        Action::Continue
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if matches!(*self.transaction.borrow(), Transaction::AwaitingKeys(_)) {
            self.worker.forget(self.context_id);
        }
    }
}

const fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}
