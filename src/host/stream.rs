//! One request: each of its callbacks becomes an input to its transaction.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::abi;
use super::worker::{Request, Worker};
use crate::transaction::{Flow, Input};
use crate::usage::End;

pub(super) struct Stream {
    worker: Rc<Worker>,
    request: Rc<Request>,
}

impl Stream {
    pub(super) fn new(context_id: u32, worker: Rc<Worker>) -> Self {
        Self {
            worker,
            request: Rc::new(Request::new(context_id)),
        }
    }
}

impl Stream {
    fn ended_if(&self, has_ended: bool) {
        if has_ended && self.request.wants_response() {
            self.worker
                .drive(&self.request, Input::Ended(End::Complete));
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, has_ended: bool) -> Action {
        self.request.body_has_come(0, has_ended);
        let input = Input::RequestHead(abi::request_head());
        action(self.worker.drive(&self.request, input))
    }

    fn on_http_request_body(&mut self, size: usize, has_ended: bool) -> Action {
        if self.request.flow() == Flow::Continue {
            self.worker.look_at_request(&self.request, size);
            return Action::Continue;
        }
        self.worker.body_was_handed_over();
        self.request.body_has_come(size, has_ended);
        action(self.worker.drive(&self.request, Input::MoreBody))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if self.request.flow() == Flow::Continue {
            return Action::Continue;
        }
        self.request.body_has_come(0, true);
        action(self.worker.drive(&self.request, Input::MoreBody))
    }

    fn on_http_response_headers(&mut self, _: usize, has_ended: bool) -> Action {
        if self.request.wants_response() {
            let head = abi::response_head();
            self.worker.drive(&self.request, Input::ResponseHead(head));
            self.ended_if(has_ended);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, has_ended: bool) -> Action {
        self.worker.look_at_response(&self.request, size);
        self.ended_if(has_ended);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.ended_if(true);
        Action::Continue
    }

    fn on_log(&mut self) {
        if self.request.wants_response() {
            let from_upstream = abi::response_details().starts_with(b"upstream");
            let end = if from_upstream {
                End::UpstreamReset
            } else {
                End::ClientDisconnect
            };
            self.worker.drive(&self.request, Input::Ended(end));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.request.flow() == Flow::Pause {
            self.worker.forget(&self.request);
        }
    }
}

const fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}
