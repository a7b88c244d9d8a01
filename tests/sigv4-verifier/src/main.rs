//! Signs requests with AWS's own crate, so that a mock can compare the signatures.
//!
//! Each line of standard input is a [`Request`] in JSON. For each, it writes a [`Response`] in JSON as a line of standard
//! output. The settings are those for all services except S3: the path is normalised and encoded again, and all given
//! headers are signed.

mod trace;

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

use trace::CanonicalRequests;

/// A request to sign, with the credentials and the scope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    /// As on the wire.
    path_and_query: String,
    /// The headers to sign, including `host`. `x-amz-date` and `x-amz-security-token` are optional. Their signed values
    /// are `time` and `session_token`.
    headers: Vec<(String, String)>,
    /// The payload's SHA-256 in lower-case hexadecimal.
    body_sha256: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
    /// In the format of `x-amz-date`: `20260102T030405Z`.
    time: String,
}

/// The expected signature, or the reason why the request cannot be signed.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", untagged)]
enum Response {
    Signed {
        authorization: String,
        /// Shown in error messages, to explain why a signature differs.
        canonical_request: String,
    },
    Failed {
        error: String,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let canonical_requests = CanonicalRequests::install()?;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let response =
            respond(&line?, &canonical_requests).unwrap_or_else(|error| Response::Failed {
                error: explain(&*error),
            });
        serde_json::to_writer(&mut output, &response)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn respond(line: &str, canonical_requests: &CanonicalRequests) -> Result<Response, Box<dyn Error>> {
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
        .ok_or("the signer returned no authorization header")?;
    Ok(Response::Signed {
        authorization,
        canonical_request: canonical_requests.take(),
    })
}

fn parse_time(text: &str) -> Result<SystemTime, time::error::Parse> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    Ok(PrimitiveDateTime::parse(text, format)?.assume_utc().into())
}

/// The message of an error and its causes.
fn explain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
