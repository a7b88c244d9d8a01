//! What a header's name says about its value: whether it describes the caller, the caller's
//! account, a browser, or only the request.
//!
//! Nobody can list the names that all proxies, identity-aware proxies, front ends and gateways
//! choose. So a name is judged by its words: what looks like an identity is treated as one. A name
//! without such a word is taken for a part of the API.

/// A set of words. Most words of a header's name are in none, and are dismissed without a comparison.
struct WordSet<const N: usize> {
    words: [&'static str; N],
    /// A bit for the hash of each word.
    hashes: [u64; WordSet::<0>::SIZE / 64],
}

impl<const N: usize> WordSet<N> {
    /// The number of hashes. With 1,024, one word in ten is compared in vain.
    const SIZE: usize = 1024;

    const fn new(words: [&'static str; N]) -> Self {
        let mut hashes = [0; WordSet::<0>::SIZE / 64];
        let mut rest: &[&str] = &words;
        while let [word, tail @ ..] = rest {
            let hash = Self::hash(word.as_bytes());
            let mut skipped = hash / 64;
            let mut left: &mut [u64] = &mut hashes;
            while let [bits, tail @ ..] = left {
                if skipped == 0 {
                    *bits |= 1 << (hash % 64);
                    break;
                }
                skipped -= 1;
                left = tail;
            }
            rest = tail;
        }
        Self { words, hashes }
    }

    const fn hash(word: &[u8]) -> usize {
        match word {
            [] => 0,
            [only] => *only as usize,
            [first, .., last] => {
                (*first as usize * 37 + *last as usize * 5 + word.len() * 173) % Self::SIZE
            }
        }
    }

    fn contains(&self, word: &[u8]) -> bool {
        let hash = Self::hash(word);
        let bits = self.hashes.get(hash / 64).copied().unwrap_or_default();
        bits & (1 << (hash % 64)) != 0 && self.words.iter().any(|known| known.as_bytes() == word)
    }
}

/// What a header's name says about its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderClass {
    /// HTTP or the host needs it: framing, content, and the route's scheme.
    Transport,
    /// It describes a person, a device or its network, or carries a credential.
    Caller,
    /// It names an account at the provider, such as an organization or a project.
    Account,
    /// A browser adds it, and it names the page that sends the request.
    Browser,
    /// Anything else. It is a part of the provider's API until the contrary is known.
    Api,
}

/// A header's name, or all names with a prefix or a suffix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamePattern {
    /// This name.
    Exact(String),
    /// Every name with this prefix; written `<prefix>*`.
    Prefix(String),
    /// Every name with this suffix; written `*<suffix>`.
    Suffix(String),
}

impl NamePattern {
    /// Reads a pattern, in any case.
    pub fn new(pattern: &str) -> Self {
        let pattern = pattern.to_ascii_lowercase();
        if let Some(prefix) = pattern.strip_suffix('*') {
            Self::Prefix(prefix.to_owned())
        } else if let Some(suffix) = pattern.strip_prefix('*') {
            Self::Suffix(suffix.to_owned())
        } else {
            Self::Exact(pattern)
        }
    }

    /// The name, prefix or suffix without its `*`.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::Suffix(text) => text,
        }
    }

    /// Whether this is one name.
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// Whether the pattern covers a name in lower case.
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(text) => name == text.as_bytes(),
            Self::Prefix(prefix) => name.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => {
                // Most names fail at the last byte, without a call to compare memory.
                name.last() == suffix.as_bytes().last() && name.ends_with(suffix.as_bytes())
            }
        }
    }
}

impl HeaderClass {
    /// The class of a name in lower case. An underscore is read as a hyphen, as some servers do.
    pub fn of(name: &[u8]) -> Self {
        if is_transport(name) {
            return Self::Transport;
        }
        if memchr::memchr(b'_', name).is_none() {
            return Self::of_hyphenated(name);
        }
        let name: Vec<u8> = name.iter().map(hyphenated).collect();
        if is_transport(&name) {
            // It would be read in place of the one that the host or the gateway sets.
            return Self::Caller;
        }
        Self::of_hyphenated(&name)
    }

    fn of_hyphenated(name: &[u8]) -> Self {
        if is_browser(name) {
            return Self::Browser;
        }
        let mut class = Self::Api;
        let mut before: &[u8] = b"";
        let mut rest = name;
        let mut is_first = true;
        loop {
            let end = rest.iter().position(|byte| *byte == b'-');
            let (word, tail) = rest.split_at(end.unwrap_or(rest.len()));
            let tail = tail.get(1..).unwrap_or_default();
            if is_first && word != b"x" {
                is_first = false;
                if FAMILIES.contains(word) {
                    return Self::Caller;
                }
            }
            let is_last = end.is_none();
            if ACCOUNT_WORDS.contains(word) {
                class = Self::Account;
            } else if describes_caller(before, word, tail, is_last)
                && name != b"x-goog-user-project"
            {
                return Self::Caller;
            }
            if is_last {
                return class;
            }
            before = word;
            rest = tail;
        }
    }
}

/// Whether a header may choose a model: a word of its name says so.
pub fn chooses_model(name: &[u8]) -> bool {
    name.split(|byte| matches!(byte, b'-' | b'_' | b'.'))
        .any(|word| {
            matches!(
                word,
                b"model" | b"models" | b"modelid" | b"modelname" | b"deployment" | b"deployments"
            )
        })
}

/// A byte of a name, as servers read it that take an underscore for a hyphen.
pub const fn hyphenated(byte: &u8) -> u8 {
    if *byte == b'_' { b'-' } else { *byte }
}

/// Whether HTTP or the host needs a header. The host removes those that concern one connection.
pub fn is_transport(name: &[u8]) -> bool {
    name.starts_with(b":")
        || name.starts_with(b"content-")
        || name.starts_with(b"sec-websocket-")
        || matches!(
            name,
            b"accept"
                | b"accept-charset"
                | b"accept-encoding"
                | b"accept-language"
                | b"connection"
                | b"date"
                | b"expect"
                | b"host"
                | b"keep-alive"
                | b"proxy-connection"
                | b"te"
                | b"trailer"
                | b"transfer-encoding"
                | b"upgrade"
                | b"user-agent"
                | b"x-forwarded-proto"
                | b"x-request-id"
        )
}

/// Whether a browser adds a header to name the page that sends the request, or its context.
fn is_browser(name: &[u8]) -> bool {
    name.starts_with(b"sec-")
        || matches!(
            name,
            b"origin"
                | b"referer"
                | b"x-requested-with"
                | b"upgrade-insecure-requests"
                | b"dnt"
                | b"ping-from"
                | b"ping-to"
        )
}

/// The words after which all headers describe the caller if a name begins with them, or with `x-` and
/// them: proxies, identity-aware proxies, front ends and other gateways.
static FAMILIES: WordSet<63> = WordSet::new([
    // Proxies, networks and load balancers.
    "akamai",
    "amzn",
    "appengine",
    "arr",
    "azure",
    "cdn",
    "cf",
    "cloudflare",
    "cloudfront",
    "edgescape",
    "envoy",
    "fastly",
    "fly",
    "forwarded",
    "haproxy",
    "istio",
    "l5d",
    "linkerd",
    "nginx",
    "original",
    "remote",
    "traefik",
    "vercel",
    "zscaler",
    // Identity-aware proxies and identity providers.
    "apigee",
    "apisix",
    "auth0",
    "cas",
    "clerk",
    "grafana",
    "hasura",
    "iap",
    "impersonate",
    "jupyterhub",
    "keycloak",
    "kong",
    "krakend",
    "mellon",
    "oathkeeper",
    "okta",
    "pomerium",
    "shib",
    "shibboleth",
    "supabase",
    "tailscale",
    "teleport",
    "tyk",
    "vouch",
    "zitadel",
    // Front ends and other gateways, whose options no provider reads.
    "agentgateway",
    "anythingllm",
    "bf",
    "dify",
    "flowise",
    "helicone",
    "langfuse",
    "librechat",
    "litellm",
    "lobe",
    "lobechat",
    "n8n",
    "openwebui",
    "portkey",
]);

/// The words that name an account.
static ACCOUNT_WORDS: WordSet<12> = WordSet::new([
    "account",
    "billing",
    "company",
    "customer",
    "org",
    "organisation",
    "organization",
    "project",
    "subscription",
    "team",
    "tenant",
    "workspace",
]);

/// The words that describe a person, what the person may do, and where the person is.
static CALLER_WORDS: WordSet<89> = WordSet::new([
    // A person.
    "actor",
    "caller",
    "consumer",
    "department",
    "displayname",
    "employee",
    "fullname",
    "givenname",
    "identity",
    "login",
    "mail",
    "manager",
    "member",
    "nickname",
    "oid",
    "owner",
    "person",
    "phone",
    "principal",
    "staff",
    "sub",
    "subject",
    "surname",
    "uid",
    "upn",
    // What the person may do.
    "claim",
    "claims",
    "entitlement",
    "entitlements",
    "group",
    "groups",
    "permission",
    "permissions",
    "role",
    "roles",
    "scope",
    "scopes",
    // How the person signed in.
    "assertion",
    "bearer",
    "cookie",
    "cookies",
    "csrf",
    "idp",
    "issuer",
    "jwt",
    "kerberos",
    "mfa",
    "oidc",
    "otp",
    "saml",
    "sso",
    "xsrf",
    // The person's certificate, device and network.
    "addr",
    "asn",
    "baggage",
    "city",
    "clientid",
    "clientip",
    "continent",
    "country",
    "device",
    "dn",
    "fingerprint",
    "forwarded",
    "geo",
    "geoip",
    "iap",
    "ip",
    "ips",
    "ipv4",
    "ipv6",
    "ja3",
    "ja4",
    "latitude",
    "latlong",
    "longitude",
    "mtls",
    "postal",
    "realip",
    "socketip",
    "spiffe",
    "ssl",
    "tls",
    "uberctx",
    "verify",
    "x509",
    "xfcc",
    // Whole names.
    "from",
    "via",
]);

/// Whether a word of a name says that the header describes the caller or carries a credential.
fn describes_caller(before: &[u8], word: &[u8], rest: &[u8], is_last: bool) -> bool {
    if word.starts_with(b"user") {
        return word != b"useragent" && !(word == b"user" && rest.starts_with(b"agent"));
    }
    if word.ends_with(b"key") && is_last {
        return !(word == b"key"
            && matches!(
                before,
                b"affinity" | b"cache" | b"conversation" | b"idempotency" | b"request" | b"routing"
            ));
    }
    if word == b"id" {
        return before == b"client";
    }
    if word == b"context" {
        // The older name of `baggage`.
        return before == b"correlation";
    }
    CALLER_WORDS.contains(word)
        || word.starts_with(b"auth")
        || word.starts_with(b"cert")
        || word.starts_with(b"cred")
        || word.starts_with(b"oauth")
        || word.starts_with(b"passw")
        || word.starts_with(b"secret")
        || word.ends_with(b"auth")
        || word.ends_with(b"cert")
        || word.ends_with(b"email")
        || word.ends_with(b"jwt")
        || word.ends_with(b"token")
        || word.ends_with(b"user")
        || word.ends_with(b"userid")
        || word.ends_with(b"username")
        || word.ends_with(b"secret")
        || word.ends_with(b"password")
        || word.ends_with(b"userinfo")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_that_describes_the_caller_is_recognized_by_its_words() {
        for name in [
            "x-openwebui-user-email",
            "x-openwebui-chat-id",
            "x-pomerium-claim-groups",
            "x-authentik-meta-app",
            "remote-user",
            "remote_name",
            "oidc_claim_email",
            "oidc-access-token",
            "x-auth-request-preferred-username",
            "x-access-token",
            "x-amzn-mtls-clientcert-subject",
            "x-amzn-trace-id",
            "x-goog-iap-jwt-assertion",
            "x-goog-authenticated-user-id",
            "x-ms-client-principal-idp",
            "x-ms-token-aad-id-token",
            "cf-ray",
            "tailscale-user-login",
            "x-tailscale-user",
            "x-webauth-role",
            "x-vouch-idp-claims-email",
            "x-portkey-virtual-key",
            "helicone-property-session",
            "x-litellm-tags",
            "ssl-client-s-dn",
            "x-ssl-client-verify",
            "x-client-cert-chain",
            "x-client-dn",
            "x-spiffe-id",
            "x-userinfo",
            "x-useremail",
            "x-consumer-custom-id",
            "x-credential-identifier",
            "x-authenticated-groups",
            "x-forwarded-email",
            "x-original-url",
            "x-hasura-role",
            "impersonate-extra-scopes",
            "baggage",
            "ot-baggage-user",
            "correlation-context",
            "from",
            "via",
            "x-real-ip",
            "x-client-id",
            "x-ibm-client-id",
            "x-device-serial",
            "x-virtual-key",
            "x-functions-key",
            "x-csrf-token",
            "x_forwarded_for",
            "content_type",
            "accept_encoding",
            "transfer_encoding",
        ] {
            assert_eq!(
                HeaderClass::of(name.as_bytes()),
                HeaderClass::Caller,
                "{name}"
            );
        }
    }

    #[test]
    fn accounts_and_browsers_have_their_own_class() {
        for name in [
            "openai-organization",
            "openai-project",
            "openai_project",
            "anthropic-workspace-id",
            "chatgpt-account-id",
            "x-goog-user-project",
            "x-tenant",
        ] {
            assert_eq!(
                HeaderClass::of(name.as_bytes()),
                HeaderClass::Account,
                "{name}"
            );
        }
        for name in [
            "origin",
            "referer",
            "sec-fetch-mode",
            "sec-ch-ua",
            "x-requested-with",
        ] {
            assert_eq!(
                HeaderClass::of(name.as_bytes()),
                HeaderClass::Browser,
                "{name}"
            );
        }
    }

    #[test]
    fn what_sdks_send_is_a_part_of_the_api() {
        for name in [
            "anthropic-beta",
            "anthropic-dangerous-direct-browser-access",
            "anthropic-version",
            "chatgpt-client-version",
            "conversation_id",
            "http-referer",
            "idempotency-key",
            "x-idempotency-key",
            "openai-beta",
            "openai-version",
            "originator",
            "prefer",
            "priority",
            "session_id",
            "traceparent",
            "tracestate",
            "x-app",
            "x-claude-code-session-id",
            "x-client-request-id",
            "x-codex-turn-metadata",
            "x-goog-api-client",
            "x-goog-api-version",
            "x-goog-request-params",
            "x-goog-upload-command",
            "x-goog-upload-file-name",
            "x-goog-upload-header-content-length",
            "x-initiator",
            "x-ms-client-request-id",
            "x-ms-user-agent",
            "x-ms-useragent",
            "x-openai-subagent",
            "x-server-timeout",
            "x-session-affinity",
            "x-stainless-arch",
            "x-stainless-helper-method",
            "x-stainless-package-version",
            "x-stainless-read-timeout",
            "x-stainless-retry-count",
            "x-stainless-runtime-version",
            "x-title",
        ] {
            assert_eq!(HeaderClass::of(name.as_bytes()), HeaderClass::Api, "{name}");
        }
        for name in [
            ":path",
            "accept",
            "content-type",
            "content-length",
            "host",
            "sec-websocket-key",
            "te",
            "user-agent",
            "x-forwarded-proto",
            "x-request-id",
        ] {
            assert_eq!(
                HeaderClass::of(name.as_bytes()),
                HeaderClass::Transport,
                "{name}"
            );
        }
    }

    #[test]
    fn a_pattern_is_a_name_a_prefix_or_a_suffix() {
        for (pattern, name, is_covered) in [
            ("X-User", "x-user", true),
            ("x-user", "x-user-id", false),
            ("x-user*", "x-user", true),
            ("x-user-*", "x-user-id", true),
            ("x-user-*", "x-users", false),
            ("*", "anything", true),
            ("*-Org-Id", "msh-org-id", true),
            ("*-org-id", "org-id", false),
            ("*-org-id", "x-org-ids", false),
        ] {
            let pattern = NamePattern::new(pattern);
            assert_eq!(
                pattern.matches(name.as_bytes()),
                is_covered,
                "{pattern:?} {name}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_underscore_is_read_as_a_hyphen(name in "(x-)?[a-z]{1,9}([-_](user|id|key|org|agent|x)){0,3}") {
            let hyphenated = name.replace('_', "-");
            let expected = match HeaderClass::of(hyphenated.as_bytes()) {
                HeaderClass::Transport if hyphenated != name => HeaderClass::Caller,
                class => class,
            };
            prop_assert_eq!(HeaderClass::of(name.as_bytes()), expected);
        }

        #[test]
        fn any_bytes_have_a_class(name: Vec<u8>) {
            HeaderClass::of(&name);
        }
    }
}
