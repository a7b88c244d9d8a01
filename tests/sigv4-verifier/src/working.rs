//! How the signer came to its result: it tells in a trace event, and nowhere else.

use std::fmt::Debug;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Metadata, Subscriber, span};

/// The last canonical request.
#[derive(Clone, Default)]
pub struct Working(Arc<Mutex<String>>);

impl Working {
    /// Listens from now on.
    pub fn install() -> Result<Self, SetGlobalDefaultError> {
        let working = Self::default();
        set_global_default(working.clone())?;
        Ok(working)
    }

    /// Empty if there was none since the last call.
    pub fn take_canonical_request(&self) -> String {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Visit for &Working {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "canonical_request" {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = format!("{value:?}");
        }
    }
}

impl Subscriber for Working {
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
