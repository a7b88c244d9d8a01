//! One token: parsing it (RFC 7515 §7.1), and validating its claims (RFC 7519 §4.1) after its
//! signature has been verified.

mod claim_value;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use thiserror::Error;

pub use claim_value::is_claim_reference;

use super::jwk::Algorithm;
use crate::base::time::UnixTime;
use claim_value::Words;

/// An issuer's index in the configuration.
pub type IssuerIndex = usize;

/// A parsed token in compact serialization. Nothing of it is verified.
pub struct UnverifiedToken<'a> {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// The unverified `iss`.
    pub issuer: String,
    /// The bytes that are signed.
    pub signed: &'a [u8],
    /// The decoded signature.
    pub signature: Vec<u8>,
    payload: Vec<u8>,
}

/// For whom an issuer's tokens must be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audiences {
    /// The accepted audiences. A token must name one of them.
    pub accepted: Vec<String>,
    /// The claims that may name it: names, or JSON pointers if they start with `/`.
    pub claims: Vec<String>,
}

/// The claims of a verified token.
#[derive(Clone, PartialEq, Debug)]
pub struct Claims {
    /// The issuer.
    pub issuer: IssuerIndex,
    /// `sub`.
    pub subject: Option<String>,
    /// `exp`.
    pub expires_at: UnixTime,
    all: Map<String, Value>,
}

/// Why a token is rejected. The client is at fault.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token was sent.
    #[error(
        "no token was sent; send an OIDC access token where the provider's SDK puts its API key: \
         \"authorization: Bearer <token>\", x-api-key, api-key or x-goog-api-key"
    )]
    Missing,
    /// The scheme in `authorization` is not `Bearer`.
    #[error(
        "the authorization header is not a bearer token; send \"authorization: Bearer <token>\" \
         (an AWS SDK that signs: the token as its session token, or in x-ai-gateway-authorization)"
    )]
    Scheme,
    /// The token is longer than the gateway accepts.
    #[error(
        "the token is longer than {0} bytes, the most that this gateway accepts; have its issuer \
         put less into it, or raise authentication.max_token_bytes"
    )]
    TooLong(usize),
    /// The token is not a signed JSON Web Token.
    #[error("the token is malformed: {0}; send an OIDC access token as the issuer gave it")]
    Malformed(&'static str),
    /// `alg` is not accepted from the issuer.
    #[error("the token's signature algorithm is not accepted; have its issuer sign with another")]
    AlgorithmNotAllowed,
    /// `iss` is not one of the configured issuers.
    #[error(
        "the token's issuer is not accepted; request a token from this gateway's identity provider"
    )]
    IssuerUnknown,
    /// The issuer does not publish the key.
    #[error("the token is signed with a key that its issuer does not publish; request a new one")]
    KeyUnknown,
    /// The token has no `kid`, and its issuer publishes several keys that may have signed it.
    #[error(
        "the token does not name its key (kid), and its issuer publishes several that may have \
         signed it; have the issuer name the key"
    )]
    KeyIdMissing,
    /// The signature does not verify.
    #[error("the token's signature is invalid; request a new one")]
    SignatureInvalid,
    /// `exp` has passed.
    #[error("the token expired at {0}; request a new one")]
    Expired(UnixTime),
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid before {0}; check the issuer's clock")]
    NotYetValid(UnixTime),
    /// `aud` names none of the accepted audiences.
    #[error("the token is for another audience; request one for audience \"{0}\"")]
    AudienceNotAccepted(String),
    /// The token is valid, but where this provider's clients do not send it.
    #[error("the token is in the wrong place; for this provider send it in \"{0}\"")]
    Misplaced(&'static str),
}

impl<'a> UnverifiedToken<'a> {
    /// Parses a token. Base64url must be canonical and no header parameter may be repeated. Every
    /// `crit` is rejected, because no extension is implemented (RFC 7515 §4.1.11).
    pub fn parse(token: &'a [u8]) -> Result<Self, TokenError> {
        use TokenError::Malformed;
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed("it does not have three parts"));
        };
        let signed = header.len() + 1 + payload.len();
        let decode = |part: &[u8]| {
            BASE64_URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| Malformed("a part is not base64url"))
        };
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

        let UniqueMembers(header) = serde_json::from_slice(&header)
            .map_err(|_| Malformed("its header is not a plain JSON object"))?;
        if header.contains_key("crit") {
            return Err(Malformed("it has critical header parameters"));
        }
        // With RFC 7797 the payload itself would be signed, not its encoding.
        if header
            .get("b64")
            .is_some_and(|encoded| *encoded != Value::Bool(true))
        {
            return Err(Malformed("its payload is not encoded (b64)"));
        }
        if header.get("typ").is_some_and(is_for_another_purpose) {
            return Err(Malformed("its type (typ) is not an access token's"));
        }
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::from_name)
            .ok_or(TokenError::AlgorithmNotAllowed)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Malformed("its key id (kid) is not a string")),
        };
        let IssuerClaim { issuer } = serde_json::from_slice(&payload)
            .map_err(|_| Malformed("its claims are not a JSON object with an issuer"))?;
        Ok(Self {
            algorithm,
            key_id,
            issuer,
            signed: token.get(..signed).unwrap_or_default(),
            signature,
            payload,
        })
    }

    /// Validates the claims: the times and the audience. Call this only after the signature has
    /// been verified.
    pub fn claims(
        &self,
        issuer: IssuerIndex,
        audiences: &Audiences,
        clock_skew: Duration,
        now: UnixTime,
    ) -> Result<Claims, TokenError> {
        use TokenError::Malformed;
        let UniqueMembers(all) = serde_json::from_slice(&self.payload)
            .map_err(|_| Malformed("its claims are not plain JSON"))?;

        let expires_at = numeric_date(&all, "exp")?.ok_or(Malformed("it has no expiry (exp)"))?;
        if now >= expires_at {
            return Err(TokenError::Expired(expires_at));
        }
        for claim in ["nbf", "iat"] {
            if let Some(valid_from) = numeric_date(&all, claim)?
                && valid_from > now + clock_skew
            {
                return Err(TokenError::NotYetValid(valid_from));
            }
        }
        if !audiences.are_named_by(&all) {
            let wanted = audiences.accepted.first().cloned().unwrap_or_default();
            return Err(TokenError::AudienceNotAccepted(wanted));
        }
        let subject = match all.get("sub") {
            None => None,
            Some(Value::String(subject)) => Some(subject.clone()),
            Some(_) => return Err(Malformed("its subject (sub) is not a string")),
        };
        Ok(Claims {
            issuer,
            subject,
            expires_at,
            all,
        })
    }
}

impl Claims {
    /// When the token was issued, if it says so.
    pub fn issued_at(&self) -> Option<UnixTime> {
        numeric_date(&self.all, "iat").ok().flatten()
    }

    /// Whether one of the claims `named_in` names one of the `accepted` audiences.
    pub fn is_for(&self, accepted: &[String], named_in: &[String]) -> bool {
        names_audience(&self.all, accepted, named_in)
    }

    /// The value of a claim, by its name or by a JSON pointer (RFC 6901), which starts with `/`.
    pub fn value(&self, claim: &str) -> Option<&Value> {
        claim_value::find(&self.all, claim)
    }

    /// Whether a claim is this text, or contains it: as an item of an array, as the name of a member
    /// of an object, or as a word of `scope` or `scp`.
    pub fn has_value(&self, claim: &str, wanted: &str) -> bool {
        self.any_text(claim, |text| text == wanted)
    }

    /// Calls `matches` with each text that a claim stands for, until it returns true. Returns
    /// whether it did.
    pub fn any_text(&self, claim: &str, matches: impl FnMut(&str) -> bool) -> bool {
        self.value(claim)
            .is_some_and(|value| claim_value::any_text(value, Words::of(claim), matches))
    }

    /// Like [`Self::has_value`], but any claim may be a string of words separated by spaces.
    pub fn has_word(&self, claim: &str, wanted: &str) -> bool {
        self.value(claim)
            .is_some_and(|value| claim_value::any_text(value, Words::Split, |text| text == wanted))
    }

    /// For tests: claims as if a token with these had been verified.
    #[cfg(test)]
    pub(crate) fn from_json(json: &str) -> Self {
        let UniqueMembers(all) = serde_json::from_str(json).unwrap();
        Self {
            issuer: 0,
            subject: all.get("sub").and_then(Value::as_str).map(str::to_owned),
            expires_at: UnixTime::from_secs(u64::MAX),
            all,
        }
    }
}

impl TokenError {
    /// The stable error code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::TooLong(_) => "token_too_long",
            Self::Scheme | Self::Malformed(_) => "token_malformed",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::IssuerUnknown => "issuer_unknown",
            Self::KeyUnknown => "key_unknown",
            Self::KeyIdMissing => "key_id_missing",
            Self::SignatureInvalid => "signature_invalid",
            Self::Expired(_) => "token_expired",
            Self::NotYetValid(_) => "token_not_yet_valid",
            Self::AudienceNotAccepted(_) => "audience_not_accepted",
            Self::Misplaced(_) => "token_misplaced",
        }
    }

    /// Whether the client can succeed with a new token of the same kind, or later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::NotYetValid(_))
    }
}

/// Whether `typ` says that a token is not meant as an access token but, for example, as a logout
/// token or a proof of possession (RFC 8725 §3.11). Access tokens have `at+jwt` (RFC 9068 §2.1),
/// which some issuers prefix, or a general type such as `JWT`.
fn is_for_another_purpose(kind: &Value) -> bool {
    let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
    kind.strip_suffix("+jwt")
        .and_then(|kind| kind.rsplit(['/', '-']).next())
        .is_some_and(|kind| kind != "at")
}

/// A NumericDate (RFC 7519 §2): seconds since the epoch, a fraction allowed.
fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<UnixTime>, TokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value
        .as_f64()
        .filter(|seconds| *seconds >= 0.0)
        .ok_or(TokenError::Malformed(
            "a date (exp, nbf, iat) is not a number of seconds",
        ))?;
    let since_epoch = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Ok(Some(UnixTime::new(since_epoch)))
}

impl Audiences {
    /// Whether one of the claims, each a string or an array of strings, names one of the audiences.
    fn are_named_by(&self, claims: &Map<String, Value>) -> bool {
        names_audience(claims, &self.accepted, &self.claims)
    }
}

fn names_audience(claims: &Map<String, Value>, accepted: &[String], named_in: &[String]) -> bool {
    let is_accepted = |value: &Value| accepted.iter().any(|audience| value == audience);
    let named = named_in.iter();
    let mut named = named.filter_map(|claim| claim_value::find(claims, claim));
    named.any(|value| match value {
        Value::Array(values) => values.iter().any(is_accepted),
        value => is_accepted(value),
    })
}

/// The only claim that is read before the signature is verified.
#[derive(Deserialize)]
struct IssuerClaim {
    #[serde(rename = "iss")]
    issuer: String,
}

/// A JSON object without repeated members (RFC 7515 §4, RFC 7519 §4).
struct UniqueMembers(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<UniqueMembers, A::Error> {
                let mut all = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if all.insert(name, value).is_some() {
                        return Err(A::Error::custom("repeated member"));
                    }
                }
                Ok(UniqueMembers(all))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
