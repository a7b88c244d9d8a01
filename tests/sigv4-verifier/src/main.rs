//! Signs requests as AWS's own crate would, so that a mock can compare.
//!
//! Each line of standard input is a [`Request`] in JSON, each line of standard output its [`Answer`]. The settings are
//! those for every service but S3: the path is normalised and encoded once more, all given headers are signed.

mod working;

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use serde::{Deserialize, Serialize};
use time::PrimitiveDateTime;
use time::macros::format_description;

use working::Working;

/// What is to be signed, by whom, for what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    /// As on the wire.
    path_and_query: String,
    /// The headers to sign, `host` among them. `x-amz-date` and `x-amz-security-token` may be left out: they are
    /// signed as `time` and `session_token` say.
    headers: Vec<(String, String)>,
    /// The payload's SHA-256 in lower-case hexadecimal.
    body_sha256: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
    /// As in `x-amz-date`: `20260102T030405Z`.
    time: String,
}

/// What a right request carries, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", untagged)]
enum Answer {
    Signed {
        authorization: String,
        /// For people: where a signature differs, this tells why.
        canonical_request: String,
    },
    Failed {
        error: String,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let working = Working::install()?;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?, &working).unwrap_or_else(|error| Answer::Failed {
            error: explain(&*error),
        });
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &str, working: &Working) -> Result<Answer, Box<dyn Error>> {
    let request: Request = serde_json::from_str(line)?;
    let identity = Identity::from(Credentials::new(
        request.access_key_id,
        request.secret_access_key,
        request.session_token,
        None,
        "mock",
    ));
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&request.region)
        .name(&request.service)
        .time(parse_time(&request.time)?)
        .settings(settings)
        .build()?
        .into();
    let signable = SignableRequest::new(
        &request.method,
        &request.path_and_query,
        request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Precomputed(request.body_sha256),
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let authorization = instructions
        .headers()
        .find(|(name, _)| *name == "authorization")
        .map(|(_, value)| value.to_owned())
        .ok_or("the signer made no authorization header")?;
    Ok(Answer::Signed {
        authorization,
        canonical_request: working.take_canonical_request(),
    })
}

fn parse_time(text: &str) -> Result<SystemTime, time::error::Parse> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    Ok(PrimitiveDateTime::parse(text, format)?.assume_utc().into())
}

/// An error with its causes.
fn explain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
