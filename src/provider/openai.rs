//! OpenAI: a bearer token both ways, `/v1` where the SDK leaves it out.

use super::{CredentialRule, KeyPlacement, Profile};
use crate::authn::token::TokenSlot;

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai",
    base_url: Some("https://api.openai.com/v1"),
    version: "v1",
    before_version: &[],
    token_slots: |_| &[TokenSlot::Bearer],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        passthrough: true,
        key_header: true,
    },
    account_headers: &["openai-organization", "openai-project"],
};
