//! What the access log says about a request.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Context, Effect};
use crate::authn::jwt::Claims;
use crate::config::Config;
use crate::http::head::RequestHead;
use crate::provider::Provider;
use crate::telemetry::{AccessLogEntry, LogField, McpEntry};

/// A claim whose JSON is longer is not logged.
const MAX_LOGGED_CLAIM: usize = 1024;

/// No more bytes of a conversation's name are logged.
const MAX_CONVERSATION: usize = 256;

/// What is known about a request that the gateway answers itself.
#[derive(Clone, Default)]
pub(super) struct RequestLogContext {
    caller: Option<Rc<Claims>>,
    provider: Option<LoggedProvider>,
    mcp: Option<Box<McpEntry>>,
}

#[derive(Clone)]
struct LoggedProvider {
    name: String,
    /// The provider's kind, as the OpenTelemetry conventions call it.
    system: &'static str,
}

impl RequestLogContext {
    /// A caller, and the provider if the caller may know that it exists.
    pub(super) fn new(caller: Option<&Rc<Claims>>, provider: Option<&Provider>) -> Self {
        Self {
            caller: caller.cloned(),
            provider: provider.map(|provider| LoggedProvider {
                name: provider.name.clone(),
                system: provider.kind.profile().system,
            }),
            mcp: None,
        }
    }

    /// The caller and the provider of an entry that was to be completed after the response.
    pub(super) fn of_entry(caller: Option<&Rc<Claims>>, entry: &AccessLogEntry) -> Self {
        Self {
            caller: caller.cloned(),
            provider: Some(LoggedProvider {
                name: entry.provider.clone(),
                system: entry.system,
            }),
            mcp: entry.mcp.clone(),
        }
    }

    /// Writes the access log's fields.
    pub(super) fn log(self, context: &mut Context<'_>) {
        let config = &context.gateway.config;
        let mut entry = AccessLogEntry::default();
        if let Some(claims) = &self.caller {
            note_caller(&mut entry, claims, config);
        }
        if let Some(provider) = self.provider {
            entry.provider = provider.name;
            entry.system = provider.system;
        }
        entry.mcp = self.mcp;
        context.effects.extend(log_fields(&entry, config));
    }
}

/// The conversation's name, from the first of these headers that is present.
pub(super) fn conversation(headers: &[String], head: &RequestHead) -> Option<String> {
    let mut values = headers.iter().filter_map(|name| head.first(name));
    let value = values.find(|value| !value.is_empty())?;
    let value = value.get(..MAX_CONVERSATION).unwrap_or(value);
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The wanted fields of an entry.
pub(super) fn log_fields(
    entry: &AccessLogEntry,
    config: &Config,
) -> impl Iterator<Item = Effect> + use<> {
    let fields = entry.fields(config.observability.log_fields);
    fields
        .into_iter()
        .map(|(name, value)| Effect::Log(name, value))
}

/// Adds the caller to an entry, as far as the configuration wants it logged.
pub(super) fn note_caller(entry: &mut AccessLogEntry, claims: &Claims, config: &Config) {
    let wanted = config.observability.log_fields;
    if wanted.contains(LogField::Subject) {
        entry.subject.clone_from(&claims.subject);
    }
    if wanted.contains(LogField::Issuer) {
        let issuer = config.issuers().get(claims.issuer);
        entry.issuer = issuer.map(|issuer| issuer.issuer.clone());
    }
    let logged = config.observability.log_claims.iter();
    let logged: BTreeMap<_, _> = logged
        .filter_map(|name| Some((name, claims.value(name)?)))
        .filter(|(_, value)| value.to_string().len() <= MAX_LOGGED_CLAIM)
        .collect();
    if !logged.is_empty() {
        entry.claims = serde_json::to_string(&logged).ok();
    }
}
