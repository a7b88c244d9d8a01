//! A request that was forwarded and its response: what is learnt of them as they pass.
//!
//! It only looks on. Whatever a response holds, it goes to the client untouched and at once.

use crate::authn::jwt::Claims;
use crate::head::{RequestHead, ResponseHead};
use crate::observe::{Record, operation};
use crate::provider::{Provider, UsageHeaders};
use crate::time::UnixTime;
use crate::usage::decoder::decodable;
use crate::usage::dialect::Dialect;
use crate::usage::report::UsageReport;
use crate::usage::requested_model::{ModelReader, Reading};
use crate::usage::{End, UsageExtractor};

/// One forwarded request.
pub struct Exchange {
    record: Record,
    dialect: Option<&'static Dialect>,
    usage_headers: Option<UsageHeaders>,
    /// Reads the request's body while that can name the model.
    model_reader: Option<Box<ModelReader>>,
    extractor: Option<Box<UsageExtractor>>,
    started: UnixTime,
}

impl Exchange {
    /// Begins with the client's request for a path at a provider.
    pub fn new(
        provider: &Provider,
        path: &[u8],
        head: &RequestHead,
        claims: Option<&Claims>,
        now: UnixTime,
    ) -> Self {
        let profile = provider.kind.profile();
        let is_generating = head.method() == b"POST";
        let dialect = (profile.usage_dialect)(path).filter(|_| is_generating);
        let model = (profile.model_in_path)(path);
        let is_in_body = dialect.is_some() && model.is_none();
        Self {
            record: Record {
                provider: provider.name.clone(),
                system: profile.system,
                operation: operation(path),
                subject: claims.and_then(|claims| claims.subject.clone()),
                requested_model: model.map(|model| String::from_utf8_lossy(&model).into_owned()),
                ..Record::default()
            },
            dialect,
            usage_headers: profile.usage_headers,
            model_reader: is_in_body.then(Box::default),
            extractor: None,
            started: now,
        }
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
        self.model_reader.is_some()
    }

    /// Takes in a piece of the request's body.
    pub fn request_body(&mut self, chunk: &[u8]) {
        if let Some(mut reader) = self.model_reader.take() {
            match reader.push(chunk) {
                Reading::Unfinished => self.model_reader = Some(reader),
                Reading::Found(model) => self.record.requested_model = Some(model),
                Reading::GivenUp => {}
            }
        }
    }

    /// Takes in the response's head.
    pub fn response_head(&mut self, head: &ResponseHead) {
        let status = head.status();
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
    pub fn response_body(&mut self, chunk: &[u8], now: UnixTime) {
        if let Some(extractor) = &mut self.extractor {
            extractor.push(chunk, now);
        }
    }

    /// What is known at the end.
    pub fn finish(&mut self, end: End, now: UnixTime) -> &Record {
        if let Some(extractor) = self.extractor.take() {
            self.note(extractor.finish(end));
        }
        self.record.duration = now.saturating_since(self.started);
        &self.record
    }

    fn note(&mut self, report: UsageReport) {
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
        record.incomplete = report.incomplete;
        record.response_model = report.model;
        record.response_id = report.response_id;
        record.finish_reason = report.finish_reason;
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("provider", &self.record.provider)
            .finish_non_exhaustive()
    }
}
