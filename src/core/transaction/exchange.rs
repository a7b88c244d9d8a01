//! A request that was forwarded and its response: what is learnt of them as they pass.
//!
//! It only looks on. Whatever a response holds, it goes to the client untouched and at once.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::authn::jwt::Claims;
use crate::base::time::{Clock, UnixTime};
use crate::config::Config;
use crate::http::head::{RequestHead, ResponseHead};
use crate::base::chunk::Chunk;
use crate::models::catalog::ModelFault;
use crate::models::price::PriceList;
use crate::models::request_body::BodyCheck;
use crate::models::requested_model::{ModelReader, Reading};
use crate::provider::Provider;
use crate::provider_kind::UsageHeaders;
use crate::provider_kind::model_place::model_of_session;
use crate::provider_kind::operation::RequestedOperation;
use crate::telemetry::{AccessLogEntry, LogField};
use crate::usage::decoder::decodable;
use crate::usage::dialect::Dialect;
use crate::usage::response_usage::{IncompleteReason, ResponseUsage};
use crate::usage::{End, UsageExtractor};

/// One forwarded request.
pub struct Exchange {
    record: AccessLogEntry,
    dialect: Option<&'static Dialect>,
    usage_headers: Option<UsageHeaders>,
    /// Reads the request's body while that can name the model.
    model_reader: Option<Box<ModelReader>>,
    /// Holds the rest of the request's body to what its model was allowed for.
    check: Option<Box<BodyCheck>>,
    extractor: Option<Box<UsageExtractor>>,
    claims: Option<Rc<Claims>>,
    prices: Rc<PriceList>,
    /// The caller's own, which come before the provider's.
    own_prices: Option<Rc<PriceList>>,
    started: UnixTime,
    /// Whether the client asks to speak another protocol.
    is_upgrade: bool,
    /// Where the client asks for the provider, if the answer may say where an upload goes on.
    proxy_url: Option<String>,
}

const SWITCHING_PROTOCOLS: u16 = 101;
const BAD_GATEWAY: u16 = 502;

/// No more of a conversation's name is logged.
const MAX_CONVERSATION: usize = 256;

/// A claim that is longer, as JSON, is not logged.
const MAX_LOGGED_CLAIM: usize = 1024;

impl Exchange {
    /// Begins with the client's request for an operation of a provider.
    pub fn new(
        provider: &Provider,
        operation: &RequestedOperation<'_>,
        head: &RequestHead,
        claims: Option<Rc<Claims>>,
        now: UnixTime,
    ) -> Self {
        let profile = provider.kind.profile();
        let is_generating = head.method() == b"POST";
        let dialect = operation.dialect().filter(|_| is_generating);
        let model = match operation.model_in_path() {
            Some(model) => Some(String::from_utf8_lossy(&model).into_owned()),
            None if is_generating => None,
            None => model_of_session(head),
        };
        let is_in_body = is_generating && operation.names_model_in_body();
        Self {
            record: AccessLogEntry {
                provider: provider.name.clone(),
                system: profile.system,
                operation: operation.name(),
                requested_model: model,
                ..AccessLogEntry::default()
            },
            dialect,
            usage_headers: profile.usage_headers,
            model_reader: is_in_body.then(Box::default),
            check: None,
            extractor: None,
            claims,
            prices: Rc::clone(&provider.prices),
            own_prices: None,
            started: now,
            is_upgrade: head.asks_for_upgrade(),
            proxy_url: None,
        }
    }

    /// Notes that the request begins an upload, by which proxy URL.
    pub fn note_upload(&mut self, proxy_url: Option<String>) {
        self.proxy_url = proxy_url;
    }

    /// The proxy URL by which the request began an upload, if it did.
    pub fn uploads_through(&self) -> Option<&str> {
        self.proxy_url.as_deref()
    }

    /// The caller, where there is one to know.
    pub fn caller(&self) -> Option<Rc<Claims>> {
        self.claims.clone()
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.record.provider
    }

    /// Takes prices that come before the provider's.
    pub fn price_by(&mut self, own_prices: Option<Rc<PriceList>>) {
        self.own_prices = own_prices;
    }

    /// Takes in the model that the request asks for, which was read elsewhere.
    pub fn note_model(&mut self, model: Option<&str>) {
        self.record.requested_model = model.map(str::to_owned);
        self.model_reader = None;
    }

    /// Has a check, which has found the model, go on with the rest of the body.
    pub fn hold_to(&mut self, check: Box<BodyCheck>) {
        self.note_model(check.model());
        self.check = Some(check);
    }

    /// Takes in the name of the conversation, from the first of these headers that is there.
    pub fn note_conversation(&mut self, headers: &[String], head: &RequestHead) {
        let mut values = headers.iter().filter_map(|name| head.first(name));
        let value = values.find(|value| !value.is_empty());
        self.record.conversation = value.map(|value| {
            let value = value.get(..MAX_CONVERSATION).unwrap_or(value);
            String::from_utf8_lossy(value).into_owned()
        });
    }

    /// What the request's `accept-encoding` is to be, where it names a coding that cannot be read
    /// along.
    pub fn accept_encoding(&self, head: &RequestHead) -> Option<Vec<u8>> {
        self.dialect?;
        let sent = head.first("accept-encoding")?;
        let decodable = decodable(sent);
        (*decodable != *sent).then(|| decodable.into_owned())
    }

    /// Whether the request's body can tell anything more.
    pub const fn wants_request_body(&self) -> bool {
        self.model_reader.is_some() || self.check.is_some()
    }

    /// Takes in a piece of the request's body; an error where it must not go on.
    pub fn request_body(&mut self, chunk: &[u8], is_last: bool) -> Result<(), ModelFault> {
        if let Some(check) = &mut self.check {
            // Whether it has come whole is the provider's to say.
            return check.push(Chunk::More(chunk)).map(|_| ());
        }
        if let Some(mut reader) = self.model_reader.take() {
            match reader.push(chunk) {
                Reading::Unfinished if !is_last => self.model_reader = Some(reader),
                Reading::Found(model) => self.record.requested_model = Some(model),
                Reading::Unfinished | Reading::GivenUp => {}
            }
        }
        Ok(())
    }

    /// The status of a response, for the client too. One that changes the protocol though nobody has asked for that is
    /// a fault of the provider: what follows would be taken for answers to whatever the client asks next.
    pub fn status(&self, head: &ResponseHead) -> u16 {
        match head.status() {
            SWITCHING_PROTOCOLS if !self.is_upgrade => BAD_GATEWAY,
            status => status,
        }
    }

    /// Takes in the response's head.
    pub fn response_head(&mut self, head: &ResponseHead) {
        let status = self.status(head);
        self.record.status = status;
        let Some(dialect) = self.dialect.filter(|_| (200..300).contains(&status)) else {
            return;
        };
        let header = |name| head.first(name).unwrap_or_default();
        let mut extractor =
            UsageExtractor::new(dialect, header("content-type"), header("content-encoding"));
        if let Some(reported) = self.usage_headers {
            extractor.note_headers(reported(&|name| head.first(name).map(<[u8]>::to_vec)));
        }
        self.extractor = Some(Box::new(extractor));
    }

    /// Whether the response's body can tell anything more.
    pub fn wants_body(&self) -> bool {
        self.extractor
            .as_ref()
            .is_some_and(|extractor| extractor.is_reading())
    }

    /// Takes in a piece of the response's body.
    pub fn response_body(&mut self, chunk: &[u8], clock: &dyn Clock) {
        if let Some(extractor) = &mut self.extractor {
            extractor.push(chunk, clock);
        }
    }

    /// What is known at the end.
    pub fn finish(mut self, end: End, config: &Config, now: UnixTime) -> AccessLogEntry {
        if let Some(extractor) = self.extractor.take() {
            self.note(extractor.finish(end));
        } else if self.dialect.is_some() && self.record.status == 0 {
            self.record.incomplete = Some(match end {
                End::UpstreamReset => IncompleteReason::UpstreamReset,
                End::Complete | End::ClientDisconnect => IncompleteReason::ClientDisconnect,
            });
        }
        if let Some(claims) = self.claims.take() {
            note_caller(&mut self.record, &claims, config);
        }
        self.record.duration = now.saturating_since(self.started);
        self.record
    }

    fn note(&mut self, report: ResponseUsage) {
        let record = &mut self.record;
        let first_token = report.timing.first_token;
        record.time_to_first_token = first_token.map(|time| time.saturating_since(self.started));
        if let (Some(first), Some(last), Some(output)) = (
            first_token,
            report.timing.last_event,
            report.tokens.total_output(),
        ) && let Ok(intervals) = u32::try_from(output.saturating_sub(1))
            && intervals > 0
        {
            record.time_per_output_token = Some(last.saturating_since(first) / intervals);
        }
        record.tokens = report.tokens;
        record.reported_cost = report.cost;
        record.incomplete = report.incomplete;
        record.response_model = report.model;
        record.response_id = report.response_id;
        record.finish_reason = report.finish_reason;
        let cost = |prices: &PriceList| {
            prices.cost(
                record.response_model.as_deref(),
                record.requested_model.as_deref(),
                &record.tokens,
            )
        };
        let own = self.own_prices.as_deref().and_then(cost);
        let cost = own.or_else(|| cost(&self.prices));
        record.cost = cost;
    }
}

/// Takes in who sent a request, as far as it is logged.
pub(super) fn note_caller(record: &mut AccessLogEntry, claims: &Claims, config: &Config) {
    let wanted = config.observability.log_fields;
    if wanted.contains(LogField::Subject) {
        record.subject.clone_from(&claims.subject);
    }
    if wanted.contains(LogField::Issuer) {
        let issuer = config.issuers().get(claims.issuer);
        record.issuer = issuer.map(|issuer| issuer.issuer.clone());
    }
    let logged = config.observability.log_claims.iter();
    let logged: BTreeMap<_, _> = logged
        .filter_map(|name| Some((name, claims.value(name)?)))
        .filter(|(_, value)| value.to_string().len() <= MAX_LOGGED_CLAIM)
        .collect();
    if !logged.is_empty() {
        record.claims = serde_json::to_string(&logged).ok();
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("provider", &self.record.provider)
            .finish_non_exhaustive()
    }
}
