//! One request: each of its callbacks becomes an input to its transaction.

use std::rc::Rc;

use super::abi;
use super::faults::{self, Place};
use super::worker::{Request, Worker};
use ai_gateway_core::transaction::{Flow, Input};
use ai_gateway_core::usage::End;

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

    pub(super) fn on_request_headers(&self, has_ended: bool) -> Flow {
        self.request.body_has_come(0, has_ended);
        let head = abi::request_head();
        faults::arm(&head);
        faults::meet(Place::RequestHead);
        self.worker.drive(&self.request, Input::RequestHead(head))
    }

    pub(super) fn on_request_body(&self, size: usize, has_ended: bool) -> Flow {
        faults::meet(Place::RequestBody);
        if self.request.flow() == Flow::Continue {
            return self.worker.pass(&self.request, size);
        }
        self.request.body_came_while_held();
        self.worker.body_was_handed_over();
        self.request.body_has_come(size, has_ended);
        self.worker.drive(&self.request, Input::MoreBody)
    }

    pub(super) fn on_request_trailers(&self) -> Flow {
        abi::remove_request_trailers();
        if self.request.flow() == Flow::Continue {
            self.request.goes_on_whole();
            return Flow::Continue;
        }
        self.request.body_has_come(0, true);
        self.worker.drive(&self.request, Input::MoreBody)
    }

    pub(super) fn on_response_headers(&self, has_ended: bool) {
        faults::meet(Place::ResponseHead);
        if self.request.wants_response() {
            let head = abi::response_head();
            self.worker.drive(&self.request, Input::ResponseHead(head));
            self.ended_if(has_ended);
        }
    }

    pub(super) fn on_response_body(&self, size: usize, has_ended: bool) {
        faults::meet(Place::ResponseBody);
        self.worker.look_at_response(&self.request, size);
        self.ended_if(has_ended);
    }

    pub(super) fn on_response_trailers(&self) {
        self.ended_if(true);
    }

    pub(super) fn on_log(&self) {
        faults::meet(Place::Log);
        if self.request.wants_response() {
            let from_upstream = abi::response_details().starts_with(b"upstream");
            let end = if from_upstream {
                End::UpstreamReset
            } else {
                End::ClientDisconnect
            };
            self.worker.drive(&self.request, Input::Ended(end));
        } else if self.request.awaits_body() && abi::response_code() == Some(413) {
            self.worker.body_was_refused(&self.request);
        }
    }

    fn ended_if(&self, has_ended: bool) {
        if has_ended && self.request.wants_response() {
            self.worker
                .drive(&self.request, Input::Ended(End::Complete));
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
