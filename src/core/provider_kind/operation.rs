//! What the gateway knows about the paths of an API: a table of operations, which is in the file of
//! each kind of provider.
//!
//! A path is looked up once per request, in its normal form (see [`spelling`]). Metrics, usage and
//! the policy all use the result. What is forwarded is the path as sent.

mod spelling;

use std::borrow::Cow;

use super::Profile;
use super::model_list::ModelListShape;
use crate::http::encoding::percent_decode;
use crate::http::path_pattern::{PathPattern, PathRules, is_plain, matches_pattern};
use crate::usage::dialect::{ANY_SHAPE, Dialect};
use spelling::{has_escape, lenient_form, normal_form};

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
    body: BodyFormat,
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

/// The format of the body of a POST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFormat {
    /// JSON, in which members may name further models.
    Json,
    /// JSON or a form.
    JsonOrForm,
    /// A stream of events, which names no models. The server answers while it arrives.
    Events,
}

/// Where a request for an operation names the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelPosition {
    /// In a segment of the path, see [`ModelInPath`].
    Path,
    /// In this member of the JSON body. Azure's deployments take precedence.
    Body(&'static str),
    /// In each of the requests that the JSON body contains.
    NestedRequests,
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
            body: BodyFormat::Json,
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

    /// An operation whose body contains requests that each name a model.
    pub(super) const fn with_nested_requests(path: &'static str) -> Self {
        Self::new(path, ModelPosition::NestedRequests)
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

    /// With a body that has another format than JSON.
    pub(super) const fn with_body(self, body: BodyFormat) -> Self {
        Self { body, ..self }
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

/// What is known of a requested path.
pub struct RequestedOperation<'a> {
    /// The path in its normal form, without its prefix (`PathRule::prefixes`) and version.
    native: Cow<'a, [u8]>,
    /// Where in `native` the prefix of the API that was found ends (`Profile::prefixed_apis`).
    api_prefix: usize,
    pub(super) match_: Match,
    pub(super) model_list: Option<ModelListShape>,
    model: Option<PathModel>,
}

/// A model in a path.
struct PathModel {
    /// The model, decoded.
    name: Vec<u8>,
    /// Where the segment with it is in `RequestedOperation::native`.
    start: usize,
    end: usize,
}

/// How a path matches the table of operations.
#[derive(Clone, Copy)]
pub enum Match {
    /// It is the path of this operation.
    Exact(&'static Operation),
    /// It is another path, but ends with the path of this operation, or could be read as it. That is
    /// enough to meter a request, but not to apply a policy.
    Ending(&'static Operation),
    /// It is not in the table.
    Unlisted,
}

impl Profile {
    /// Looks up the path that a client asks for.
    pub fn operation<'a>(&self, path: &'a [u8]) -> RequestedOperation<'a> {
        let native = match normal_form(path) {
            Cow::Borrowed(path) => Cow::Borrowed(self.paths.native_path(path)),
            Cow::Owned(path) => Cow::Owned(self.paths.native_path(&path).to_vec()),
        };
        let (api, api_prefix) = self.api_of(&native);
        let below = native.get(api_prefix..).unwrap_or_default();
        let (model, match_) = api.look_up(below);
        let match_ = match match_ {
            Match::Unlisted => lenient_form(&native).map_or(match_, |native| {
                let (api, prefix) = self.api_of(&native);
                let (_, match_) = api.look_up(native.get(prefix..).unwrap_or_default());
                match_.for_metering()
            }),
            found => found,
        };
        RequestedOperation {
            api_prefix,
            match_,
            model_list: api.model_list,
            model: model.map(|model| model.moved(api_prefix)),
            native,
        }
    }

    /// The API that serves a native path, and the length of the API's prefix.
    fn api_of(&self, native: &[u8]) -> (&Api, usize) {
        let prefixed = self.prefixed_apis.iter().find(|(prefix, _)| {
            let start = native.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        });
        prefixed.map_or((&self.api, 0), |(prefix, api)| (api, prefix.len()))
    }
}

impl Api {
    /// The model that a path names, and the operation that it asks for.
    fn look_up(&self, path: &[u8]) -> (Option<PathModel>, Match) {
        let found = self.models_in_path.iter().find_map(|it| it.find(path));
        let (model, rest) = found.map_or((None, path), |(model, rest)| (Some(model), rest));
        let has_model = model.is_some();
        let mut operations = self.operations.iter().copied().flatten();
        let exact = operations.find(|it| {
            (has_model || it.model != ModelPosition::Path) && matches_pattern(it.path, rest)
        });
        if let Some(operation) = exact {
            return (model, Match::Exact(operation));
        }
        let mut operations = self.operations.iter().copied().flatten();
        let ending = operations.find(|it| {
            !matches!(it.model, ModelPosition::NotNeeded | ModelPosition::Query)
                && ends_with_path(path, it.path.as_bytes())
        });
        (model, ending.map_or(Match::Unlisted, Match::Ending))
    }
}

/// Whether the last words of a path are these.
fn ends_with_path(path: &[u8], end: &[u8]) -> bool {
    let split = path.len().checked_sub(end.len());
    let parts = split.and_then(|split| path.split_at_checked(split));
    parts.is_some_and(|(before, rest)| {
        rest.eq_ignore_ascii_case(end)
            && before
                .last()
                .is_none_or(|byte| !byte.is_ascii_alphanumeric())
    })
}

impl ModelInPath {
    /// The model, and what follows it. `None` if a server could find another model in the path.
    fn find<'a>(&self, path: &'a [u8]) -> Option<(PathModel, &'a [u8])> {
        let start = self.before.len();
        let (before, below) = path.split_at_checked(start)?;
        if !before.eq_ignore_ascii_case(self.before.as_bytes()) {
            return None;
        }
        let separator = below.iter().position(|byte| *byte == self.separator);
        let (encoded, rest) = match (separator, self.rest) {
            (Some(end), _) => (below.get(..end)?, below.get(end + 1..)?),
            (None, RestOfPath::Any) => (below, below.get(below.len()..)?),
            (None, RestOfPath::OneSegment) => return None,
        };
        let model = percent_decode(encoded);
        let is_whole = match self.rest {
            RestOfPath::Any => !model.contains(&b'/'),
            RestOfPath::OneSegment => !encoded.contains(&b'/') && !rest.contains(&b'/'),
        };
        let is_separator = |byte: &u8| matches!(byte, b';' | b'\\' | b'?' | b'#');
        if !is_whole || has_escape(&model) || model.iter().any(is_separator) {
            return None;
        }
        let name = match self.collection {
            "" => model,
            collection => [collection.as_bytes(), &model].concat(),
        };
        let end = start + encoded.len();
        Some((PathModel { name, start, end }, rest))
    }
}

impl PathModel {
    /// The same model in a path that begins with so many other bytes.
    fn moved(self, offset: usize) -> Self {
        Self {
            start: self.start + offset,
            end: self.end + offset,
            ..self
        }
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

    /// The match of a path that only some servers would read as the operation's.
    const fn for_metering(self) -> Self {
        match self {
            Self::Exact(operation) | Self::Ending(operation) => Self::Ending(operation),
            Self::Unlisted => Self::Unlisted,
        }
    }

    /// Where the model is, as far as the policy is concerned.
    pub(super) const fn model_position(self) -> ModelPosition {
        match self {
            Self::Exact(operation) => operation.model,
            Self::Ending(_) | Self::Unlisted => ModelPosition::Unknown,
        }
    }

    /// The format of the body, as far as the policy is concerned.
    pub(super) const fn body(self) -> BodyFormat {
        match self {
            Self::Exact(operation) => operation.body,
            Self::Ending(_) | Self::Unlisted => BodyFormat::Json,
        }
    }
}

impl RequestedOperation<'_> {
    /// Whether the path is in the table. If it is not, the response can report usage in any dialect,
    /// also where an operation with a similar path reports none.
    pub const fn is_listed(&self) -> bool {
        matches!(self.match_, Match::Exact(_))
    }

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

    /// The format of the request's body, as far as it is known.
    pub fn body_format(&self) -> BodyFormat {
        let operation = self.match_.operation();
        operation.map_or(BodyFormat::Json, |it| it.body)
    }

    /// The model that the path names, decoded.
    pub fn model_in_path(&self) -> Option<&[u8]> {
        self.model.as_ref().map(|model| model.name.as_slice())
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

    /// The path in its normal form, without the prefix of its API.
    pub(super) fn below_api(&self) -> &[u8] {
        self.native.get(self.api_prefix..).unwrap_or_default()
    }

    /// Whether rules permit the path. A path that servers could read differently is not permitted.
    pub fn is_permitted_by(&self, rules: &PathRules) -> bool {
        rules.is_empty() || self.is_unambiguous() && rules.permit(|pattern| self.matches(pattern))
    }

    /// Whether a pattern matches the path, with or without the prefix of its API.
    pub(super) fn matches(&self, pattern: &PathPattern) -> bool {
        let path = self.path_for_patterns();
        pattern.matches(&path)
            || self.api_prefix > 0
                && path
                    .get(self.api_prefix..)
                    .is_some_and(|below| pattern.matches(below))
    }

    /// Whether the path has a normal form that all servers read alike.
    fn is_unambiguous(&self) -> bool {
        let is_known = |byte: &u8| is_plain(*byte) || *byte == b'/';
        self.path_for_patterns().iter().all(is_known)
    }

    /// The normal form. A model that has escapes in it is replaced, since wildcards match only plain
    /// segments.
    fn path_for_patterns(&self) -> Cow<'_, [u8]> {
        let Some(model) = &self.model else {
            return Cow::Borrowed(&self.native);
        };
        let native = &self.native;
        let (Some(before), Some(encoded), Some(after)) = (
            native.get(..model.start),
            native.get(model.start..model.end),
            native.get(model.end..),
        ) else {
            return Cow::Borrowed(native);
        };
        if encoded.iter().copied().all(is_plain) {
            return Cow::Borrowed(native);
        }
        Cow::Owned([before, b"_", after].concat())
    }
}

#[cfg(test)]
mod tests;
