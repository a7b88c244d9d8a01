//! Anthropic: the key in `x-api-key`; SDKs bring a token there or in `Authorization`.

use std::borrow::Cow;

use super::{CredentialRule, KeyPlacement, Profile, PublicService};
use crate::authn::token::TokenSlot;

pub(super) const PROFILE: Profile = Profile {
    type_name: "anthropic",
    public_service: PublicService::Global("https://api.anthropic.com"),
    version: "v1",
    before_version: &[],
    path_aliases: &[],
    token_slots: |_| &[TokenSlot::Bearer, TokenSlot::XApiKey],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Header(Cow::Borrowed("x-api-key")),
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: false,
        signing_service: None,
    },
    account_headers: &["anthropic-organization-id"],
};
