//! Where a request names its model, so that the model policy can be applied.
//!
//! A request that can make a provider generate must name a model where its operation reads it. An
//! operation that is not in the table of its kind is refused, because nobody knows where it names a
//! model. Requests that only read or delete pass: no API generates for a GET, except in sessions.

use super::model_list::ModelListShape;
use super::operation::{BodyFormat, ModelPosition, RequestedOperation};
use crate::http::encoding::percent_decode;
use crate::http::head::RequestHead;
use crate::http::method_override::is_method_overridden;
use crate::http::path_pattern::PathPattern;

/// Where a request names its model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelPlace {
    /// In its path or query: this model, and no other.
    Named(String),
    /// In its path: this model. Its body, which is JSON, may name others.
    NamedWithBody(String),
    /// In this member of its body, which is JSON.
    Body(&'static str),
    /// In the requests that its body contains, which is JSON.
    NestedRequests,
    /// Nowhere, although it should.
    Missing,
    /// Nowhere: it generates nothing.
    NotNeeded,
    /// Nowhere: it generates nothing as far as is known. A server that knows the path in another
    /// sense may read a model from the body.
    Optional,
    /// It asks for the list of models.
    List(ModelListShape),
    /// It asks for one model of the list.
    One(ModelListShape, String),
    /// It is not known where such a request names its model.
    Unlisted,
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
        let position = self.match_.model_position();
        let is_overridden = is_method_overridden(head, query);
        let reads = matches!(head.method(), b"GET" | b"HEAD") && !is_overridden;
        if head.asks_for_upgrade() {
            // In other sessions each message may name a model of its own, which is not inspected,
            // and neither is what an upstream that ignores the upgrade reads as the body.
            let is_handshake = matches!(head.method(), b"GET" | b"CONNECT") && !is_overridden;
            let is_for_one_model =
                position == ModelPosition::Query && self.model_in_path().is_none() && is_handshake;
            let query = query.filter(|_| is_for_one_model).unwrap_or_default();
            return model_of_query(query).map_or(ModelPlace::Missing, ModelPlace::Named);
        }
        if let Some(model) = self.model_in_path() {
            let Ok(model) = String::from_utf8(model.to_vec()) else {
                return ModelPlace::Missing;
            };
            return match position {
                _ if reads => ModelPlace::Named(model),
                ModelPosition::NotNeeded => ModelPlace::Named(model),
                // Azure serves operations that name the model in the body below deployments too.
                ModelPosition::Path | ModelPosition::Body(_) => match self.match_.body() {
                    BodyFormat::Events => ModelPlace::Named(model),
                    BodyFormat::JsonOrForm if has_form(head) => ModelPlace::Named(model),
                    BodyFormat::Json | BodyFormat::JsonOrForm => ModelPlace::NamedWithBody(model),
                },
                _ if self.is_exempt(more_without_model) => ModelPlace::Named(model),
                _ => ModelPlace::Unlisted,
            };
        }
        if reads {
            return self.requested_models().unwrap_or(ModelPlace::NotNeeded);
        }
        if matches!(head.method(), b"DELETE" | b"OPTIONS") && !is_overridden {
            return match self.requested_models() {
                Some(ModelPlace::One(_, model)) => ModelPlace::Named(model),
                _ => ModelPlace::NotNeeded,
            };
        }
        if self.is_exempt(more_without_model) {
            return ModelPlace::NotNeeded;
        }
        match position {
            ModelPosition::NotNeeded if has_form(head) => ModelPlace::NotNeeded,
            ModelPosition::NotNeeded => ModelPlace::Optional,
            ModelPosition::Body(member) => ModelPlace::Body(member),
            ModelPosition::NestedRequests => ModelPlace::NestedRequests,
            ModelPosition::Path | ModelPosition::Query | ModelPosition::Unknown => {
                ModelPlace::Unlisted
            }
        }
    }

    fn is_exempt(&self, more_without_model: &[PathPattern]) -> bool {
        more_without_model.iter().any(|it| self.matches(it))
    }

    /// The models that a GET asks for: all for `models`, one for `models/<model>`.
    fn requested_models(&self) -> Option<ModelPlace> {
        /// Shorter than a model's path by the model.
        const MODELS: &[u8] = b"models/";
        let shape = self.model_list?;
        let path = self.below_api();
        if path.eq_ignore_ascii_case(b"models") {
            return Some(ModelPlace::List(shape));
        }
        let (before, encoded) = path.split_at_checked(MODELS.len())?;
        if !before.eq_ignore_ascii_case(MODELS) {
            return None;
        }
        // Google's models have operations below them.
        let is_below_model = shape == ModelListShape::Resources && encoded.contains(&b'/');
        let encoded = match encoded.split(|byte| *byte == b'/').next() {
            Some(first) if is_below_model => first,
            _ => encoded,
        };
        Some(match String::from_utf8(percent_decode(encoded)) {
            Ok(model) if is_below_model => ModelPlace::Named(model),
            Ok(model) => ModelPlace::One(shape, model),
            Err(_) => ModelPlace::Missing,
        })
    }
}

fn has_form(head: &RequestHead) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let content_type = head.first("content-type").unwrap_or_default();
    let media_type = content_type.get(..FORM.len());
    media_type.is_some_and(|it| it.eq_ignore_ascii_case(FORM))
}

/// The model of a WebSocket session: the one that the query of its handshake names.
pub fn model_of_session(head: &RequestHead) -> Option<String> {
    head.first("upgrade")?;
    let mut target = head.path().splitn(2, |byte| *byte == b'?');
    model_of_query(target.nth(1)?)
}

/// The model that a query selects: Azure's deployment, or the model. `None` if there is none, or if
/// one of them is given twice.
fn model_of_query(query: &[u8]) -> Option<String> {
    let (mut model, mut deployment) = (None, None);
    for (parameter, value) in model_parameters(query) {
        let slot = match parameter {
            ModelParameter::Model => &mut model,
            ModelParameter::Deployment => &mut deployment,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let selected = String::from_utf8(deployment.or(model)?).ok()?;
    (!selected.is_empty()).then_some(selected)
}

/// Every model that a query names. Text that is not UTF-8 is replaced, so that it is not in a
/// catalog.
pub fn models_in_query(query: &[u8]) -> impl Iterator<Item = String> {
    model_parameters(query).map(|(_, value)| String::from_utf8_lossy(&value).into_owned())
}

/// A parameter of a query that selects a model.
#[derive(Clone, Copy)]
enum ModelParameter {
    Model,
    Deployment,
}

fn model_parameters(query: &[u8]) -> impl Iterator<Item = (ModelParameter, Vec<u8>)> {
    let pairs = query.split(|byte| matches!(byte, b'&' | b';'));
    pairs.filter_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let name = percent_decode(parts.next()?).to_ascii_lowercase();
        let parameter = match name.as_slice() {
            b"model" => ModelParameter::Model,
            b"deployment" | b"deployment_id" | b"deployment-id" => ModelParameter::Deployment,
            _ => return None,
        };
        Some((parameter, percent_decode(parts.next().unwrap_or_default())))
    })
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
        let named = |model: &str| ModelPlace::NamedWithBody(model.to_owned());
        let unlisted = || ModelPlace::Unlisted;
        for (kind, target, expected) in [
            (OpenAi, "v1/chat/completions", body()),
            (OpenAi, "chat/completions", body()),
            (OpenAi, "v1/responses", body()),
            (OpenAi, "v1/batches", unlisted()),
            (OpenAi, "v1/no/such/thing", unlisted()),
            (OpenAi, "v1/files/../chat", unlisted()),
            (OpenAi, "v1/files%2Fx", unlisted()),
            (OpenAi, "v1//files", ModelPlace::Optional),
            (OpenAi, "v1/responses/r/cancel", ModelPlace::Optional),
            (OpenAi, "v1/responses/r%2Fx/cancel", unlisted()),
            (OpenAi, "v1/files", ModelPlace::Optional),
            (OpenAi, "files", ModelPlace::Optional),
            (OpenAi, "v1/vector_stores/v/search", ModelPlace::Optional),
            (OpenAi, "deployments/m%2D1/chat/completions", named("m-1")),
            (OpenAiCompatible, "v1/rerank", body()),
            (Anthropic, "v1/messages", body()),
            (Anthropic, "v1/messages/batches", ModelPlace::NestedRequests),
            (
                Anthropic,
                "v1/messages/batches/b/cancel",
                ModelPlace::Optional,
            ),
            (Google, "v1beta/models/g-1:generateContent", named("g-1")),
            (Google, "models/g%2D1:streamGenerateContent", named("g-1")),
            (
                Google,
                "v1beta/tunedModels/t:generateContent",
                named("tunedModels/t"),
            ),
            (
                Google,
                "v1beta/models/x/models/g-1:generateContent",
                unlisted(),
            ),
            (Google, "v1beta/models/g-1%3AgenerateContent", named("g-1")),
            (Google, "v1beta/openai/chat/completions", body()),
            (Google, "v1beta/cachedContents", body()),
            (Google, "upload/v1beta/files", ModelPlace::Optional),
            (Bedrock, "model/a.b-v1%3A0/converse", named("a.b-v1:0")),
            (Bedrock, "model/a/b/converse", unlisted()),
            (Bedrock, "openai/v1/chat/completions", body()),
            (Bedrock, "async-invoke", ModelPlace::Body("modelId")),
            (BedrockMantle, "openai/v1/responses", body()),
            (BedrockMantle, "anthropic/v1/messages", body()),
            (BedrockMantle, "v1/messages/count_tokens", body()),
            (Bedrock, "guardrail/g/version/1/apply", ModelPlace::Optional),
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
        for (target, model) in [
            ("v1/realtime?model=m%2D1", "m-1"),
            ("openai/realtime?api-version=1&deployment=m-1", "m-1"),
            ("openai/realtime?model=m-2&Deployment=m-1", "m-1"),
            ("v1/%72ealtime/?model=m-1", "m-1"),
        ] {
            assert_eq!(place(target), ModelPlace::Named(model.into()), "{target}");
        }
        for target in [
            "v1/realtime?",
            "v1/realtime?model=a&mode%6C=b",
            "v1/responses?x=1",
            "v1/responses?model=a",
            "v1/chat/completions?model=a",
            "v1/realtime?deployment=a&deployment=b",
            "v1/realtime?deployment=a&model=b&model=c",
            "deployments/m/realtime?model=a",
            "deployments/m/chat/completions?model=m",
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
    fn every_model_of_a_query_is_found() {
        for (query, models) in [
            ("model=a&x=b&deployment=c;Mod%65l=d", vec!["a", "c", "d"]),
            ("deployment-id=a&deployment_id=%62", vec!["a", "b"]),
            ("models=a&x=model=b", vec![]),
        ] {
            let found: Vec<_> = models_in_query(query.as_bytes()).collect();
            assert_eq!(found, models, "{query}");
        }
    }

    #[test]
    fn a_form_below_a_deployment_needs_no_check() {
        let place = |path: &str, content_type: &str| {
            let head = head(&[(":method", "POST"), ("content-type", content_type)]);
            let operation = ProviderKind::OpenAi.profile().operation(path.as_bytes());
            operation.model_place(&head, None, &[])
        };
        let form = "Multipart/form-data; boundary=x";
        let transcription = "openai/deployments/m/audio/transcriptions";
        assert_eq!(place(transcription, form), ModelPlace::Named("m".into()));
        for (path, content_type) in [
            (transcription, "application/json"),
            ("deployments/m/chat/completions", form),
        ] {
            let place = place(path, content_type);
            assert_eq!(place, ModelPlace::NamedWithBody("m".into()), "{path}");
        }
    }

    #[test]
    fn deleting_a_model_needs_a_permitted_one() {
        let named = ModelPlace::Named("m".to_owned());
        assert_eq!(place(ProviderKind::OpenAi, "DELETE", "v1/models/m"), named);
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
        for path in [
            "v1/batches",
            "audio/speech",
            "v1/x/y/z",
            "v1/x/%79",
            "V1/Batches/",
        ] {
            assert!(passes(path), "{path}");
        }
        for path in [
            "v1/batches/x",
            "v1/audio",
            "v1/audio/a/b",
            "v1/x",
            "v1/x/",
            "v1/x/%2579",
            "v1/x/y%2Fz",
            "v1/x/y;z",
            "v1/batches;x",
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
