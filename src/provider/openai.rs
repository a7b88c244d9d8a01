//! OpenAI: a bearer token both ways, `/v1` where the SDK leaves it out.

use super::{CredentialRule, KeyPlacement, Profile, PublicService};
use crate::authn::token::TokenSlot;

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai",
    public_service: PublicService::Global("https://api.openai.com/v1"),
    version: "v1",
    before_version: &[],
    path_aliases: &[],
    token_slots: |_| &[TokenSlot::Bearer],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    account_headers: &["openai-organization", "openai-project"],
};
