//! What is changed in the head of a provider's answer.

use super::{Effect, Request};
use crate::exchange::Exchange;
use crate::head::ResponseHead;
use crate::provider::Provider;
use crate::shared::Shared;
use crate::time::Clock;
use crate::upload::{begun, links};

/// Takes off what tells of the gateway's account, and leads uploads through the gateway.
pub(super) fn edits(
    exchange: &Exchange,
    head: &ResponseHead,
    shared: &Shared,
    clock: &dyn Clock,
) -> impl Iterator<Item = Effect> + use<> {
    let names = &shared.config.response_headers_to_remove;
    let present = names.iter().filter(|name| head.first(name).is_some());
    let removal = Effect::RemoveResponseHeaders(present.cloned().collect());
    let provider = shared.config.providers.get(exchange.provider());
    let links = exchange
        .uploads_through()
        .zip(provider)
        .map(|(proxy_url, provider)| links(provider, proxy_url, head, clock.now()))
        .filter(|links| !links.is_empty());
    [Some(removal), links.map(Effect::SetResponseHeaders)]
        .into_iter()
        .flatten()
}

impl Request<'_> {
    /// The proxy URL by which an upload goes on that this may begin.
    pub(super) fn uploads_through(&self, provider: &Provider, path: &[u8]) -> Option<String> {
        begun(provider, path, self.head, &self.shared.config.path_prefix)
    }
}
