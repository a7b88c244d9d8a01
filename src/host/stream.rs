//! One request: each of its callbacks becomes an input to its transaction.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::abi;
use super::worker::{Request, Worker};
use crate::transaction::{Flow, Input};

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

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, has_ended: bool) -> Action {
        self.request.body_has_come(0, has_ended);
        let input = Input::RequestHead(abi::request_head());
        action(self.worker.drive(&self.request, input))
    }

    fn on_http_request_body(&mut self, size: usize, has_ended: bool) -> Action {
        if self.request.flow() == Flow::Continue {
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

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.worker.drive(&self.request, Input::ResponseHead);
        Action::Continue
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
