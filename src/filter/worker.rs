//! What a root context and its streams share in one worker, and how a transaction is driven.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::abi::{self, HostClock, HostSharedData, Metrics};
use super::held_body::HeldBody;
use ai_gateway_core::base::chunk::Chunk;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::gateway::{Gateway, Resource};
use ai_gateway_core::telemetry::{Measurement, Metric};
use ai_gateway_core::transaction::{Context, Effect, Flow, Input, Transaction};

/// The requests that are held, beside what all requests share.
pub(super) struct Worker {
    pub(super) gateway: RefCell<Gateway>,
    awaiting: RefCell<Vec<(Resource, Rc<Request>)>>,
    awaiting_body: RefCell<Vec<(UnixTime, Rc<Request>)>>,
    /// Those of which a piece is held again.
    held_again: RefCell<Vec<Rc<Request>>>,
    /// Whether the host loses a piece of a request that was held ([`HeldBody`]).
    has_held_body_bug: bool,
    /// Whether a body has ever come while its headers were held.
    hands_over_bodies: Cell<bool>,
    metrics: RefCell<Metrics>,
    /// What a step is to fill, kept so that it is not made anew for each.
    effects: RefCell<Vec<Effect>>,
    /// How many requests wait, as the host was told.
    waiting: Cell<i64>,
}

/// One request: its transaction, and how much of its body there is.
pub(super) struct Request {
    context_id: u32,
    transaction: RefCell<Transaction>,
    body: Cell<Body>,
    held_body: HeldBody,
}

/// How far a request's body has come.
#[derive(Clone, Copy, Default)]
struct Body {
    /// What the host holds, in bytes.
    available: usize,
    /// What of it has been handed in.
    taken: usize,
    has_ended: bool,
}

/// More requests than this do not wait for a fetch in one worker: each holds its head in memory.
const MAX_AWAITING: usize = 1000;

/// The pace of the tick while requests wait: callouts begin, and other workers' are noticed.
pub(super) const EAGER_TICK: Duration = Duration::from_millis(5);

/// The pace of the first tick that a waiting request asks for.
const AT_ONCE: Duration = Duration::from_millis(1);

/// A host that hands over no body in this time, and never did, cannot.
const BODY_PATIENCE: Duration = Duration::from_secs(4);

/// A body is read in pieces of this size, so that the VM's memory does not grow by it.
const PIECE: usize = 64 * 1024;

impl Request {
    pub(super) fn new(context_id: u32) -> Self {
        Self {
            context_id,
            transaction: RefCell::default(),
            body: Cell::default(),
            held_body: HeldBody::default(),
        }
    }

    pub(super) fn flow(&self) -> Flow {
        self.transaction.borrow().flow()
    }

    pub(super) fn awaits_body(&self) -> bool {
        self.transaction.borrow().awaits_body()
    }

    pub(super) fn wants_response(&self) -> bool {
        self.transaction.borrow().wants_response()
    }

    /// Notes that a piece of the body came while the request is held.
    pub(super) fn body_came_while_held(&self) {
        self.held_body.came_while_held();
    }

    /// Notes that the host lets all go on that it holds.
    pub(super) fn goes_on_whole(&self) {
        self.held_body.release();
    }

    /// Notes how much of the body the host holds.
    pub(super) fn body_has_come(&self, available: usize, has_ended: bool) {
        let body = self.body.get();
        self.body.set(Body {
            available: available.max(body.available),
            has_ended: has_ended || body.has_ended,
            ..body
        });
    }
}

impl Worker {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self {
            gateway: RefCell::new(gateway),
            awaiting: RefCell::default(),
            awaiting_body: RefCell::default(),
            held_again: RefCell::default(),
            has_held_body_bug: abi::has_held_body_bug(),
            hands_over_bodies: Cell::new(false),
            metrics: RefCell::default(),
            effects: RefCell::default(),
            waiting: Cell::default(),
        }
    }

    /// Hands an input to a request's transaction and does what it says; then hands in what there
    /// is of the body, if that is wanted. The host must be acting for that request.
    pub(super) fn drive(&self, request: &Rc<Request>, input: Input<'_>) -> Flow {
        let awaited_body = request.transaction.borrow().awaits_body();
        self.step(request, input);
        let awaits_body = request.transaction.borrow().awaits_body();
        if awaits_body && !awaited_body && !self.hands_over_bodies.get() {
            let deadline = abi::now() + BODY_PATIENCE;
            let entry = (deadline, Rc::clone(request));
            self.awaiting_body.borrow_mut().push(entry);
        }
        if request.transaction.borrow().wants_body() {
            self.hand_in_body(request);
        }
        request.flow()
    }

    /// Lets a piece of a request's body pass that goes on.
    pub(super) fn pass(&self, request: &Rc<Request>, size: usize) -> Flow {
        let piece = request.held_body.passes();
        self.look_at_request(request, piece.seen, size);
        if request.flow() == Flow::Continue && piece.flow == Flow::Pause {
            self.held_again.borrow_mut().push(Rc::clone(request));
            abi::set_tick_period(AT_ONCE);
            return Flow::Pause;
        }
        request.flow()
    }

    /// Lets the requests go on of which a piece is held again.
    pub(super) fn release_held_again(&self) {
        for request in self.held_again.take() {
            if request.held_body.release()
                && request.flow() == Flow::Continue
                && abi::set_effective_context(request.context_id)
            {
                abi::resume_request();
            }
        }
    }

    /// Hands in the piece of the request's body at hand, which passes, if that is wanted.
    fn look_at_request(&self, request: &Rc<Request>, seen: usize, size: usize) {
        let mut taken = seen;
        while taken < size && request.transaction.borrow().wants_body() {
            let chunk = abi::request_body(taken, PIECE.min(size - taken));
            if chunk.is_empty() {
                return;
            }
            taken += chunk.len();
            self.step(request, Input::RequestBody(Chunk::More(&chunk)));
        }
    }

    /// Hands in the piece of the response's body at hand, if that is wanted.
    pub(super) fn look_at_response(&self, request: &Rc<Request>, size: usize) {
        let mut taken = 0;
        while taken < size && request.transaction.borrow().wants_response_body() {
            let chunk = abi::response_body(taken, PIECE.min(size - taken));
            if chunk.is_empty() {
                return;
            }
            taken += chunk.len();
            self.step(request, Input::ResponseBody(&chunk));
        }
    }

    /// Notes that the host had no room for a body that was held.
    pub(super) fn body_was_refused(&self, request: &Request) {
        let size = request.body.get().available as u64;
        let mut gateway = self.gateway.borrow_mut();
        gateway.high_water_marks.note_refused_body(size);
    }

    /// Notes that bodies do come while headers are held.
    pub(super) fn body_was_handed_over(&self) {
        if !self.hands_over_bodies.replace(true) {
            self.gateway.borrow_mut().usage_totals.count_held_bodies();
            self.awaiting_body.borrow_mut().clear();
        }
    }

    /// Lets the requests go on that wait for this.
    pub(super) fn settled(&self, resource: &Resource) {
        let settled: Vec<_> = self
            .awaiting
            .borrow_mut()
            .extract_if(.., |(awaited, _)| awaited == resource)
            .collect();
        for (_, request) in settled {
            self.resume(&request, Input::FetchEnded);
        }
    }

    /// Refuses the requests whose body the host does not hand over.
    pub(super) fn refuse_overdue(&self, now: UnixTime) {
        let overdue: Vec<_> = self
            .awaiting_body
            .borrow_mut()
            .extract_if(.., |(deadline, _)| *deadline <= now)
            .collect();
        for (_, request) in overdue {
            self.resume(&request, Input::BodyOverdue);
        }
    }

    /// Hands the host what was counted since the last tick.
    pub(super) fn report(&self, now: UnixTime) {
        let report = self.gateway.borrow_mut().report(now, &HostSharedData);
        for measurement in report {
            self.measure(measurement);
        }
        self.tell_waiting(self.awaiting.borrow().len());
    }

    /// Tells the host and the other workers what they do not know yet, since this one ends.
    pub(super) fn abandon(&self) {
        let now = abi::now();
        let rest = self.gateway.borrow_mut().shutdown(now, &HostSharedData);
        for measurement in rest {
            self.measure(measurement);
        }
        self.tell_waiting(0);
    }

    /// Whether requests wait for a fetch.
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaiting.borrow().is_empty()
    }

    /// Forgets a request that has gone.
    pub(super) fn forget(&self, request: &Rc<Request>) {
        self.awaiting
            .borrow_mut()
            .retain(|(_, awaiting)| !Rc::ptr_eq(awaiting, request));
        self.awaiting_body
            .borrow_mut()
            .retain(|(_, awaiting)| !Rc::ptr_eq(awaiting, request));
    }

    /// Drives a held request from outside of its callbacks.
    fn resume(&self, request: &Rc<Request>, input: Input<'_>) {
        if request.flow() == Flow::Continue
            || !abi::set_effective_context(request.context_id)
            || self.drive(request, input) == Flow::Pause
        {
            return;
        }
        let Body {
            available,
            has_ended,
            ..
        } = request.body.get();
        if !self.has_held_body_bug || request.held_body.resume(available, has_ended) {
            abi::resume_request();
        }
    }

    fn step(&self, request: &Rc<Request>, input: Input<'_>) {
        let mut effects = self.effects.take();
        let transaction = request.transaction.take();
        // The gateway is borrowed for this statement only: applying an effect borrows it again.
        let next = transaction.handle(
            input,
            &mut Context {
                gateway: &mut self.gateway.borrow_mut(),
                shared_data: &HostSharedData,
                clock: &HostClock,
                effects: &mut effects,
            },
        );
        request.transaction.replace(next);
        for effect in effects.drain(..) {
            match effect {
                Effect::Await(resource) => self.enlist(resource, request),
                Effect::Forward(upstream_request) => {
                    if let Err(status) = abi::forward(&upstream_request) {
                        log::error!("the host refuses a header edit: {status:?}");
                        self.step(request, Input::EditRefused);
                    }
                }
                Effect::Measure(measurement) => self.measure(measurement),
                Effect::Log(name, value) => abi::log_field(name, &value),
                Effect::Reply(reply) => abi::reply(&reply),
                Effect::RemoveResponseHeaders(names) => abi::remove_response_headers(&names),
                Effect::SetResponseHeaders(headers) => abi::set_response_headers(&headers),
            }
        }
        self.effects.replace(effects);
    }

    fn tell_waiting(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let offset = count - self.waiting.replace(count);
        if offset != 0 {
            let labels = &self.gateway.borrow().labels;
            let mut metrics = self.metrics.borrow_mut();
            metrics.shift(Metric::WaitingRequests, offset, labels);
        }
    }

    fn measure(&self, measurement: Measurement) {
        let mut gateway = self.gateway.borrow_mut();
        gateway.note(&measurement);
        let mut metrics = self.metrics.borrow_mut();
        metrics.measure(measurement, &gateway.labels);
    }

    fn hand_in_body(&self, request: &Rc<Request>) {
        loop {
            let body = request.body.get();
            let length = body.available.saturating_sub(body.taken).min(PIECE);
            let is_last = body.has_ended && body.taken + length == body.available;
            if length == 0 && !is_last {
                return;
            }
            let chunk = abi::request_body(body.taken, length);
            if chunk.len() != length {
                log::error!("the host does not hand over a body that it has announced");
                return self.step(request, Input::BodyOverdue);
            }
            let size = (body.taken + length) as u64;
            self.gateway
                .borrow_mut()
                .high_water_marks
                .note_held_body(size);
            request.body.set(Body {
                taken: body.taken + length,
                ..body
            });
            let chunk = if is_last {
                Chunk::Last(&chunk)
            } else {
                Chunk::More(&chunk)
            };
            self.step(request, Input::RequestBody(chunk));
            if is_last || !request.transaction.borrow().wants_body() {
                return;
            }
        }
    }

    /// Puts a request on the wait list, if there is room.
    fn enlist(&self, resource: Resource, request: &Rc<Request>) {
        let is_full = self.awaiting.borrow().len() >= MAX_AWAITING;
        if is_full {
            return self.step(request, Input::CannotWait);
        }
        let entry = (resource, Rc::clone(request));
        self.awaiting.borrow_mut().push(entry);
        abi::set_tick_period(AT_ONCE);
    }
}
