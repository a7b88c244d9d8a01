//! Where a request names its model, so that it can be held to a catalog.
//!
//! Whatever can make a provider generate must name one: a path that is not known to need none is
//! taken to need one. So no spelling of a path gets around the catalog.

use super::Profile;
use super::upstream_path::native_path;
use crate::http::encoding::percent_decoded;
use crate::http::head::RequestHead;
use crate::http::method_override::is_method_overridden;

/// Where a request names its model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelPlace {
    /// In its path or query: this one.
    Named(String),
    /// In its body, which is JSON, by this member.
    Body(&'static str),
    /// It should, and does not.
    AwaitingModel,
    /// It generates nothing.
    NotNeeded,
    /// It asks for the models that there are.
    List(ModelListShape),
    /// It asks for one of them.
    One(ModelListShape, String),
}

/// How a kind of provider tells of its models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelListShape {
    /// `{"object": "list", "data": […]}`.
    Objects,
    /// `{"data": […], "has_more": false}`.
    Pages,
    /// `{"models": […]}`.
    Resources,
}

/// Paths, without their version, by segments: `*` is any one, a last `**` one or more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathPattern(String);

impl Profile {
    /// Where a request to this kind of provider names its model. `more_without_model` are paths that
    /// the operator lets pass.
    pub fn model_place(
        &self,
        head: &RequestHead,
        path: &[u8],
        query: Option<&[u8]>,
        more_without_model: &[PathPattern],
    ) -> ModelPlace {
        if let Some(model) = (self.model_in_path)(path) {
            let named = String::from_utf8(model).map(ModelPlace::Named);
            return named.unwrap_or(ModelPlace::AwaitingModel);
        }
        let native = native_path(self, path);
        let is_overridden = is_method_overridden(head, query);
        if head.asks_for_upgrade() {
            // Elsewhere each message may name a model of its own; and what the upstream takes for
            // a body would go unseen.
            let is_asked_for = matches!(head.method(), b"GET" | b"CONNECT") && !is_overridden;
            let is_settled = native == b"realtime" && is_asked_for;
            let query = query.filter(|_| is_settled).unwrap_or_default();
            return model_in_query(query).map_or(ModelPlace::AwaitingModel, ModelPlace::Named);
        }
        if matches!(head.method(), b"GET" | b"HEAD") && !is_overridden {
            return (self.model_list)(native).unwrap_or(ModelPlace::NotNeeded);
        }
        if matches!(head.method(), b"DELETE" | b"OPTIONS") && !is_overridden {
            return ModelPlace::NotNeeded;
        }
        let built_in = self.paths_without_model.iter().copied();
        let mut without_model = built_in.chain(more_without_model.iter().map(|it| it.0.as_str()));
        if without_model.any(|pattern| fits(pattern, native)) {
            return ModelPlace::NotNeeded;
        }
        ModelPlace::Body((self.model_member)(native))
    }
}

impl PathPattern {
    /// A pattern; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let mut segments = text.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_wildcard = segment == "*" || (segment == "**" && segments.peek().is_none());
            let is_plain = !segment.is_empty() && segment.bytes().all(is_plain);
            if !is_wildcard && !is_plain {
                return None;
            }
        }
        Some(Self(text.to_owned()))
    }
}

/// The model that a path `models/<model>` asks about.
pub(super) fn one_of_models(native: &[u8], shape: ModelListShape) -> Option<ModelPlace> {
    if native == b"models" || native == b"models/" {
        return Some(ModelPlace::List(shape));
    }
    let model = percent_decoded(native.strip_prefix(b"models/")?);
    Some(match String::from_utf8(model) {
        Ok(model) => ModelPlace::One(shape, model),
        Err(_) => ModelPlace::AwaitingModel,
    })
}

/// Whether a path is one of a pattern. Anything that a server could read as another path is not.
fn fits(pattern: &str, path: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/');
    for wanted in pattern.split('/') {
        if wanted == "**" {
            let mut rest = segments.peekable();
            return rest.peek().is_some() && rest.all(is_plain_segment);
        }
        match segments.next() {
            Some(segment) if wanted == "*" && is_plain_segment(segment) => {}
            Some(segment) if segment == wanted.as_bytes() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

fn is_plain_segment(segment: &[u8]) -> bool {
    !segment.is_empty() && segment.iter().copied().all(is_plain)
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'=' | b'@')
}

/// The model of a session: the one that the query of a WebSocket's handshake names.
pub fn model_of_session(head: &RequestHead) -> Option<String> {
    head.first("upgrade")?;
    let mut target = head.path().splitn(2, |byte| *byte == b'?');
    model_in_query(target.nth(1)?)
}

/// The query's parameter `model`, if there is exactly one.
fn model_in_query(query: &[u8]) -> Option<String> {
    let mut models = query.split(|byte| *byte == b'&').filter_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let name = percent_decoded(parts.next()?);
        (name.eq_ignore_ascii_case(b"model"))
            .then(|| percent_decoded(parts.next().unwrap_or_default()))
    });
    let model = models.next()?;
    match models.next() {
        None => String::from_utf8(model)
            .ok()
            .filter(|model| !model.is_empty()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider_kind::ProviderKind;
    use crate::testing::head;

    fn place(kind: ProviderKind, method: &str, target: &str) -> ModelPlace {
        let head = head(&[(":method", method)]);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = Some(query.as_bytes());
        kind.profile()
            .model_place(&head, path.as_bytes(), query, &[])
    }

    #[test]
    fn what_generates_names_its_model_in_its_place() {
        use ProviderKind::*;
        let body = || ModelPlace::Body("model");
        let named = |model: &str| ModelPlace::Named(model.to_owned());
        for (kind, target, expected) in [
            (OpenAi, "v1/chat/completions", body()),
            (OpenAi, "chat/completions", body()),
            (OpenAi, "v1/responses", body()),
            (OpenAi, "v1/batches", body()),
            (OpenAi, "v1/no/such/thing", body()),
            (OpenAi, "v1/files/../chat", body()),
            (OpenAi, "v1/files%2Fx", body()),
            (OpenAi, "v1//files", body()),
            (OpenAi, "v1/responses/r/cancel", ModelPlace::NotNeeded),
            (OpenAi, "v1/responses/r%2Fx/cancel", body()),
            (OpenAi, "v1/files", ModelPlace::NotNeeded),
            (OpenAi, "files", ModelPlace::NotNeeded),
            (OpenAi, "v1/vector_stores/v/search", ModelPlace::NotNeeded),
            (OpenAi, "deployments/m%2D1/chat/completions", named("m-1")),
            (OpenAiCompatible, "v1/rerank", body()),
            (Anthropic, "v1/messages", body()),
            (Anthropic, "v1/messages/batches", body()),
            (
                Anthropic,
                "v1/messages/batches/b/cancel",
                ModelPlace::NotNeeded,
            ),
            (Google, "v1beta/models/g-1:generateContent", named("g-1")),
            (Google, "models/g%2D1:streamGenerateContent", named("g-1")),
            (
                Google,
                "v1beta/tunedModels/t:generateContent",
                named("tunedModels/t"),
            ),
            (Google, "v1beta/models/x/models/g-1:generateContent", body()),
            (Google, "v1beta/models/g-1%3AgenerateContent", body()),
            (Google, "v1beta/openai/chat/completions", body()),
            (Google, "v1beta/cachedContents", body()),
            (Google, "upload/v1beta/files", ModelPlace::NotNeeded),
            (Bedrock, "model/a.b-v1%3A0/converse", named("a.b-v1:0")),
            (Bedrock, "model/a/b/converse", body()),
            (Bedrock, "openai/v1/chat/completions", body()),
            (Bedrock, "async-invoke", ModelPlace::Body("modelId")),
            (BedrockMantle, "openai/v1/responses", body()),
            (BedrockMantle, "anthropic/v1/messages", body()),
            (BedrockMantle, "v1/messages/count_tokens", body()),
            (
                Bedrock,
                "guardrail/g/version/1/apply",
                ModelPlace::NotNeeded,
            ),
        ] {
            assert_eq!(place(kind, "POST", target), expected, "{kind} {target}");
        }
    }

    #[test]
    fn reading_needs_no_model_and_the_list_is_the_catalogs() {
        use ProviderKind::*;
        let one = |shape| ModelPlace::One(shape, "x/y".to_owned());
        for (kind, target, expected) in [
            (OpenAi, "v1/files/f", ModelPlace::NotNeeded),
            (
                OpenAi,
                "v1/models",
                ModelPlace::List(ModelListShape::Objects),
            ),
            (OpenAi, "models/x/y", one(ModelListShape::Objects)),
            (
                Anthropic,
                "v1/models",
                ModelPlace::List(ModelListShape::Pages),
            ),
            (Anthropic, "v1/models/x%2Fy", one(ModelListShape::Pages)),
            (
                Google,
                "v1beta/models",
                ModelPlace::List(ModelListShape::Resources),
            ),
            (
                Google,
                "v1beta/models/x%2Fy",
                one(ModelListShape::Resources),
            ),
            (
                Google,
                "v1beta/openai/models",
                ModelPlace::List(ModelListShape::Objects),
            ),
            (Bedrock, "v1/models", ModelPlace::NotNeeded),
        ] {
            assert_eq!(place(kind, "GET", target), expected, "{kind} {target}");
        }
        assert_eq!(place(OpenAi, "DELETE", "v1/files/f"), ModelPlace::NotNeeded);
    }

    #[test]
    fn an_upgraded_connection_names_its_model_in_the_query() {
        let place = |target: &str| {
            let head = head(&[(":method", "GET"), ("upgrade", "websocket")]);
            let (path, query) = target.split_once('?').unwrap();
            let profile = ProviderKind::OpenAi.profile();
            profile.model_place(&head, path.as_bytes(), Some(query.as_bytes()), &[])
        };
        assert_eq!(
            place("v1/realtime?model=m%2D1"),
            ModelPlace::Named("m-1".into())
        );
        for target in [
            "v1/realtime?",
            "v1/realtime?model=a&mode%6C=b",
            "v1/responses?x=1",
            "v1/responses?model=a",
            "v1/chat/completions?model=a",
        ] {
            assert_eq!(place(target), ModelPlace::AwaitingModel, "{target}");
        }
    }

    #[test]
    fn a_session_has_the_model_of_its_handshake() {
        let model = |target: &str, upgrade: &str| {
            model_of_session(&head(&[(":path", target), (upgrade, "websocket")]))
        };
        let realtime = "/llm/v1/providers/p/v1/realtime?x=?&model=m%2D1";
        assert_eq!(model(realtime, "upgrade").as_deref(), Some("m-1"));
        assert_eq!(model(realtime, "x"), None);
        assert_eq!(model("/llm/v1/providers/p/ws", "upgrade"), None);
    }

    #[test]
    fn what_only_says_that_it_is_an_upgrade_names_no_model_in_the_query() {
        for headers in [
            [(":method", "POST"), ("upgrade", "websocket"), ("x", "x")],
            [
                (":method", "GET"),
                ("upgrade", "websocket"),
                ("x-http-method-override", "POST"),
            ],
        ] {
            let profile = ProviderKind::OpenAi.profile();
            let query = Some(b"model=a".as_slice());
            let place = profile.model_place(&head(&headers), b"v1/realtime", query, &[]);
            assert_eq!(place, ModelPlace::AwaitingModel, "{headers:?}");
        }
    }

    #[test]
    fn a_method_in_another_place_is_not_believed_to_be_harmless() {
        let profile = ProviderKind::OpenAi.profile();
        for (name, query) in [
            ("x-http-method-override", None),
            ("x_http_method_override", None),
            ("x", Some(b"a=b&$httpMethod=POST".as_slice())),
        ] {
            let head = head(&[(":method", "GET"), (name, "POST")]);
            let place = profile.model_place(&head, b"v1/chat/completions", query, &[]);
            assert_eq!(place, ModelPlace::Body("model"), "{name}");
        }
    }

    #[test]
    fn an_operator_can_let_more_paths_pass() {
        let patterns =
            ["/batches", "audio/*", "x/**"].map(|text| PathPattern::parse(text).unwrap());
        let head = head(&[(":method", "POST")]);
        let profile = ProviderKind::OpenAi.profile();
        let passes = |path: &str| {
            let place = profile.model_place(&head, path.as_bytes(), None, &patterns);
            place == ModelPlace::NotNeeded
        };
        for path in ["v1/batches", "audio/speech", "v1/x/y/z"] {
            assert!(passes(path), "{path}");
        }
        for path in [
            "v1/batches/x",
            "v1/audio",
            "v1/audio/a/b",
            "v1/x",
            "v1/x/",
            "v1/x/%79",
        ] {
            assert!(!passes(path), "{path}");
        }
        for wrong in [
            "", "/", "a//b", "**/a", "a/", "a/b*", "%61", "a?b", "../a b",
        ] {
            assert_eq!(PathPattern::parse(wrong), None, "{wrong}");
        }
    }
}
