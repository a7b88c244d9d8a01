use super::*;
use crate::provider_kind::ProviderKind;
use crate::provider_kind::model_place::ModelPlace;
use crate::testing::head;

const OPERATIONS: &str = include_str!("operations.txt");

const UPGRADE: (&str, &str) = ("upgrade", "websocket");

/// Where the policy finds the model.
fn place(kind: ProviderKind, headers: &[(&str, &str)], path: &str, query: Option<&str>) -> String {
    let operation = kind.profile().operation(path.as_bytes());
    match operation.model_place(&head(headers), query.map(str::as_bytes), &[]) {
        ModelPlace::Named(model) if model == "q" => "query=q".to_owned(),
        ModelPlace::Named(model) => format!("path={model}"),
        ModelPlace::NamedWithBody(model) => format!("path+body={model}"),
        ModelPlace::Body(member) => format!("body={member}"),
        ModelPlace::NestedRequests => "nested".to_owned(),
        ModelPlace::Unlisted => "refused".to_owned(),
        ModelPlace::Missing => "-".to_owned(),
        ModelPlace::NotNeeded => "none".to_owned(),
        ModelPlace::Optional => "optional".to_owned(),
        ModelPlace::List(shape) => format!("list={shape:?}"),
        ModelPlace::One(shape, model) => format!("one={shape:?}:{model}"),
    }
}

#[test]
fn every_path_is_metered_and_restricted_as_listed() {
    for line in OPERATIONS.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [kind, path, ..] = columns[..] else {
            panic!("{line}")
        };
        let kind = ProviderKind::from_type_name(kind).unwrap();
        let operation = kind.profile().operation(path.as_bytes());
        let found = [
            operation.name(),
            operation.dialect().map_or("-", |dialect| dialect.name),
            if operation.names_model_in_body() {
                "reads"
            } else {
                "-"
            },
            &place(kind, &[(":method", "POST")], path, None),
            &place(kind, &[(":method", "GET")], path, None),
            &place(kind, &[(":method", "GET"), UPGRADE], path, Some("model=q")),
        ];
        assert_eq!(columns[2..], found, "{line}");
    }
}

const ALLOWED: &str = "allowed-1";
const FORBIDDEN: &str = "forbidden-1";

/// A path for each operation of a kind, with this model if the path names one.
fn paths(kind: ProviderKind, model: &str) -> Vec<String> {
    let profile = kind.profile();
    let apis = profile.prefixed_apis.iter();
    let apis = apis.map(|(prefix, api)| (*prefix, api));
    let mut paths = Vec::new();
    for (prefix, api) in apis.chain([("", &profile.api)]) {
        for operation in api.operations.iter().copied().flatten() {
            let path = operation.path.replace("**", "x1/x2").replace('*', "x1");
            if operation.model != ModelPosition::Path {
                paths.push(format!("{prefix}{path}"));
            }
            // The models of other operations may contain the separator.
            let is_below_model = |it: &&ModelInPath| {
                it.rest == RestOfPath::Any || operation.model == ModelPosition::Path
            };
            for it in api.models_in_path.iter().filter(is_below_model) {
                let separator = char::from(it.separator);
                paths.push(format!("{prefix}{}{model}{separator}{path}", it.before));
            }
        }
    }
    paths
}

/// Paths that some server reads as this one.
fn spellings(path: &str) -> Vec<String> {
    let mut spellings: Vec<String> = Vec::new();
    for (index, character) in path.char_indices() {
        let (before, after) = (&path[..index], &path[index + 1..]);
        let byte = u32::from(character);
        let mut others = vec![
            format!("%{byte:02x}"),
            format!("%{byte:02X}"),
            format!("%25{byte:02x}"),
            character.to_ascii_uppercase().to_string(),
            character.to_ascii_lowercase().to_string(),
        ];
        if character == '/' {
            let more = ["//", "///", "\\", "%5C", ";/", ";x=y/", "%3B/", "/;/"];
            others.extend(more.map(str::to_owned));
        }
        spellings.extend(others.iter().map(|other| format!("{before}{other}{after}")));
    }
    let ends = [
        "/", "//", ";", ";x=y", "/;x", "%2F", "%3B", "%20", "%00", "%3F", "?", "#", "\\",
    ];
    spellings.extend(ends.map(|end| format!("{path}{end}")));
    let starts = [
        "/", "//", "v1/", "v1beta/", "V1/", "%761/", "openai/", "%2F",
    ];
    spellings.extend(starts.map(|start| format!("{start}{path}")));
    let encoded: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
    spellings.extend([path.to_uppercase(), encoded]);
    spellings
}

/// Whether a request passes with a catalog of [`ALLOWED`]; `None` if it is refused.
fn decision(kind: ProviderKind, path: &str) -> Option<ModelPlace> {
    let operation = kind.profile().operation(path.as_bytes());
    let place = operation.model_place(&head(&[(":method", "POST")]), None, &[]);
    match place {
        ModelPlace::Unlisted | ModelPlace::Missing => None,
        ModelPlace::Named(model) | ModelPlace::NamedWithBody(model)
            if !model.ends_with(ALLOWED) =>
        {
            None
        }
        place => Some(place),
    }
}

#[test]
fn the_decision_on_a_spelling_is_that_on_the_plain_path_or_a_refusal() {
    for kind in ProviderKind::ALL {
        for (model, is_allowed) in [(ALLOWED, true), (FORBIDDEN, false)] {
            for path in paths(kind, model) {
                let plain = decision(kind, &path);
                assert!(is_allowed || !path.contains(model) || plain.is_none());
                for spelling in spellings(&path) {
                    let spelled = decision(kind, &spelling);
                    assert!(
                        spelled.is_none() || spelled == plain,
                        "{kind} {spelling}: {spelled:?}, not {plain:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_spelling_is_metered_like_the_plain_path_or_counted_as_unknown() {
    for kind in ProviderKind::ALL {
        for path in paths(kind, ALLOWED) {
            let operation = |path: &str| {
                let operation = kind.profile().operation(path.as_bytes());
                let dialect = operation.dialect().map(|dialect| dialect.name);
                (dialect, !operation.is_listed())
            };
            let (plain, _) = operation(&path);
            for spelling in spellings(&path) {
                let (spelled, is_unknown) = operation(&spelling);
                assert!(
                    is_unknown || spelled == plain,
                    "{kind} {spelling}: {spelled:?}, not {plain:?}"
                );
            }
        }
    }
}

#[test]
fn no_spelling_of_a_denied_path_is_permitted() {
    for kind in ProviderKind::ALL {
        for path in paths(kind, ALLOWED) {
            let is_permitted = |path: &str, rules: &PathRules| {
                let operation = kind.profile().operation(path.as_bytes());
                operation.is_permitted_by(rules)
            };
            let native = kind.profile().paths.native_path(path.as_bytes());
            let pattern = PathPattern::parse(std::str::from_utf8(native).unwrap()).unwrap();
            let denied = PathRules {
                denied: vec![pattern.clone()],
                allowed: None,
            };
            let allowed = PathRules {
                denied: Vec::new(),
                allowed: Some(vec![pattern]),
            };
            assert!(!is_permitted(&path, &denied) && is_permitted(&path, &allowed));
            for spelling in spellings(&path) {
                let is_other_path = is_other_path(kind, &spelling, &path);
                assert!(
                    is_other_path || !is_permitted(&spelling, &denied),
                    "{kind} {spelling}"
                );
            }
        }
    }
}

/// Whether a spelling begins with a segment that is no part of the path, which no server ignores.
fn is_other_path(kind: ProviderKind, spelling: &str, path: &str) -> bool {
    let prefixes = kind.profile().paths.prefixes;
    spelling.strip_prefix("openai/") == Some(path) && !prefixes.contains(&"openai")
}

#[test]
fn rules_match_models_and_prefixes_of_apis() {
    use ProviderKind::{Bedrock, Google, OpenAi};
    let denied = |kind: ProviderKind, pattern: &str, path: &str| {
        let rules = PathRules {
            denied: vec![PathPattern::parse(pattern).unwrap()],
            allowed: None,
        };
        let operation = kind.profile().operation(path.as_bytes());
        !operation.is_permitted_by(&rules)
    };
    for (kind, pattern, path) in [
        (
            OpenAi,
            "realtime/client_secrets",
            "v1/realtime/client_secrets",
        ),
        (OpenAi, "realtime/**", "openai/v1/Realtime//calls"),
        (Google, "files", "upload/v1beta/files"),
        (Google, "chat/completions", "v1beta/openai/chat/completions"),
        (Google, "openai/**", "v1beta/openai/chat/completions"),
        (Bedrock, "responses", "openai/v1/responses"),
        (Bedrock, "model/*/invoke", "model/arn%3Aaws%2Fm/invoke"),
    ] {
        assert!(denied(kind, pattern, path), "{kind} {pattern} {path}");
        assert!(!denied(kind, "other", path), "{kind} {path}");
    }
    // With any rule, what has no plain spelling is refused.
    assert!(denied(OpenAi, "other", "v1/a%2Fb"));
    let operation = OpenAi.profile().operation(b"v1/a%2Fb");
    assert!(operation.is_permitted_by(&PathRules::default()));
}
