//! One configured upstream.

pub mod credential;

use std::rc::Rc;

use crate::authz::ClaimMatch;
use crate::http::url::BaseUrl;
use crate::models::catalog::Catalog;
use crate::models::price::PriceList;
use crate::provider_kind::ProviderKind;
use crate::provider_kind::path_pattern::PathPattern;
use crate::provider_kind::upstream_path::{path_prefix, versionless_path};
use credential::Credential;

/// One configured provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Its name, the segment of the proxy URL.
    pub name: String,
    /// What is shown to people, where it differs from the name.
    pub display_name: Option<String>,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Whether requests are forwarded to it.
    pub enabled: bool,
    /// Where it is.
    pub base_url: BaseUrl,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How its requests are authorised there.
    pub credential: Credential,
    /// Whether its paths have no version, whatever its kind's have.
    pub paths_without_version: bool,
    /// The models that it serves, where not all.
    pub catalog: Option<Rc<Catalog>>,
    /// Paths that pass without a model, beside those of its kind.
    pub paths_without_model: Vec<PathPattern>,
    /// What their tokens cost.
    pub prices: Rc<PriceList>,
    /// Headers that each request to it gets, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Who may use it, where that is narrower than the permissions.
    pub allow: Option<Vec<ClaimMatch>>,
}

impl Provider {
    /// The path at the provider for one that a client asks for.
    pub fn upstream_path(&self, path: &[u8]) -> Vec<u8> {
        let base = self.base_url.path();
        if self.paths_without_version {
            return versionless_path(base, path);
        }
        self.kind.profile().paths.upstream_path(base, path)
    }

    /// The path by which a client may ask for one at the provider, without a leading slash: whoever takes it looks whether
    /// [`Self::upstream_path`] leads back.
    pub fn client_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(path_prefix(self.base_url.path()))?
            .strip_prefix('/')
    }
}
