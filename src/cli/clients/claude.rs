//! Claude Code: its `apiKeyHelper` renews the token. What is given by `--settings` counts more than
//! the user's own settings, so that none of them leads the session past the gateway.

use serde_json::{Map, Value};

use super::{Connection, Launch, Mode};

/// How long it may keep a token before it asks the helper again, which is probe_request.
const HELPER_TTL_MS: &str = "30000";

/// Switches of other ways to a model, and credentials that would be used in the helper's place.
const ELSEWHERE: [&str; 8] = [
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
];

pub(super) fn launch(mode: Mode, connection: &Connection) -> Launch {
    let is_bedrock = mode == Mode::Bedrock;
    let mut settings = Map::new();
    let mut environment = Map::new();
    let mut set = |name: &str, value: &str| {
        environment.insert(name.to_owned(), value.into());
    };
    set("CLAUDE_CODE_USE_VERTEX", "0");
    set(
        "CLAUDE_CODE_USE_BEDROCK",
        if is_bedrock { "1" } else { "0" },
    );
    if is_bedrock {
        let region = (connection.env)("AWS_REGION");
        set("CLAUDE_CODE_SKIP_BEDROCK_AUTH", "1");
        set("AWS_REGION", region.as_deref().unwrap_or("us-east-1"));
        set("ANTHROPIC_BEDROCK_BASE_URL", connection.base_url);
    } else {
        set("ANTHROPIC_BASE_URL", connection.base_url);
    }
    let mut unset = ELSEWHERE.to_vec();
    if mode == Mode::Passthrough {
        // The client's own credential is what is passed through.
        unset.retain(|name| {
            ![
                "ANTHROPIC_AUTH_TOKEN",
                "ANTHROPIC_API_KEY",
                "CLAUDE_CODE_OAUTH_TOKEN",
            ]
            .contains(name)
        });
    } else {
        let helper: Vec<String> = connection.helper.iter().map(|word| quoted(word)).collect();
        settings.insert("apiKeyHelper".to_owned(), helper.join(" ").into());
        set("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", HELPER_TTL_MS);
    }
    settings.insert("env".to_owned(), environment.into());
    // A file, since the address of the loopback proxy is a secret, and arguments are seen by all.
    let file = connection.folder.join("settings.json");
    let mut arguments = vec!["--settings".to_owned(), file.to_string_lossy().into_owned()];
    match connection.model {
        Some(model) => arguments.extend(["--model".to_owned(), model.to_owned()]),
        None => unset.push("ANTHROPIC_MODEL"),
    }
    Launch {
        arguments,
        set: Vec::new(),
        unset,
        files: vec![(file, Value::Object(settings).to_string())],
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn settings(mode: Mode) -> (Launch, Value) {
        let launch = launch(
            mode,
            &Connection {
                base_url: "http://gw",
                helper: &["/a b/it's".to_owned(), "token".to_owned()],
                model: None,
                folder: Path::new("/private"),
                env: &|_| None,
            },
        );
        let settings = serde_json::from_str(&launch.files[0].1).unwrap();
        (launch, settings)
    }

    #[test]
    fn the_helper_is_a_command_of_the_shell() {
        let (launch, settings) = settings(Mode::Native);
        assert_eq!(settings["apiKeyHelper"], r"'/a b/it'\''s' 'token'");
        assert_eq!(settings["env"]["ANTHROPIC_BASE_URL"], "http://gw");
        assert_eq!(settings["env"]["CLAUDE_CODE_USE_BEDROCK"], "0");
        assert!(launch.unset.contains(&"ANTHROPIC_API_KEY"));
    }

    #[test]
    fn a_passthrough_keeps_the_own_credential_and_has_no_helper() {
        let (launch, settings) = settings(Mode::Passthrough);
        assert!(settings.get("apiKeyHelper").is_none());
        assert!(!launch.unset.contains(&"ANTHROPIC_API_KEY"));
        assert!(launch.unset.contains(&"ANTHROPIC_CUSTOM_HEADERS"));
    }

    #[test]
    fn the_other_cloud_is_switched_on_by_its_mode_alone() {
        let (_, settings) = settings(Mode::Bedrock);
        assert_eq!(settings["env"]["CLAUDE_CODE_USE_BEDROCK"], "1");
        assert_eq!(settings["env"]["ANTHROPIC_BEDROCK_BASE_URL"], "http://gw");
        assert!(settings["env"].get("ANTHROPIC_BASE_URL").is_none());
    }
}
