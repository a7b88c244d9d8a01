//! Instructions for clients of each kind of provider, to be copied from the connect page.
//!
//! The page fills in `{{proxy_url}}`, `{{model}}`, `{{issuer}}` and `{{audience}}`. The token comes
//! from the environment variable `AUTH_TOKEN`.

use serde::Serialize;

/// Text to be copied.
#[derive(Clone, Copy, Serialize)]
pub struct Snippet {
    /// The client it is for.
    pub title: &'static str,
    /// The text.
    pub text: &'static str,
}

/// The snippets of one kind, and a model for them if the catalog names none.
#[derive(Clone, Copy, Serialize)]
pub struct ConnectSnippets {
    /// A model that such providers have.
    pub model: &'static str,
    /// The snippets.
    pub snippets: &'static [Snippet],
}

/// The step that requests a token.
pub const TOKEN: &str = include_str!("snippets/token.sh");

macro_rules! connect_snippets {
    ($model:literal, $($title:literal: $file:literal),+ $(,)?) => {
        ConnectSnippets {
            model: $model,
            snippets: &[$(Snippet {
                title: $title,
                text: include_str!(concat!("snippets/", $file)),
            }),+],
        }
    };
}

pub(super) const OPENAI: ConnectSnippets = connect_snippets!(
    "gpt-4o",
    "curl": "openai.sh",
    "Python": "openai.py",
    "Node.js": "openai.mjs",
    "Codex": "codex.sh",
);

pub(super) const ANTHROPIC: ConnectSnippets = connect_snippets!(
    "claude-sonnet-4-6",
    "curl": "anthropic.sh",
    "Python": "anthropic.py",
    "Node.js": "anthropic.mjs",
    "Claude Code": "claude_code.sh",
);

pub(super) const GOOGLE: ConnectSnippets = connect_snippets!(
    "gemini-2.0-flash",
    "curl": "google.sh",
    "Python": "google.py",
    "Node.js": "google.mjs",
    "Gemini CLI": "gemini_cli.sh",
);

pub(super) const BEDROCK: ConnectSnippets = connect_snippets!(
    "us.anthropic.claude-sonnet-4-6",
    "curl": "bedrock.sh",
    "Python": "bedrock.py",
    "Node.js": "bedrock.mjs",
    "Claude Code": "claude_code_bedrock.sh",
);

pub(super) const BEDROCK_MANTLE: ConnectSnippets = ConnectSnippets {
    model: "openai.gpt-oss-120b",
    ..OPENAI
};

pub(super) const OPENAI_COMPATIBLE: ConnectSnippets = ConnectSnippets {
    model: "meta-llama/Llama-3.3-70B-Instruct",
    ..OPENAI
};
