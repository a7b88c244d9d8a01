//! Where a request names its model, so that the model policy can be applied.
//!
//! A request that can make a provider generate must name a model. A path that is not known to
//! generate nothing is assumed to generate, so that no spelling of a path bypasses the policy.

use super::model_list::ModelListShape;
use super::operation::{MODEL, ModelPosition, RequestedOperation};
use super::path_pattern::PathPattern;
use crate::http::encoding::percent_decode;
use crate::http::head::RequestHead;
use crate::http::method_override::is_method_overridden;

/// Where a request names its model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelPlace {
    /// In its path or query: this model.
    Named(String),
    /// In this member of its body, which is JSON.
    Body(&'static str),
    /// Nowhere, although it should.
    Missing,
    /// Nowhere: it generates nothing.
    NotNeeded,
    /// It asks for the list of models.
    List(ModelListShape),
    /// It asks for one model of the list.
    One(ModelListShape, String),
}

impl RequestedOperation<'_> {
    /// Where a request for this operation names its model. The operator lets requests for
    /// `more_without_model` pass without one.
    pub fn model_place(
        &self,
        head: &RequestHead,
        query: Option<&[u8]>,
        more_without_model: &[PathPattern],
    ) -> ModelPlace {
        if let Some(model) = self.model_in_path() {
            let named = String::from_utf8(model).map(ModelPlace::Named);
            return named.unwrap_or(ModelPlace::Missing);
        }
        let position = self.match_.model_position();
        let is_overridden = is_method_overridden(head, query);
        if head.asks_for_upgrade() {
            // In other sessions each message may name a model of its own, which is not inspected, and
            // neither is what an upstream that ignores the upgrade reads as the body.
            let is_handshake = matches!(head.method(), b"GET" | b"CONNECT") && !is_overridden;
            let is_for_one_model = position == ModelPosition::Query && is_handshake;
            let query = query.filter(|_| is_for_one_model).unwrap_or_default();
            return model_in_query(query).map_or(ModelPlace::Missing, ModelPlace::Named);
        }
        if matches!(head.method(), b"GET" | b"HEAD") && !is_overridden {
            return self.requested_models().unwrap_or(ModelPlace::NotNeeded);
        }
        if matches!(head.method(), b"DELETE" | b"OPTIONS") && !is_overridden {
            return ModelPlace::NotNeeded;
        }
        if more_without_model.iter().any(|it| it.matches(self.native)) {
            return ModelPlace::NotNeeded;
        }
        match position {
            ModelPosition::NotNeeded => ModelPlace::NotNeeded,
            ModelPosition::Body(member) => ModelPlace::Body(member),
            ModelPosition::Path | ModelPosition::Query | ModelPosition::Unknown => {
                ModelPlace::Body(MODEL)
            }
        }
    }

    /// The models that a GET asks for: all for `models`, one for `models/<model>`.
    fn requested_models(&self) -> Option<ModelPlace> {
        let shape = self.model_list?;
        if matches!(self.below_api, b"models" | b"models/") {
            return Some(ModelPlace::List(shape));
        }
        let model = percent_decode(self.below_api.strip_prefix(b"models/")?);
        Some(match String::from_utf8(model) {
            Ok(model) => ModelPlace::One(shape, model),
            Err(_) => ModelPlace::Missing,
        })
    }
}

/// The model of a WebSocket session: the one that the query of its handshake names.
pub fn model_of_session(head: &RequestHead) -> Option<String> {
    head.first("upgrade")?;
    let mut target = head.path().splitn(2, |byte| *byte == b'?');
    model_in_query(target.nth(1)?)
}

/// The query's parameter `model`, if there is exactly one.
fn model_in_query(query: &[u8]) -> Option<String> {
    let mut models = query.split(|byte| *byte == b'&').filter_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let name = percent_decode(parts.next()?);
        (name.eq_ignore_ascii_case(b"model"))
            .then(|| percent_decode(parts.next().unwrap_or_default()))
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
            .operation(path.as_bytes())
            .model_place(&head, query, &[])
    }

    #[test]
    fn a_generating_request_names_its_model_where_the_operation_reads_it() {
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
    fn a_read_needs_no_model_and_may_ask_for_the_list() {
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
    fn a_websocket_handshake_names_the_model_in_the_query() {
        let place = |target: &str| {
            let head = head(&[(":method", "GET"), ("upgrade", "websocket")]);
            let (path, query) = target.split_once('?').unwrap();
            let profile = ProviderKind::OpenAi.profile();
            profile
                .operation(path.as_bytes())
                .model_place(&head, Some(query.as_bytes()), &[])
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
            assert_eq!(place(target), ModelPlace::Missing, "{target}");
        }
    }

    #[test]
    fn the_model_of_a_session_is_that_of_its_handshake() {
        let model = |target: &str, upgrade: &str| {
            model_of_session(&head(&[(":path", target), (upgrade, "websocket")]))
        };
        let realtime = "/llm/v1/providers/p/v1/realtime?x=?&model=m%2D1";
        assert_eq!(model(realtime, "upgrade").as_deref(), Some("m-1"));
        assert_eq!(model(realtime, "x"), None);
        assert_eq!(model("/llm/v1/providers/p/ws", "upgrade"), None);
    }

    #[test]
    fn only_a_websocket_handshake_may_name_the_model_in_the_query() {
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
            let place = profile
                .operation(b"v1/realtime")
                .model_place(&head(&headers), query, &[]);
            assert_eq!(place, ModelPlace::Missing, "{headers:?}");
        }
    }

    #[test]
    fn an_overridden_method_is_treated_as_a_post() {
        let profile = ProviderKind::OpenAi.profile();
        for (name, query) in [
            ("x-http-method-override", None),
            ("x_http_method_override", None),
            ("x", Some(b"a=b&$httpMethod=POST".as_slice())),
        ] {
            let head = head(&[(":method", "GET"), (name, "POST")]);
            let place = profile
                .operation(b"v1/chat/completions")
                .model_place(&head, query, &[]);
            assert_eq!(place, ModelPlace::Body("model"), "{name}");
        }
    }

    #[test]
    fn an_operator_can_exempt_paths() {
        let patterns =
            ["/batches", "audio/*", "x/**"].map(|text| PathPattern::parse(text).unwrap());
        let head = head(&[(":method", "POST")]);
        let profile = ProviderKind::OpenAi.profile();
        let passes = |path: &str| {
            let place = profile
                .operation(path.as_bytes())
                .model_place(&head, None, &patterns);
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
