//! Checks the models that a JSON request body names, while the body arrives.
//!
//! A request passes only if every JSON parser, strict or lenient, reads the same model from it, and
//! if every other model that the body can choose is allowed too: those of tools, of fallbacks and of
//! nested requests. So every member whose name says that it chooses a model is checked, wherever it
//! is, except inside texts, schemas and the like (`CONTENT`).
//!
//! A violation after the model is found when the beginning of the body has been forwarded, but its
//! end has not, and no API acts on half a document.

use std::fmt;

use super::catalog::{Allowed, ModelFault};
use crate::base::chunk::Chunk;
use crate::json::{Interest, Malformed, Scalar, Scanner, Strict, Visitor, as_leniently_read};

/// Members in which nothing chooses a model: what the model reads and writes, JSON schemas, and data
/// of the client.
const CONTENT: [&str; 30] = [
    "$defs",
    "content",
    "contents",
    "definitions",
    "document",
    "documents",
    "examples",
    "format",
    "input_schema",
    "inputSchema",
    "instructions",
    "json_schema",
    "labels",
    "metadata",
    "outputs",
    "parameter_definitions",
    "parameters",
    "parametersJsonSchema",
    "prompt",
    "promptVariables",
    "properties",
    "query",
    "requestMetadata",
    "response_format",
    "responseJsonSchema",
    "responseSchema",
    "schema",
    "system",
    "system_instruction",
    "systemInstruction",
];

/// Arrays of items of a conversation. An item may define tools, and the rest of it is content.
const ITEMS: [&str; 2] = ["input", "messages"];

/// How many levels below an array of items the members of an item are.
const ITEM_DEPTH: u32 = 2;

/// The member of an item that defines tools.
const TOOLS: &str = "tools";

/// Checks one body.
pub struct BodyCheck {
    scanner: Scanner<ModelField, Strict>,
    models: ModelMembers,
    /// The model must be named within so many bytes.
    limit: u64,
    size: u64,
}

/// Which model a body must name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequiredModel {
    /// The one in this member.
    Member(&'static str),
    /// None: the path names it, or nested requests do.
    Elsewhere,
}

/// Whether the model is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckProgress {
    /// Not yet.
    AwaitingModel,
    /// The model is known and allowed. The rest of the body must be checked as it passes.
    Named,
}

/// What a member that names models stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ModelField {
    /// The model that the body must name.
    Required,
    /// Another model. It must be a string.
    Another,
    /// Other models, if they are strings.
    Others,
}

/// Receives the names of members, and the values of those that name models.
struct ModelMembers {
    allowed: Allowed,
    required: RequiredModel,
    /// An optional prefix of the models.
    prefix: &'static str,
    model: Option<String>,
    /// Whether the required member has been seen.
    is_seen: bool,
    /// The level of the array of items that is being read; 0 outside of them.
    items: u32,
    /// The level of the tools of an item that are being read; 0 outside of them.
    tools: u32,
    /// The first violation.
    fault: Option<ModelFault>,
}

impl BodyCheck {
    /// A check of a body that names models with or without `prefix`, and the required one within
    /// the first `limit` bytes.
    pub fn new(
        allowed: Allowed,
        required: RequiredModel,
        prefix: &'static str,
        limit: u64,
    ) -> Self {
        Self {
            scanner: Scanner::strict(),
            models: ModelMembers {
                allowed,
                required,
                prefix,
                model: None,
                is_seen: false,
                items: 0,
                tools: 0,
                fault: None,
            },
            limit,
            size: 0,
        }
    }

    /// The model that the body must name, once it is known.
    pub fn model(&self) -> Option<&str> {
        self.models.model.as_deref()
    }

    /// Checks the next bytes.
    pub fn push(&mut self, chunk: Chunk<'_>) -> Result<CheckProgress, ModelFault> {
        let bytes = chunk.bytes();
        self.size = self.size.saturating_add(bytes.len() as u64);
        let scanned = self.scanner.feed(bytes, &mut self.models);
        if let Some(fault) = &self.models.fault {
            return Err(fault.clone());
        }
        scanned.map_err(|Malformed| self.models.not_json())?;
        if self.models.required == RequiredModel::Elsewhere {
            return Ok(CheckProgress::Named);
        }
        match self.models.model {
            Some(_) => Ok(CheckProgress::Named),
            None if self.scanner.is_at_end() => Err(self.models.missing()),
            None if chunk.is_last() && self.size == 0 => Err(self.models.missing()),
            None if chunk.is_last() => Err(self.models.not_json()),
            None if self.size > self.limit => Err(ModelFault::TooLate(self.limit)),
            None => Ok(CheckProgress::AwaitingModel),
        }
    }
}

impl Visitor<ModelField> for ModelMembers {
    fn member(&mut self, level: u32, name: &str) -> Interest<ModelField> {
        let seen = &*as_leniently_read(name);
        if let RequiredModel::Member(required) = self.required
            && level == 1
            && seen.eq_ignore_ascii_case(required)
        {
            if name != required || self.is_seen {
                self.refuse(ModelFault::Ambiguous(seen.to_owned()));
            }
            self.is_seen = true;
            return Interest::Value(ModelField::Required);
        }
        if level <= self.tools {
            self.tools = 0;
        }
        if level <= self.items {
            self.items = 0;
        }
        if self.items > 0 && self.tools == 0 {
            if level != self.items + ITEM_DEPTH || !seen.eq_ignore_ascii_case(TOOLS) {
                return Interest::Ignore;
            }
            self.tools = level;
            return Interest::Members;
        }
        if self.items == 0 && ITEMS.contains(&name) {
            self.items = level;
            return Interest::Members;
        }
        if CONTENT.contains(&name) || ITEMS.contains(&name) {
            return Interest::Ignore;
        }
        match model_name(seen) {
            Some(ModelName::Model) => Interest::Value(ModelField::Another),
            Some(ModelName::Models) => Interest::Values(ModelField::Others),
            None => Interest::Members,
        }
    }

    fn value(&mut self, field: ModelField, value: Scalar<'_>) {
        let text = match (field, value) {
            (_, Scalar::Text(text)) => text,
            (ModelField::Others, _) => return,
            (ModelField::Required | ModelField::Another, _) => {
                return self.refuse(self.missing());
            }
        };
        let model = text.strip_prefix(self.prefix).unwrap_or(text);
        if model.is_empty() {
            return self.refuse(self.missing());
        }
        match self.allowed.check(model) {
            Ok(()) if field == ModelField::Required => self.model = Some(model.to_owned()),
            Ok(()) => {}
            Err(fault) => self.refuse(fault),
        }
    }
}

/// How a member's name says that the member chooses models.
enum ModelName {
    /// It is the name of a model.
    Model,
    /// It is the name of several models, or of a model for a special purpose.
    Models,
}

/// Whether a name says that the member chooses models: `model`, `models`, `fallbacks` and `model_id`
/// in any case, also as the last word of a name, as in `judge_model` and `judgeModel`.
fn model_name(name: &str) -> Option<ModelName> {
    const WORDS: [&str; 6] = [
        "model",
        "models",
        "fallbacks",
        "model_id",
        "modelid",
        "model_name",
    ];
    if name.eq_ignore_ascii_case("model") {
        return Some(ModelName::Model);
    }
    let ends_with = |word: &str| {
        let split = name.len().checked_sub(word.len());
        let Some((before, last)) = split.and_then(|split| name.split_at_checked(split)) else {
            return false;
        };
        let begins_word = before.is_empty()
            || before.ends_with(['_', '-', '.'])
            || before.ends_with(|before: char| before.is_ascii_lowercase())
                && last.starts_with(|first: char| first.is_ascii_uppercase());
        begins_word && last.eq_ignore_ascii_case(word)
    };
    WORDS
        .into_iter()
        .any(ends_with)
        .then_some(ModelName::Models)
}

impl ModelMembers {
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
            .field("model", &self.models.model)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
