//! What is changed in the head of a provider's answer.

use super::{Effect, Request};
use crate::base::time::Clock;
use crate::forward::redirect::{LOCATION, Location, location};
use crate::forward::upload::{rewrite_upload_urls, starts_upload};
use crate::gateway::Shared;
use crate::http::head::ResponseHead;
use crate::http::route::proxy_url;
use crate::provider::Provider;
use crate::reply::ERROR_HEADER;
use crate::transaction::exchange::Exchange;

/// Of an answer that changes the protocol unasked, as the host's own word for answers that make no sense.
const UPSTREAM_INVALID: &str = "upstream_invalid";

/// What says that the protocol changes.
const UPGRADE_HEADERS: [&str; 2] = ["connection", "upgrade"];

/// Takes off what tells of the gateway's account, and leads uploads and redirects through the gateway.
pub(super) fn edits(
    exchange: &Exchange,
    head: &ResponseHead,
    shared: &Shared,
    clock: &dyn Clock,
) -> impl Iterator<Item = Effect> + use<> {
    let names = &shared.config.response_headers_to_remove;
    let present = names.iter().filter(|name| head.first(name).is_some());
    let mut removed: Vec<_> = present.cloned().collect();
    let mut set = Vec::new();
    if let Some(provider) = shared.config.providers.get(exchange.provider()) {
        if let Some(proxy_url) = exchange.uploads_through() {
            set = rewrite_upload_urls(provider, proxy_url, head, clock.now());
        }
        match location(provider, &shared.config.path_prefix, head) {
            Location::Rewrite(place) if !names.iter().any(|name| name == LOCATION) => {
                set.push((LOCATION, place));
            }
            Location::Remove => removed.push(LOCATION.to_owned()),
            Location::Rewrite(_) | Location::Keep => {}
        }
    }
    let status = exchange.status(head);
    if status != head.status() {
        set.push((":status", status.to_string()));
        set.push((ERROR_HEADER, UPSTREAM_INVALID.to_owned()));
        let present = UPGRADE_HEADERS
            .into_iter()
            .filter(|name| head.first(name).is_some());
        removed.extend(present.map(str::to_owned));
    }
    let edit = (!set.is_empty()).then_some(Effect::SetResponseHeaders(set));
    [Some(Effect::RemoveResponseHeaders(removed)), edit]
        .into_iter()
        .flatten()
}

impl Request<'_> {
    /// The proxy URL by which an upload goes on that this may begin.
    pub(super) fn uploads_through(&self, provider: &Provider, path: &[u8]) -> Option<String> {
        let prefix = &self.shared.config.path_prefix;
        starts_upload(provider, path).then(|| proxy_url(self.head, prefix, &provider.name))
    }
}
