//! Anthropic: the key in `x-api-key`; SDKs bring a token there or in `Authorization`.

use std::borrow::Cow;

use super::{CredentialRule, KeyPlacement, Profile};
use crate::authn::token::TokenSlot;

pub(super) const PROFILE: Profile = Profile {
    type_name: "anthropic",
    base_url: Some("https://api.anthropic.com"),
    version: "v1",
    before_version: &[],
    token_slots: |_| &[TokenSlot::Bearer, TokenSlot::XApiKey],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Header(Cow::Borrowed("x-api-key")),
    credentials: CredentialRule {
        optional: false,
        passthrough: true,
        key_header: false,
    },
    account_headers: &["anthropic-organization-id"],
};
