//! What the gateway knows about the paths of an API: a table of operations, which is in the file of
//! each kind of provider.
//!
//! A path is looked up once per request. Metrics, usage and the model policy all use the result.

use super::Profile;
use super::model_list::ModelListShape;
use super::path_pattern::matches_pattern;
use crate::http::encoding::percent_decode;
use crate::usage::dialect::{ANY_SHAPE, Dialect};

/// The operation name in metrics if OpenTelemetry's conventions define none.
const OTHER: &str = "other";

/// The body member that names the model in nearly all APIs.
pub(super) const MODEL: &str = "model";

/// One operation of an API.
pub struct Operation {
    /// Its path, as in a [`PathPattern`](super::path_pattern::PathPattern): without the version and
    /// without the segment that names the model.
    path: &'static str,
    /// OpenTelemetry's `gen_ai.operation.name`.
    name: &'static str,
    /// How the response to a POST is metered.
    metering: Metering,
    /// Where a POST names the model.
    model: ModelPosition,
}

/// How the response to a POST is metered.
#[derive(Clone, Copy)]
pub enum Metering {
    /// It reports usage in this dialect. If it does not, its usage is unknown.
    Reported(&'static Dialect),
    /// It may report usage in this dialect. If it does not, there is none.
    IfReported(&'static Dialect),
    /// The work is done later, so its usage is unknown.
    Background,
    /// It has no usage, because the operation is free.
    None,
}

/// Where a request for an operation names the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelPosition {
    /// In a segment of the path, see [`ModelInPath`].
    Path,
    /// In this member of the JSON body. Azure's deployments take precedence.
    Body(&'static str),
    /// In the query of a WebSocket handshake.
    Query,
    /// Nowhere: the operation generates nothing.
    NotNeeded,
    /// Not known. The policy treats such an operation as unlisted.
    Unknown,
}

impl Operation {
    const fn new(path: &'static str, model: ModelPosition) -> Self {
        Self {
            path,
            name: OTHER,
            metering: match model {
                ModelPosition::NotNeeded => Metering::IfReported(&ANY_SHAPE),
                _ => Metering::Reported(&ANY_SHAPE),
            },
            model,
        }
    }

    /// An operation whose path names the model.
    pub(super) const fn with_model_in_path(path: &'static str) -> Self {
        Self::new(path, ModelPosition::Path)
    }

    /// An operation whose body names the model in its member `model`.
    pub(super) const fn with_model_in_body(path: &'static str) -> Self {
        Self::new(path, ModelPosition::Body(MODEL))
    }

    /// An operation whose body names the model in this member.
    pub(super) const fn with_model_in_member(path: &'static str, member: &'static str) -> Self {
        Self::new(path, ModelPosition::Body(member))
    }

    /// A WebSocket session whose handshake names the model in its query.
    pub(super) const fn with_model_in_query(path: &'static str) -> Self {
        Self::new(path, ModelPosition::Query)
    }

    /// An operation that generates nothing.
    pub(super) const fn without_model(path: &'static str) -> Self {
        Self::new(path, ModelPosition::NotNeeded)
    }

    /// An operation of which it is not known where a request names the model.
    pub(super) const fn with_unknown_model(path: &'static str) -> Self {
        Self::new(path, ModelPosition::Unknown)
    }

    /// With a name of OpenTelemetry's conventions.
    pub(super) const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// With a dialect in which responses report usage.
    pub(super) const fn metered(self, dialect: &'static Dialect) -> Self {
        Self {
            metering: Metering::Reported(dialect),
            ..self
        }
    }

    /// With a response that reports no usage, because the operation is free.
    pub(super) const fn unmetered(self) -> Self {
        Self {
            metering: Metering::None,
            ..self
        }
    }

    /// With a response that may report usage.
    pub(super) const fn metered_if_reported(self) -> Self {
        Self {
            metering: Metering::IfReported(&ANY_SHAPE),
            ..self
        }
    }

    /// With work that is done later.
    pub(super) const fn in_background(self) -> Self {
        Self {
            metering: Metering::Background,
            ..self
        }
    }
}

/// An API that a kind of provider serves.
pub struct Api {
    /// Its operations. The first one that matches is used.
    pub operations: &'static [&'static [Operation]],
    /// Which paths name a model.
    pub models_in_path: &'static [ModelInPath],
    /// How it lists its models, if it has such a list.
    pub model_list: Option<ModelListShape>,
}

/// A shape of paths that name a model, such as `model/<model>/converse`.
pub struct ModelInPath {
    /// What precedes the model, with a slash or colon at its end.
    pub before: &'static str,
    /// The byte after the model.
    pub separator: u8,
    /// What follows the separator.
    pub rest: RestOfPath,
    /// The part of the model's id that precedes the segment, such as `tunedModels/`.
    pub collection: &'static str,
}

/// What follows a model in a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestOfPath {
    /// The rest of the segment, which may be empty. The separator is required.
    OneSegment,
    /// Any number of segments. The path may also end with the model.
    Any,
}

/// A model in a path, as sent.
#[derive(Clone, Copy)]
struct PathModel<'a> {
    collection: &'static str,
    encoded: &'a [u8],
}

/// What is known of a requested path.
pub struct RequestedOperation<'a> {
    /// The client's path without its prefix (`PathRule::prefixes`) and version.
    pub(super) native: &'a [u8],
    /// `native` without the prefix of the API that was found (`Profile::prefixed_apis`).
    pub(super) below_api: &'a [u8],
    pub(super) match_: Match,
    pub(super) model_list: Option<ModelListShape>,
    model: Option<PathModel<'a>>,
}

/// How a path matches the table of operations.
#[derive(Clone, Copy)]
pub enum Match {
    /// It is the path of this operation.
    Exact(&'static Operation),
    /// It is another path, but ends with the path of this operation. That is enough to meter a
    /// request, but not to apply a policy.
    Ending(&'static Operation),
    /// It is not in the table.
    Unlisted,
}

impl Profile {
    /// Looks up the path that a client asks for.
    pub fn operation<'a>(&self, path: &'a [u8]) -> RequestedOperation<'a> {
        let native = self.paths.native_path(path);
        let prefixed = self
            .prefixed_apis
            .iter()
            .find_map(|(prefix, api)| Some((api, native.strip_prefix(prefix.as_bytes())?)));
        let (api, below_api) = prefixed.unwrap_or((&self.api, native));
        let found = api.models_in_path.iter().find_map(|it| it.find(below_api));
        let (model, rest) = match found {
            Some((model, rest)) => (Some(model), rest),
            None => (None, below_api),
        };
        RequestedOperation {
            native,
            below_api,
            match_: api.look_up(path, rest, model.is_some()),
            model_list: api.model_list,
            model,
        }
    }
}

impl Api {
    fn look_up(&self, path: &[u8], rest: &[u8], has_model: bool) -> Match {
        let mut operations = self.operations.iter().copied().flatten();
        let exact = operations.find(|it| {
            (has_model || it.model != ModelPosition::Path) && matches_pattern(it.path, rest)
        });
        if let Some(operation) = exact {
            return Match::Exact(operation);
        }
        let mut operations = self.operations.iter().copied().flatten();
        let ending = operations.find(|it| {
            !matches!(it.model, ModelPosition::NotNeeded | ModelPosition::Query)
                && path.ends_with(it.path.as_bytes())
        });
        ending.map_or(Match::Unlisted, Match::Ending)
    }
}

impl ModelInPath {
    /// The model, and what follows it.
    fn find<'a>(&self, path: &'a [u8]) -> Option<(PathModel<'a>, &'a [u8])> {
        let below = path.strip_prefix(self.before.as_bytes())?;
        let end = below.iter().position(|byte| *byte == self.separator);
        let (encoded, rest) = match (end, self.rest) {
            (Some(end), _) => (below.get(..end)?, below.get(end + 1..)?),
            (None, RestOfPath::Any) => (below, below.get(below.len()..)?),
            (None, RestOfPath::OneSegment) => return None,
        };
        let is_whole =
            self.rest == RestOfPath::Any || !encoded.contains(&b'/') && !rest.contains(&b'/');
        let collection = self.collection;
        is_whole.then_some((
            PathModel {
                collection,
                encoded,
            },
            rest,
        ))
    }
}

impl Match {
    /// The operation, as far as metering is concerned.
    const fn operation(self) -> Option<&'static Operation> {
        match self {
            Self::Exact(operation) | Self::Ending(operation) => Some(operation),
            Self::Unlisted => None,
        }
    }

    /// Where the model is, as far as the policy is concerned.
    pub(super) const fn model_position(self) -> ModelPosition {
        match self {
            Self::Exact(operation) => operation.model,
            Self::Ending(_) | Self::Unlisted => ModelPosition::Unknown,
        }
    }
}

impl RequestedOperation<'_> {
    /// OpenTelemetry's `gen_ai.operation.name`.
    pub fn name(&self) -> &'static str {
        self.match_.operation().map_or(OTHER, |it| it.name)
    }

    /// How the response to a POST is metered. That of an operation which is not known may have any
    /// known shape.
    pub fn metering(&self) -> Metering {
        let operation = self.match_.operation();
        operation.map_or(Metering::Reported(&ANY_SHAPE), |it| it.metering)
    }

    /// The dialect of an operation that is known to report usage.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        match self.match_.operation()?.metering {
            Metering::Reported(dialect) => Some(dialect),
            Metering::IfReported(_) | Metering::Background | Metering::None => None,
        }
    }

    /// The model that the path names, decoded.
    pub fn model_in_path(&self) -> Option<Vec<u8>> {
        let PathModel {
            collection,
            encoded,
        } = self.model?;
        let model = percent_decode(encoded);
        Some(match collection {
            "" => model,
            _ => [collection.as_bytes(), &model].concat(),
        })
    }

    /// Whether the body of a POST is known to name the model in its member `model`, or in a form's
    /// field of that name.
    pub fn names_model_in_body(&self) -> bool {
        let operation = self.match_.operation();
        self.model.is_none() && operation.is_some_and(|it| it.model == ModelPosition::Body(MODEL))
    }

    /// Whether the body of a POST may name the model although that is not known.
    pub fn may_name_model_in_body(&self) -> bool {
        self.model.is_none() && matches!(self.match_, Match::Unlisted)
    }
}

#[cfg(test)]
mod tests;
