//! The page to connect from: one file, the same for everybody, that fills itself in.
//!
//! It asks the gateway for JSON, as any client does, with the token that a filter in front adds or
//! that is pasted into it; so there is nothing in it to keep from strangers and nothing to escape.
//! What it shows is put in as text. Its policy lets it load nothing and talk to its origin alone.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::http::head::RequestHead;
use crate::provider_kind::ProviderKind;
use crate::provider_kind::snippets::{ConnectSnippets, TOKEN};
use crate::reply::Reply;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What the script knows from the start.
#[derive(Serialize)]
struct Kinds<'a> {
    prefix: &'a str,
    usage: &'a str,
    token_header: &'a str,
    token: &'static str,
    types: BTreeMap<&'static str, ConnectSnippets>,
}

/// The page.
pub fn page(config: &Config) -> Reply {
    let kinds = Kinds {
        prefix: &config.path_prefix,
        usage: &config.usage_path,
        token_header: config
            .token_headers
            .first()
            .map_or("authorization", String::as_str),
        token: TOKEN,
        types: ProviderKind::ALL
            .map(|kind| (kind.profile().type_name, kind.profile().connect_snippets))
            .into(),
    };
    // No `<` of it can end the element that it stands in.
    let kinds = serde_json::to_string(&kinds)
        .unwrap_or_default()
        .replace('<', "\\u003c");
    let body = HTML
        .replacen("{{style}}", STYLE, 1)
        .replacen("{{kinds}}", &kinds, 1)
        .replacen("{{script}}", SCRIPT, 1);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("vary", "accept".to_owned()),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff".to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
    ];
    Reply {
        status: 200,
        headers: headers.to_vec(),
        body: body.into_bytes(),
    }
}

/// Whether a browser asks: it names `text/html` itself, which clients of the API do not.
pub fn is_wanted(head: &RequestHead) -> bool {
    let accept = head.first("accept").unwrap_or_default();
    matches!(head.method(), b"GET" | b"HEAD")
        && accept
            .split(|byte| *byte == b',')
            .map(|kind| kind.split(|byte| *byte == b';').next().unwrap_or_default())
            .any(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

/// Whether whoever asks so gets the page, a stranger too.
pub fn is_public(config: &Config, head: &RequestHead) -> bool {
    config.public_connect_page && is_wanted(head)
}

/// A source of the policy: what is exactly this text.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, head};

    #[test]
    fn the_page_is_small_and_names_no_provider_of_the_configuration() {
        let config = config(&serde_json::json!({
            "authentication": {"disabled": true},
            "providers": [{"name": "hush", "type": "openai", "api_key": {"env": "KEY"}}],
        }));
        let page = page(&config);
        let body = String::from_utf8(page.body).unwrap();
        assert!(body.len() < 24_000, "{}", body.len());
        for secret in ["hush", "secret-of"] {
            assert!(!body.contains(secret));
        }
        assert!(!body.contains("{{style}}") && !body.contains("{{kinds}}"));
        assert_eq!(body.matches("</script>").count(), 2);
    }

    #[test]
    fn browsers_are_told_from_clients() {
        for (accept, wanted) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json, Text/HTML;q=0.5", true),
            ("*/*", false),
            ("application/json", false),
            ("", false),
        ] {
            let head = head(&[(":method", "GET"), ("accept", accept)]);
            assert_eq!(is_wanted(&head), wanted, "{accept}");
        }
        assert!(!is_wanted(&head(&[
            (":method", "POST"),
            ("accept", "text/html")
        ])));
    }
}
