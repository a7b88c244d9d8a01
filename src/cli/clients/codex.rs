//! Codex: flags define a model provider whose `auth` command prints the token.

use serde_json::Value;

use super::{Connection, Launch};

const PROVIDER: &str = "ai-gateway";
/// How long it keeps a token before it runs the command again, which costs little because the
/// command caches.
const REFRESH_MS: u32 = 30_000;

pub(super) fn launch(connection: &Connection) -> Launch {
    // JSON strings and arrays are also valid TOML.
    let text = |text: &str| Value::from(text).to_string();
    let (command, arguments) = connection
        .helper
        .split_first()
        .map_or(("", &[][..]), |words| (words.0.as_str(), words.1));
    let base_url = format!("{}/v1", connection.base_url);
    let provider = format!(
        "{{name=\"AI Gateway\", base_url={}, wire_api=\"responses\", \
         auth={{command={}, args={}, refresh_interval_ms={REFRESH_MS}}}}}",
        text(&base_url),
        text(command),
        Value::from(arguments.to_vec()),
    );
    let mut arguments = vec![
        "-c".to_owned(),
        format!("model_provider={}", text(PROVIDER)),
        "-c".to_owned(),
        format!("model_providers.{PROVIDER}={provider}"),
    ];
    if let Some(model) = connection.model {
        arguments.extend(["-c".to_owned(), format!("model={}", text(model))]);
    }
    Launch {
        arguments,
        unset: vec!["OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL"],
        ..Launch::default()
    }
}
