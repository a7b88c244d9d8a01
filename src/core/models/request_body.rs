//! Checks the model that a JSON request body names, while the body arrives.
//!
//! A request passes only if every JSON parser, strict or lenient, reads the same model from it. So
//! these are refused: a second `model`, a name that some parsers take for `model` (another case, a
//! NUL in it), and a list of fallback models. They are refused wherever they are, also after the
//! model. By then the beginning of the body has been forwarded, but its end has not, and no API acts
//! on half a document.

use std::fmt;

use super::catalog::{Allowed, ModelFault};
use crate::base::chunk::Chunk;
use crate::json::{Malformed, Scalar, Scanner, Strict, Visitor};

/// Members that some servers read further models from.
const FALLBACKS: [&str; 2] = ["models", "fallbacks"];

/// Checks one body.
pub struct BodyCheck {
    scanner: Scanner<(), Strict>,
    model: ModelMember,
    /// The model must be named within so many bytes.
    limit: u64,
    size: u64,
}

/// Whether the model is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckProgress {
    /// Not yet.
    AwaitingModel,
    /// The model is known and allowed. The rest of the body must be checked as it passes.
    Named,
}

/// Receives the names of all members, and the value of the one that names the model.
struct ModelMember {
    allowed: Allowed,
    /// The name of the member.
    name: &'static str,
    /// An optional prefix of the model in it.
    prefix: &'static str,
    model: Option<String>,
    /// The first violation.
    fault: Option<ModelFault>,
}

impl BodyCheck {
    /// A check of a body in which `member` names the model, with or without `prefix`, within the
    /// first `limit` bytes.
    pub fn new(allowed: Allowed, member: &'static str, prefix: &'static str, limit: u64) -> Self {
        Self {
            scanner: Scanner::strict(),
            model: ModelMember {
                allowed,
                name: member,
                prefix,
                model: None,
                fault: None,
            },
            limit,
            size: 0,
        }
    }

    /// The model, once it is known.
    pub fn model(&self) -> Option<&str> {
        self.model.model.as_deref()
    }

    /// Checks the next bytes.
    pub fn push(&mut self, chunk: Chunk<'_>) -> Result<CheckProgress, ModelFault> {
        let bytes = chunk.bytes();
        self.size = self.size.saturating_add(bytes.len() as u64);
        let scanned = self.scanner.feed(bytes, &mut self.model);
        if let Some(fault) = &self.model.fault {
            return Err(fault.clone());
        }
        scanned.map_err(|Malformed| self.model.not_json())?;
        match self.model.model {
            Some(_) => Ok(CheckProgress::Named),
            None if self.scanner.is_at_end() => Err(self.model.missing()),
            None if chunk.is_last() && self.size == 0 => Err(self.model.missing()),
            None if chunk.is_last() => Err(self.model.not_json()),
            None if self.size > self.limit => Err(ModelFault::TooLate(self.limit)),
            None => Ok(CheckProgress::AwaitingModel),
        }
    }
}

impl Visitor<()> for ModelMember {
    fn member(&mut self, name: &str) -> Option<()> {
        // Parsers in C end a name at a NUL, others ignore case.
        let seen = name.split('\0').next().unwrap_or_default();
        let resembles = |other: &&str| seen.eq_ignore_ascii_case(other);
        let is_model = resembles(&self.name);
        let is_ambiguous = FALLBACKS.iter().any(resembles)
            || (is_model && (name != self.name || self.model.is_some()));
        if is_ambiguous {
            self.refuse(ModelFault::Ambiguous(seen.to_owned()));
        }
        is_model.then_some(())
    }

    fn value(&mut self, (): (), value: Scalar<'_>) {
        let Scalar::Text(text) = value else {
            return self.refuse(self.missing());
        };
        let model = text.strip_prefix(self.prefix).unwrap_or(text);
        if model.is_empty() {
            return self.refuse(self.missing());
        }
        match self.allowed.check(model) {
            Ok(()) => self.model = Some(model.to_owned()),
            Err(fault) => self.refuse(fault),
        }
    }
}

impl ModelMember {
    fn refuse(&mut self, fault: ModelFault) {
        self.fault.get_or_insert(fault);
    }

    fn missing(&self) -> ModelFault {
        ModelFault::Missing(self.allowed.provider().to_owned())
    }

    fn not_json(&self) -> ModelFault {
        ModelFault::NotJson(self.allowed.provider().to_owned())
    }
}

impl fmt::Debug for BodyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCheck")
            .field("size", &self.size)
            .field("model", &self.model.model)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
