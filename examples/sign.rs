//! Signs requests with AWS Signature Version 4. Reads one JSON object per line and writes the headers to add.
//!
//! `tests/integration/bedrock/test_sigv4.py` uses it to compare this implementation with others.

use std::io::{BufRead, Write};

use ai_gateway_core::aws::credentials::AwsCredentials;
use ai_gateway_core::aws::sigv4::{Scope, SignableRequest, SigningKeys, sign};
use ai_gateway_core::base::secret::Secret;
use ai_gateway_core::base::time::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Request {
    method: String,
    target: String,
    authority: String,
    content_type: Option<String>,
    payload_sha256: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    time: String,
    region: String,
    service: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut keys = SigningKeys::default();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let credentials = AwsCredentials {
            access_key_id: request.access_key_id,
            secret_access_key: Secret::new(request.secret_access_key),
            session_token: request.session_token.map(Secret::new),
            expires_at: None,
        };
        let signable = SignableRequest {
            method: &request.method,
            target: request.target.as_bytes(),
            authority: &request.authority,
            content_type: request.content_type.as_deref().map(str::as_bytes),
            payload_sha256: &request.payload_sha256,
        };
        let scope = Scope {
            time: UnixTime::parse_rfc_3339(&request.time).ok_or("time is not RFC 3339")?,
            region: &request.region,
            service: &request.service,
        };
        let headers: Map<String, Value> = sign(&signable, &credentials, scope, &mut keys)
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.expose().into()))
            .collect();
        writeln!(output, "{}", Value::Object(headers))?;
    }
    Ok(())
}
