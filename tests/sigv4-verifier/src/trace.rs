//! Captures the canonical request, which the signer reports only in a trace event.

use std::fmt::Debug;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Metadata, Subscriber, span};

/// Holds the last canonical request.
#[derive(Clone, Default)]
pub struct CanonicalRequests(Arc<Mutex<String>>);

impl CanonicalRequests {
    /// Installs it as the global trace subscriber.
    pub fn install() -> Result<Self, SetGlobalDefaultError> {
        let requests = Self::default();
        set_global_default(requests.clone())?;
        Ok(requests)
    }

    /// The last canonical request, or an empty string if there was none since the previous call.
    pub fn take(&self) -> String {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Visit for &CanonicalRequests {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "canonical_request" {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = format!("{value:?}");
        }
    }
}

impl Subscriber for CanonicalRequests {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("aws_sigv4")
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
