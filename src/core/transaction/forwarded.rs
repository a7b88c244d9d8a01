//! The state of a request that was forwarded. The gateway observes it and its response, and edits
//! the response's head.

use super::access_log::log_fields;
use super::exchange::Exchange;
use super::refusal::Refusal;
use super::{Context, Effect, Input, Transaction};
use crate::forward::UpstreamRequest;
use crate::forward::response::AnsweredRequest;
use crate::http::head::ResponseHead;
use crate::reply::{ERROR_HEADER, Rejection};
use crate::usage::End;

/// A request that the provider has.
#[derive(Debug)]
pub struct Forwarded {
    exchange: Box<Exchange>,
}

/// The error code of a response that switches protocols although the client did not ask for that.
const UPSTREAM_INVALID: &str = "upstream_invalid";

/// The headers of a response that switches protocols.
const UPGRADE_HEADERS: [&str; 2] = ["connection", "upgrade"];

impl Forwarded {
    /// Forwards a request.
    pub(super) fn enter(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        context: &mut Context<'_>,
    ) -> Transaction {
        context.effects.push(Effect::Forward(request));
        Transaction::Forwarded(Self { exchange })
    }

    pub(super) fn handle(mut self, input: Input<'_>, context: &mut Context<'_>) -> Transaction {
        match input {
            Input::RequestBody(chunk) => {
                if let Err(fault) = self.exchange.request_body(chunk) {
                    let rejection = Rejection::Model(fault);
                    return Refusal::new(rejection, self.exchange.log_context()).apply(context);
                }
                Transaction::Forwarded(self)
            }
            Input::ResponseHead(head) => {
                self.edit_response(&head, context);
                self.exchange.response_head(&head);
                Transaction::Forwarded(self)
            }
            Input::LocalReplyHead(head) => {
                self.exchange.response_head(&head);
                Transaction::Forwarded(self)
            }
            Input::ResponseBody(bytes) => {
                self.exchange.response_body(bytes, context.clock);
                Transaction::Forwarded(self)
            }
            Input::Ended(end) => self.finish(end, context),
            Input::EditRefused => {
                let rejection = Rejection::Internal("the host refuses edits");
                Refusal::from(rejection).apply(context)
            }
            other => Transaction::Forwarded(self).unexpected(&other, context),
        }
    }

    /// The provider's name.
    pub(super) fn provider(&self) -> &str {
        self.exchange.provider()
    }

    /// Whether the rest of the request's body is of interest.
    pub(super) fn wants_request_body(&self) -> bool {
        self.exchange.wants_request_body()
    }

    /// Whether the rest of the response's body is of interest.
    pub(super) fn wants_response_body(&self) -> bool {
        self.exchange.wants_body()
    }

    /// Measures and logs the exchange.
    fn finish(self, end: End, context: &mut Context<'_>) -> Transaction {
        let now = context.now();
        let gateway = &mut *context.gateway;
        let entry = self.exchange.finish(end, &gateway.config, now);
        let labels = &mut gateway.labels;
        let model = entry.model_label(labels, context.shared_data);
        entry.measure(model, labels, &mut |measurement| {
            context.effects.push(Effect::Measure(measurement));
        });
        let model = labels.model_value(model);
        gateway.usage_totals.add(&entry, model);
        for other in &entry.other_models {
            let labels = &mut gateway.labels;
            let model = labels.model(Some(&other.model), &entry.provider, context.shared_data);
            entry.measure_other(other, model, labels, &mut |measurement| {
                context.effects.push(Effect::Measure(measurement));
            });
            let model = labels.model_value(model);
            gateway
                .usage_totals
                .add_other(&entry.provider, other, model);
        }
        let fields = log_fields(&entry, &gateway.config);
        context.effects.extend(fields);
        Transaction::Done
    }

    /// Removes what must not reach the client, points URLs to the gateway, and keeps browsers from
    /// running the response.
    fn edit_response(&self, head: &ResponseHead, context: &mut Context<'_>) {
        let config = &context.gateway.config;
        let answered = AnsweredRequest {
            provider: config.providers.get(self.exchange.provider()),
            prefix: &config.path_prefix,
            proxy_url: self.exchange.proxy_url(),
            upload: self.exchange.upload(),
        };
        let removed = &config.response_headers_to_remove;
        let mut edits = answered.edits(removed, head, context.now());
        let status = self.exchange.status(head);
        if status != head.status() {
            edits.set.push((":status", status.to_string().into()));
            edits.set.push((ERROR_HEADER, UPSTREAM_INVALID.into()));
            for name in UPGRADE_HEADERS {
                if head.first(name).is_some() {
                    edits.remove(name.as_bytes());
                }
            }
        }
        context
            .effects
            .push(Effect::RemoveResponseHeaders(edits.remove));
        if !edits.set.is_empty() {
            context.effects.push(Effect::SetResponseHeaders(edits.set));
        }
    }
}
