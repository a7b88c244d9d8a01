//! The connect page, which shows how to connect a client. It is one file, the same for everybody.
//!
//! The page fetches JSON from the gateway as any client does, with the token that a filter in front
//! adds or that the user pastes. So it contains nothing that an unauthenticated client must not
//! see, and nothing to escape: it inserts everything as text. Its content security policy allows it
//! to load nothing and to connect only to its own origin.

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

/// The data for the script.
#[derive(Serialize)]
struct PageData<'a> {
    prefix: &'a str,
    usage: &'a str,
    token_header: &'a str,
    token: &'static str,
    types: BTreeMap<&'static str, ConnectSnippets>,
}

/// The reply with the page.
pub fn page(config: &Config) -> Reply {
    let data = PageData {
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
    // Without `<` the data cannot end the element that contains it.
    let data = serde_json::to_string(&data)
        .unwrap_or_default()
        .replace('<', "\\u003c");
    let body = HTML
        .replacen("{{style}}", STYLE, 1)
        .replacen("{{kinds}}", &data, 1)
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

/// Whether a browser sends the request: it accepts `text/html` by name, which API clients do not.
pub fn is_wanted(head: &RequestHead) -> bool {
    let accept = head.first("accept").unwrap_or_default();
    matches!(head.method(), b"GET" | b"HEAD")
        && accept
            .split(|byte| *byte == b',')
            .map(|kind| kind.split(|byte| *byte == b';').next().unwrap_or_default())
            .any(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

/// Whether the request gets the page without authentication.
pub fn is_public(config: &Config, head: &RequestHead) -> bool {
    config.public_connect_page && is_wanted(head)
}

/// The source in the content security policy that allows exactly this text.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, head};

    #[test]
    fn the_page_is_small_and_contains_no_provider() {
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
    fn browsers_are_distinguished_from_clients() {
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
