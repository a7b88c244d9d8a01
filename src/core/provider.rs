//! One configured upstream.

pub mod credential;

use std::rc::Rc;

use crate::authz::ClaimMatch;
use crate::http::header_class::NamePattern;
use crate::http::path_pattern::{PathPattern, PathRules};
use crate::http::url::BaseUrl;
use crate::models::catalog::Catalog;
use crate::models::price::PriceList;
use crate::provider_kind::ProviderKind;
use crate::provider_kind::upstream_path::{path_prefix, versionless_path};
use credential::Credential;

/// One configured provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Its name, which is a segment of the proxy URL.
    pub name: String,
    /// The name for people, if it differs.
    pub display_name: Option<String>,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Whether requests are forwarded to it.
    pub enabled: bool,
    /// Its base URL.
    pub base_url: BaseUrl,
    /// The host's cluster for it.
    pub cluster: String,
    /// The credential of upstream requests.
    pub credential: Credential,
    /// Whether its paths have no version, although those of its kind do.
    pub paths_without_version: bool,
    /// The models that may be used; `None` means all.
    pub catalog: Option<Rc<Catalog>>,
    /// More paths that need no model, in addition to those of its kind.
    pub paths_without_model: Vec<PathPattern>,
    /// The paths that may be requested.
    pub paths: PathRules,
    /// The prices of its tokens.
    pub prices: Rc<PriceList>,
    /// Headers that are set on each upstream request. Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// Which headers pass, besides those that the gateway always removes.
    pub header_rules: HeaderRules,
    /// The only callers who may use it, even with the permission; `None` means no restriction.
    pub allow: Option<Vec<ClaimMatch>>,
}

/// The operator's rules on which headers pass between a client and a provider.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeaderRules {
    /// Request headers that are not forwarded.
    pub request_removed: Vec<NamePattern>,
    /// The only request headers that are forwarded; `None` means all that look harmless. A header
    /// that is listed by its whole name is forwarded even if it describes the caller.
    pub request_allowed: Option<Vec<NamePattern>>,
    /// Response headers that are not forwarded, in addition to those for all providers.
    pub response_removed: Vec<NamePattern>,
}

impl HeaderRules {
    /// Adds the rules on requests that hold for all providers. A list of allowed headers applies
    /// where the provider has none.
    pub fn add_for_all(&mut self, rules: &Self) {
        self.request_removed
            .extend_from_slice(&rules.request_removed);
        if self.request_allowed.is_none() {
            self.request_allowed.clone_from(&rules.request_allowed);
        }
    }
}

impl Provider {
    /// The upstream path for a client's path.
    pub fn upstream_path(&self, path: &[u8]) -> Vec<u8> {
        let base = self.base_url.path();
        if self.paths_without_version {
            return versionless_path(base, path);
        }
        self.kind.profile().paths.upstream_path(base, path)
    }

    /// A path that a client may request for an upstream path, without a leading slash. The caller
    /// must check that [`Self::upstream_path`] leads back.
    pub fn client_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(path_prefix(self.base_url.path()))?
            .strip_prefix('/')
    }
}
