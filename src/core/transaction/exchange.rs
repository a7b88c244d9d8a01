//! What is learnt about a request for a provider and about its response as they pass.
//!
//! An exchange only observes. A response goes to the client unchanged and without delay.

use std::rc::Rc;

use super::access_log::{RequestLogContext, conversation, note_caller};

use crate::authn::jwt::Claims;
use crate::base::chunk::Chunk;
use crate::base::time::{Clock, UnixTime};
use crate::config::Config;
use crate::forward::response::Upload;
use crate::http::head::{RequestHead, ResponseHead};
use crate::models::catalog::ModelFault;
use crate::models::price::{Billable, CostGap, PriceList};
use crate::models::request_body::BodyCheck;
use crate::models::requested_model::{ModelReader, Reading};
use crate::provider::Provider;
use crate::provider_kind::UsageHeaders;
use crate::provider_kind::model_place::model_of_session;
use crate::provider_kind::operation::{Metering, RequestedOperation};
use crate::telemetry::{AccessLogEntry, OtherModelUsage};
use crate::usage::decoder::decodable;
use crate::usage::response_usage::{IncompleteReason, ResponseUsage, UnitUsage};
use crate::usage::{End, UsageExtractor};

/// One request for a provider and its response.
pub(super) struct Exchange {
    entry: AccessLogEntry,
    metering: Metering,
    usage_headers: Option<UsageHeaders>,
    /// Finds the model in the request's body, until it is found.
    model_reader: Option<Box<ModelReader>>,
    /// Checks that the rest of the request's body asks for no other model.
    check: Option<Box<BodyCheck>>,
    extractor: Option<Box<UsageExtractor>>,
    claims: Option<Rc<Claims>>,
    prices: Rc<PriceList>,
    /// The caller's prices, which take precedence over the provider's.
    caller_prices: Option<Rc<PriceList>>,
    started: UnixTime,
    /// Whether the client asks for another protocol.
    is_upgrade: bool,
    /// The provider's URL at the gateway, if the response may contain absolute URLs.
    proxy_url: Option<String>,
    upload: Upload,
}

const SWITCHING_PROTOCOLS: u16 = 101;
const BAD_GATEWAY: u16 = 502;

impl Exchange {
    /// An exchange that starts with a client's request for an operation of a provider.
    pub(super) fn new(
        provider: &Provider,
        operation: &RequestedOperation<'_>,
        head: &RequestHead,
        claims: Option<Rc<Claims>>,
        now: UnixTime,
    ) -> Self {
        let profile = provider.kind.profile();
        let is_generating = head.method() == b"POST";
        let metering = if is_generating {
            operation.metering()
        } else {
            Metering::None
        };
        let model = match operation.model_in_path() {
            Some(model) => Some(String::from_utf8_lossy(model).into_owned()),
            None if is_generating => None,
            None => model_of_session(head),
        };
        let is_in_body = is_generating
            && (operation.names_model_in_body() || operation.may_name_model_in_body());
        Self {
            entry: AccessLogEntry {
                provider: provider.name.clone(),
                system: profile.system,
                operation: operation.name(),
                requested_model: model,
                ..AccessLogEntry::default()
            },
            metering,
            usage_headers: profile.usage_headers,
            model_reader: is_in_body.then(Box::default),
            check: None,
            extractor: None,
            claims,
            prices: Rc::clone(&provider.prices),
            caller_prices: None,
            started: now,
            is_upgrade: head.asks_for_upgrade(),
            proxy_url: None,
            upload: Upload::None,
        }
    }

    /// Notes the provider's URL at the gateway, for absolute URLs in the response.
    pub(super) fn note_proxy_url(&mut self, proxy_url: String, upload: Upload) {
        self.proxy_url = Some(proxy_url);
        self.upload = upload;
    }

    /// The provider's URL at the gateway, if the response may contain absolute URLs.
    pub(super) fn proxy_url(&self) -> Option<&str> {
        self.proxy_url.as_deref()
    }

    /// Whether the request starts an upload.
    pub(super) const fn upload(&self) -> Upload {
        self.upload
    }

    /// What the access log says if the gateway answers the request itself after all.
    pub(super) fn log_context(&self) -> RequestLogContext {
        RequestLogContext::of_entry(self.claims.as_ref(), &self.entry)
    }

    /// The provider's name.
    pub(super) fn provider(&self) -> &str {
        &self.entry.provider
    }

    /// Sets prices that take precedence over the provider's.
    pub(super) fn set_caller_prices(&mut self, prices: Option<Rc<PriceList>>) {
        self.caller_prices = prices;
    }

    /// Sets the requested model, which was found elsewhere.
    pub(super) fn note_model(&mut self, model: Option<&str>) {
        self.entry.requested_model = model.map(str::to_owned);
        self.model_reader = None;
    }

    /// Continues a check of the request's body that has found the model.
    pub(super) fn continue_check(&mut self, check: Box<BodyCheck>) {
        self.note_model(check.model());
        self.check = Some(check);
    }

    /// Checks the models in a request's body of which the path names the model, or which contains
    /// requests.
    pub(super) fn check_body(&mut self, check: Option<Box<BodyCheck>>) {
        self.check = check;
    }

    /// Sets the conversation's name from the first of these headers that is present.
    pub(super) fn note_conversation(&mut self, headers: &[String], head: &RequestHead) {
        self.entry.conversation = conversation(headers, head);
    }

    /// The value for the request's `accept-encoding` if the client accepts a coding that cannot be
    /// decoded here.
    pub(super) fn accept_encoding(&self, head: &RequestHead) -> Option<Vec<u8>> {
        if !matches!(self.metering, Metering::Reported(_)) {
            return None;
        }
        let sent = head.first("accept-encoding")?;
        let decodable = decodable(sent);
        (*decodable != *sent).then(|| decodable.into_owned())
    }

    /// Whether the rest of the request's body is of interest.
    pub(super) const fn wants_request_body(&self) -> bool {
        self.model_reader.is_some() || self.check.is_some()
    }

    /// Reads a piece of the request's body. Fails if the body must not be forwarded.
    pub(super) fn request_body(&mut self, chunk: Chunk<'_>) -> Result<(), ModelFault> {
        if let Some(check) = &mut self.check {
            // The provider decides whether the JSON is complete.
            return check.push(Chunk::More(chunk.bytes())).map(|_| ());
        }
        if let Some(mut reader) = self.model_reader.take() {
            match reader.push(chunk.bytes()) {
                Reading::Unfinished if !chunk.is_last() => self.model_reader = Some(reader),
                Reading::Found(model) => self.entry.requested_model = Some(model),
                Reading::Unfinished | Reading::GivenUp => {}
            }
        }
        Ok(())
    }

    /// The status of a response as the client gets it. A response that switches protocols although
    /// the client did not ask for that becomes a 502: the client would take the bytes that follow
    /// for the responses to its next requests.
    pub(super) fn status(&self, head: &ResponseHead) -> u16 {
        match head.status() {
            SWITCHING_PROTOCOLS if !self.is_upgrade => BAD_GATEWAY,
            status => status,
        }
    }

    /// Reads the response's head.
    pub(super) fn response_head(&mut self, head: &ResponseHead) {
        let status = self.status(head);
        self.entry.status = status;
        if !(200..300).contains(&status) {
            return;
        }
        let dialect = match self.metering {
            Metering::Reported(dialect) | Metering::IfReported(dialect) => dialect,
            Metering::Background => {
                self.entry.incomplete = Some(IncompleteReason::Background);
                return;
            }
            Metering::None => return,
        };
        let header = |name| head.first(name).unwrap_or_default();
        let mut extractor =
            UsageExtractor::new(dialect, header("content-type"), header("content-encoding"));
        if let Some(reported) = self.usage_headers {
            extractor.note_headers(reported(&|name| head.first(name).map(<[u8]>::to_vec)));
        }
        self.extractor = Some(Box::new(extractor));
    }

    /// Whether the rest of the response's body is of interest.
    pub(super) fn wants_body(&self) -> bool {
        self.extractor
            .as_ref()
            .is_some_and(|extractor| extractor.is_reading())
    }

    /// Reads a piece of the response's body.
    pub(super) fn response_body(&mut self, chunk: &[u8], clock: &dyn Clock) {
        if let Some(extractor) = &mut self.extractor {
            extractor.push(chunk, clock);
        }
    }

    /// Everything that is known at the end.
    pub(super) fn finish(mut self, end: End, config: &Config, now: UnixTime) -> AccessLogEntry {
        if let Some(extractor) = self.extractor.take() {
            let report = extractor.finish(end);
            let is_optional = matches!(self.metering, Metering::IfReported(_));
            if report.is_reported() || !is_optional {
                self.note_usage(report);
            }
        } else if matches!(self.metering, Metering::Reported(_)) && self.entry.status == 0 {
            self.entry.incomplete = Some(match end {
                End::UpstreamReset => IncompleteReason::UpstreamReset,
                End::Complete | End::ClientDisconnect => IncompleteReason::ClientDisconnect,
            });
        }
        if let Some(claims) = self.claims.take() {
            note_caller(&mut self.entry, &claims, config);
        }
        self.entry.duration = now.saturating_since(self.started);
        self.entry
    }

    fn note_usage(&mut self, report: ResponseUsage) {
        let entry = &mut self.entry;
        let first_token = report.timing.first_token;
        entry.time_to_first_token = first_token.map(|time| time.saturating_since(self.started));
        if let (Some(first), Some(last), Some(output)) = (
            first_token,
            report.timing.last_event,
            report.tokens.total_output(),
        ) && let Ok(intervals) = u32::try_from(output.saturating_sub(1))
            && intervals > 0
        {
            entry.time_per_output_token = Some(last.saturating_since(first) / intervals);
        }
        self.note_cost(&report);
        let entry = &mut self.entry;
        entry.tokens = report.tokens;
        entry.reported_cost = report.cost;
        entry.incomplete = report.incomplete;
        entry.response_model = report.model;
        entry.response_id = report.response_id;
        entry.finish_reason = report.finish_reason;
    }

    fn note_cost(&mut self, report: &ResponseUsage) {
        let lists = [self.caller_prices.as_deref(), Some(&*self.prices)];
        let lists = lists.into_iter().flatten().filter(|list| !list.is_empty());
        let has_prices = lists.clone().next().is_some();
        let cost = |answered: Option<&str>, requested: Option<&str>, usage| {
            let mut lists = lists.clone();
            lists.find_map(|list| list.cost(answered, requested, usage))
        };
        let entry = &mut self.entry;
        let requested = entry.requested_model.as_deref();
        let usage = Billable::of(report);
        match cost(report.model.as_deref(), requested, usage) {
            Some(known) => {
                entry.cost = Some(known.cost);
                entry.cost_gaps = known.gaps;
            }
            None if has_prices && usage.is_reported() => entry.cost_gaps.add(CostGap::Model),
            None => {}
        }
        if has_prices && report.other_models.has_unknown {
            entry.cost_gaps.add(CostGap::OtherModel);
        }
        for (model, tokens) in &report.other_models.models {
            let usage = Billable {
                tokens,
                units: UnitUsage::default(),
                service: &report.service,
            };
            let known = cost(Some(model), None, usage);
            match known {
                Some(known) => entry.cost_gaps.add_all(known.gaps),
                None if has_prices => entry.cost_gaps.add(CostGap::OtherModel),
                None => {}
            }
            entry.other_models.push(OtherModelUsage {
                model: model.clone(),
                tokens: *tokens,
                cost: known.map(|known| known.cost),
            });
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("provider", &self.entry.provider)
            .finish_non_exhaustive()
    }
}
