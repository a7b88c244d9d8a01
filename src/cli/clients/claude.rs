//! Claude Code: its `apiKeyHelper` renews the token. `--settings` takes precedence over the user's
//! own settings, so that none of them makes the session bypass the gateway.

use serde_json::{Map, Value};

use super::{Connection, Launch, Mode};

/// How long it keeps a token before it runs the helper again, which costs little because the helper
/// caches.
const HELPER_TTL_MS: &str = "30000";

/// Variables that select another endpoint, or a credential instead of the helper's.
const BYPASSING_VARIABLES: [&str; 8] = [
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
    let mut unset = BYPASSING_VARIABLES.to_vec();
    if mode == Mode::Passthrough {
        // The gateway forwards the client's own credential, so it must keep it.
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
    // A file, because all users of the machine can see arguments, and the URL of the loopback proxy
    // is a secret.
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

/// A word quoted for a shell.
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
    fn the_helper_is_a_shell_command() {
        let (launch, settings) = settings(Mode::Native);
        assert_eq!(settings["apiKeyHelper"], r"'/a b/it'\''s' 'token'");
        assert_eq!(settings["env"]["ANTHROPIC_BASE_URL"], "http://gw");
        assert_eq!(settings["env"]["CLAUDE_CODE_USE_BEDROCK"], "0");
        assert!(launch.unset.contains(&"ANTHROPIC_API_KEY"));
    }

    #[test]
    fn passthrough_keeps_the_clients_credential_and_has_no_helper() {
        let (launch, settings) = settings(Mode::Passthrough);
        assert!(settings.get("apiKeyHelper").is_none());
        assert!(!launch.unset.contains(&"ANTHROPIC_API_KEY"));
        assert!(launch.unset.contains(&"ANTHROPIC_CUSTOM_HEADERS"));
    }

    #[test]
    fn bedrock_is_enabled_only_by_its_mode() {
        let (_, settings) = settings(Mode::Bedrock);
        assert_eq!(settings["env"]["CLAUDE_CODE_USE_BEDROCK"], "1");
        assert_eq!(settings["env"]["ANTHROPIC_BEDROCK_BASE_URL"], "http://gw");
        assert!(settings["env"].get("ANTHROPIC_BASE_URL").is_none());
    }
}
