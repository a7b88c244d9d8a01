//! A host in memory. It records what it is asked to do, and treats the bodies of held requests as
//! Envoy does, with the bug of Envoy before 1.39 if its version says so.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use p256::ecdsa::signature::Verifier;
use p256::pkcs8::DecodePublicKey;

use super::*;
use crate::base::shared_data::SharedData;
use crate::base::time::Clock;
use crate::forward::UpstreamRequest;
use crate::http::head::{RequestHead, ResponseHead};
use crate::reply::{ERROR_HEADER, Reply};
use crate::telemetry::metric::MetricKind;
use crate::testing::{MemorySharedData, NOW, head};

/// Something that the driver asked the host to do, with the effective context where it matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Call {
    TickPeriod(Duration),
    Callout(u32),
    Forward(u32),
    Resume(u32),
    /// The context, and the error code of the gateway.
    Reply(u32, String),
    ResponseHeadersRemoved(u32),
    /// A metric's name, and what was added or set.
    Measure(String, i64),
}

/// How the host verifies signatures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verification {
    NotOffered,
    Correct,
    AcceptsAll,
    RejectsAll,
}

/// One request as the host keeps it.
#[derive(Default)]
pub(super) struct Stream {
    head: Vec<(String, String)>,
    pub(super) response_head: Vec<(String, Vec<u8>)>,
    /// What a body callback can read.
    pub(super) shown: Vec<u8>,
    held: Vec<u8>,
    /// How many bytes have arrived.
    received: usize,
    /// A later filter has not taken the held pieces when the request is resumed, so the next piece
    /// is shown after them.
    pub(super) later_filter_waits: bool,
    is_held: bool,
    /// Whether the next piece is appended to the held ones.
    appends: bool,
    /// What the provider has received.
    pub(super) sent: Vec<u8>,
    pub(super) upstream: Option<UpstreamRequest>,
}

/// A callout's response: status, headers, body.
type Response = (String, Vec<(&'static str, String)>, Vec<u8>);

#[derive(Clone)]
pub(super) struct FakeHost(pub(super) Rc<State>);

pub(super) struct State {
    pub(super) shared_data: Rc<MemorySharedData>,
    pub(super) now: Cell<UnixTime>,
    pub(super) version: Cell<Option<(u64, u64)>>,
    pub(super) verification: Cell<Verification>,
    pub(super) verifications: Cell<usize>,
    pub(super) effective_context: Cell<u32>,
    pub(super) streams: RefCell<HashMap<u32, Stream>>,
    pub(super) calls: RefCell<Vec<Call>>,
    /// Sizes of the pieces that were read of bodies.
    pub(super) reads: RefCell<Vec<usize>>,
    pub(super) callout_response: RefCell<Option<Response>>,
    pub(super) refuses_callouts: Cell<bool>,
    pub(super) refuses_edits: Cell<bool>,
    pub(super) withholds_bodies: Cell<bool>,
    pub(super) response_details: Cell<&'static str>,
    pub(super) response_code: Cell<Option<i64>>,
    metrics: RefCell<Vec<(MetricKind, String)>>,
    callouts: Cell<u32>,
}

impl FakeHost {
    pub(super) fn new(shared_data: &Rc<MemorySharedData>) -> Self {
        Self(Rc::new(State {
            shared_data: Rc::clone(shared_data),
            now: Cell::new(NOW),
            version: Cell::new(Some((1, 40))),
            verification: Cell::new(Verification::NotOffered),
            verifications: Cell::default(),
            effective_context: Cell::default(),
            streams: RefCell::default(),
            calls: RefCell::default(),
            reads: RefCell::default(),
            callout_response: RefCell::default(),
            refuses_callouts: Cell::default(),
            refuses_edits: Cell::default(),
            withholds_bodies: Cell::default(),
            response_details: Cell::new("via_upstream"),
            response_code: Cell::default(),
            metrics: RefCell::default(),
            callouts: Cell::default(),
        }))
    }

    fn call(&self, call: Call) {
        self.0.calls.borrow_mut().push(call);
    }

    /// The stream of the effective context.
    fn with<T>(&self, read: impl FnOnce(&mut Stream) -> T) -> T {
        let context = self.0.effective_context.get();
        let mut streams = self.0.streams.borrow_mut();
        read(streams.get_mut(&context).expect("a request"))
    }

    fn read_body(&self, start: usize, length: usize) -> Vec<u8> {
        self.0.reads.borrow_mut().push(length);
        if self.0.withholds_bodies.get() {
            return Vec::new();
        }
        self.with(|stream| {
            let end = stream.shown.len().min(start + length);
            stream.shown[start..end].to_vec()
        })
    }

    /// The sums of counters and the last values of gauges.
    pub(super) fn metrics(&self) -> BTreeMap<String, i64> {
        let mut metrics = BTreeMap::new();
        for call in self.0.calls.borrow().iter() {
            if let Call::Measure(name, value) = call {
                *metrics.entry(name.clone()).or_default() += value;
            }
        }
        metrics
    }
}

impl Stream {
    pub(super) fn new<'a>(head: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Self {
        Self {
            head: head
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// What the host does with a piece before it calls the filter.
    pub(super) fn receive(&mut self, piece: &[u8]) {
        self.received += piece.len();
        if self.appends {
            self.held.extend(piece);
            self.shown.clone_from(&self.held);
        } else {
            self.shown = piece.to_vec();
        }
    }

    /// What the host does with it after the filter has said whether it may pass.
    pub(super) fn apply(&mut self, flow: Flow) {
        let shown = std::mem::take(&mut self.shown);
        match flow {
            Flow::Pause => {
                self.held = shown;
                (self.is_held, self.appends) = (true, true);
            }
            Flow::Continue if self.is_held || !self.appends => {
                self.sent.extend(shown);
                self.held.clear();
                (self.is_held, self.appends) = (false, false);
            }
            // Envoy before 1.39 leaves the piece with those that were held.
            Flow::Continue => self.appends = false,
        }
    }

    /// Makes what is held readable from outside of the request's callbacks.
    pub(super) fn show_held(&mut self) {
        self.shown.clone_from(&self.held);
    }

    fn resume(&mut self, has_bug: bool) {
        if self.later_filter_waits {
            return;
        }
        self.sent.append(&mut self.held);
        self.is_held = false;
        self.appends &= has_bug;
    }
}

impl Clock for FakeHost {
    fn now(&self) -> UnixTime {
        self.0.now.get()
    }
}

impl SharedData for FakeHost {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.shared_data.read(key)
    }

    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
        self.0.shared_data.write(key, text, expected)
    }
}

impl Host for FakeHost {
    fn version(&self) -> Option<(u64, u64)> {
        self.0.version.get()
    }

    fn set_effective_context(&self, context: u32) -> Result<(), HostError> {
        if context != ROOT && !self.0.streams.borrow().contains_key(&context) {
            return Err(HostError(2));
        }
        self.0.effective_context.set(context);
        Ok(())
    }

    fn set_tick_period(&self, period: Duration) {
        self.call(Call::TickPeriod(period));
    }

    fn send_callout(&self, _: &Callout) -> Result<u32, HostError> {
        if self.0.refuses_callouts.get() {
            return Err(HostError(2));
        }
        assert_eq!(self.0.effective_context.get(), ROOT);
        self.0.callouts.set(self.0.callouts.get() + 1);
        self.call(Call::Callout(self.0.callouts.get()));
        Ok(self.0.callouts.get())
    }

    fn callout_response_header(&self, name: &str) -> Option<Vec<u8>> {
        let response = self.0.callout_response.borrow();
        let (status, headers, _) = response.as_ref()?;
        if name == ":status" {
            return Some(status.clone().into());
        }
        let (_, value) = headers.iter().find(|(found, _)| *found == name)?;
        Some(value.clone().into())
    }

    fn callout_response_body(&self, size: usize) -> Vec<u8> {
        let response = self.0.callout_response.borrow();
        let (_, _, body) = response.as_ref().expect("a response");
        body[..size].to_vec()
    }

    fn verify_signature(&self, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
        self.0.verifications.set(self.0.verifications.get() + 1);
        match self.0.verification.get() {
            Verification::NotOffered => Err(HostError(1)),
            Verification::Correct => Ok(vec![8, u8::from(is_valid(arguments))]),
            Verification::AcceptsAll => Ok(vec![8, 1]),
            Verification::RejectsAll => Ok(Vec::new()),
        }
    }

    fn request_head(&self) -> RequestHead {
        self.with(|stream| {
            let headers = stream.head.iter();
            let headers: Vec<_> = headers.map(|(name, value)| (&**name, &**value)).collect();
            head(&headers)
        })
    }

    fn request_body(&self, start: usize, length: usize) -> Vec<u8> {
        self.read_body(start, length)
    }

    fn body_size_received(&self) -> Option<i64> {
        Some(i64::try_from(self.with(|stream| stream.received)).unwrap())
    }

    fn remove_request_trailers(&self) {}

    fn forward(&self, request: &UpstreamRequest) -> Result<(), HostError> {
        if self.0.refuses_edits.get() {
            return Err(HostError(4));
        }
        self.with(|stream| stream.upstream = Some(request.clone()));
        self.call(Call::Forward(self.0.effective_context.get()));
        Ok(())
    }

    fn resume_request(&self) {
        let has_bug = self.version().is_none_or(|version| version < (1, 39));
        self.with(|stream| stream.resume(has_bug));
        self.call(Call::Resume(self.0.effective_context.get()));
    }

    fn reply(&self, reply: &Reply) {
        let mut headers = reply.headers.iter();
        let code = headers.find(|(name, _)| *name == ERROR_HEADER);
        let code = code.map_or_else(String::new, |(_, code)| code.clone());
        self.call(Call::Reply(self.0.effective_context.get(), code));
    }

    fn response_head(&self) -> ResponseHead {
        ResponseHead::new(self.with(|stream| stream.response_head.clone()))
    }

    fn response_body(&self, start: usize, length: usize) -> Vec<u8> {
        self.read_body(start, length)
    }

    fn set_response_body(&self, bytes: &[u8]) -> Result<(), HostError> {
        self.with(|stream| stream.shown = bytes.to_vec());
        Ok(())
    }

    fn remove_response_headers(&self, _: &[String]) {
        let context = self.0.effective_context.get();
        self.call(Call::ResponseHeadersRemoved(context));
    }

    fn set_response_headers(&self, _: &[(&'static str, Cow<'static, str>)]) {}

    fn response_details(&self) -> Vec<u8> {
        self.0.response_details.get().into()
    }

    fn response_code(&self) -> Option<i64> {
        self.0.response_code.get()
    }

    fn set_log_field(&self, _: &str, _: &str) {}

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        let mut metrics = self.0.metrics.borrow_mut();
        assert!(metrics.iter().all(|(_, defined)| defined != name), "{name}");
        metrics.push((kind, name.to_owned()));
        Ok(u32::try_from(metrics.len() - 1).unwrap())
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<(), HostError> {
        let (kind, name) = self.0.metrics.borrow()[id as usize].clone();
        assert_ne!((kind, offset), (MetricKind::Counter, 0), "Envoy refuses it");
        self.call(Call::Measure(name, offset));
        Ok(())
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        let (kind, name) = self.0.metrics.borrow()[id as usize].clone();
        assert_ne!(kind, MetricKind::Counter, "Envoy refuses it");
        let value = i64::try_from(value).unwrap();
        self.call(Call::Measure(name, value));
        Ok(())
    }
}

/// Envoy's check of a `VerifySignatureArguments`, for SHA-256 and P-256.
fn is_valid(mut arguments: &[u8]) -> bool {
    let mut field = |number: u8| {
        let (tag, rest) = arguments.split_first().expect("a tag");
        assert_eq!(*tag, number << 3 | 2, "fields of bytes in their order");
        let (mut length, mut shift, mut rest) = (0, 0, rest);
        loop {
            let (byte, after) = rest.split_first().expect("a length");
            length |= usize::from(byte & 0x7f) << shift;
            (shift, rest) = (shift + 7, after);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (value, after) = rest.split_at(length);
        arguments = after;
        value
    };
    let [hash, key, signature, signed] = [1, 2, 3, 4].map(&mut field);
    assert_eq!((hash, arguments), (&b"sha256"[..], &b""[..]));
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(key).unwrap();
    let signature = p256::ecdsa::DerSignature::try_from(signature).unwrap();
    key.verify(signed, &signature).is_ok()
}
