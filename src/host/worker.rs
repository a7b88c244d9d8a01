//! What a root context and its streams share in one worker, and how a transaction is driven.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::abi;
use crate::authn::IssuerIndex;
use crate::transaction::{Effect, Flow, Input, Shared, Transaction};

/// The requests that wait for keys, beside what all requests share.
pub(super) struct Worker {
    pub(super) shared: Shared,
    waiting: RefCell<Vec<Waiting>>,
}

struct Waiting {
    issuer: IssuerIndex,
    context_id: u32,
    transaction: Rc<RefCell<Transaction>>,
}

/// More requests than this do not wait for keys in one worker: each holds its head in memory.
const MAX_WAITING: usize = 1000;

/// The pace of the tick that begins a callout as soon as the stream's callback has returned.
const AT_ONCE: Duration = Duration::from_millis(1);

impl Worker {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            waiting: RefCell::default(),
        }
    }

    /// Hands an input to a request's transaction and does what it says. The host must be acting
    /// for that request.
    pub(super) fn drive(
        &self,
        context_id: u32,
        transaction: &Rc<RefCell<Transaction>>,
        input: Input,
    ) -> Flow {
        let mut effects = Vec::new();
        let next = transaction
            .take()
            .handle(input, &self.shared, abi::now(), &mut effects);
        let flow = next.flow();
        transaction.replace(next);

        let mut must_leave = false;
        for effect in effects {
            match effect {
                Effect::AwaitKeys(issuer) => {
                    must_leave = !self.enlist(issuer, context_id, transaction);
                }
                Effect::Forward(request) => {
                    if let Err(status) = abi::forward(&request) {
                        log::error!("the host refuses a header edit: {status:?}");
                        return Flow::Pause;
                    }
                }
                Effect::Reply(reply) => abi::reply(&reply),
                Effect::RemoveResponseHeaders(names) => abi::remove_response_headers(&names),
            }
        }
        if must_leave {
            return self.drive(context_id, transaction, Input::CannotWait);
        }
        flow
    }

    /// Lets the requests go on that wait for this issuer's keys.
    pub(super) fn keys_settled(&self, issuer: IssuerIndex) {
        let settled: Vec<Waiting> = self
            .waiting
            .borrow_mut()
            .extract_if(.., |waiting| waiting.issuer == issuer)
            .collect();
        for Waiting {
            context_id,
            transaction,
            ..
        } in settled
        {
            if abi::act_for(context_id)
                && self.drive(context_id, &transaction, Input::KeysSettled) == Flow::Continue
            {
                abi::resume_request();
            }
        }
    }

    /// Forgets a request that has gone.
    pub(super) fn forget(&self, context_id: u32) {
        self.waiting
            .borrow_mut()
            .retain(|waiting| waiting.context_id != context_id);
    }

    /// Puts a request on the wait list, if there is room.
    fn enlist(
        &self,
        issuer: IssuerIndex,
        context_id: u32,
        transaction: &Rc<RefCell<Transaction>>,
    ) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= MAX_WAITING {
            return false;
        }
        waiting.push(Waiting {
            issuer,
            context_id,
            transaction: Rc::clone(transaction),
        });
        abi::set_tick_period(AT_ONCE);
        true
    }
}
