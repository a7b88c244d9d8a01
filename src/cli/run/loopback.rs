//! A proxy on the loopback for one client that cannot renew a token itself. It forwards each
//! request to the gateway with a valid token, and streams the response.
//!
//! The first segment of its URLs is a secret that only the client learns, from its environment or a
//! private file. It serves HTTP/1.1 without upgrades.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::json;
use ureq::http::{self, HeaderMap, Response};
use ureq::{Agent, Body};

use super::request::{self, Connection, Request};
use crate::clients::Injection;
use crate::failure::{Failure, Kind};
use crate::http::{streaming_agent, unreachable, without_query};
use crate::output::detail;
use crate::session::Session;

/// Headers of a single connection (RFC 9110 §7.6.1), and headers that the proxy sets itself.
const HOP_BY_HOP_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The address of a proxy that runs until the process ends.
pub(super) struct Loopback {
    address: SocketAddr,
    secret: String,
}

struct Proxy {
    session: Session,
    agent: Agent,
    /// The provider's proxy URL.
    upstream: String,
    /// The secret first segment, with its slashes.
    prefix: String,
    injection: Injection,
}

impl Loopback {
    /// Starts the proxy on a free port. Paths below [`Self::base_url`] are those below `upstream`.
    pub(super) fn start(
        session: Session,
        upstream: String,
        injection: Injection,
        secret: String,
    ) -> Result<Self, Failure> {
        let failure = |error: std::io::Error| {
            Failure::new(
                Kind::Failed,
                format!("cannot listen on the loopback: {error}"),
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failure)?;
        let address = listener.local_addr().map_err(failure)?;
        let proxy = Arc::new(Proxy {
            session,
            agent: streaming_agent(),
            upstream,
            prefix: format!("/{secret}/"),
            injection,
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let proxy = Arc::clone(&proxy);
                std::thread::spawn(move || {
                    // An error affects only this connection.
                    let _ = proxy.serve(&stream);
                });
            }
        });
        Ok(Self { address, secret })
    }

    /// The provider's base URL for the client.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}/{}", self.address, self.secret)
    }
}

impl Proxy {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = request::read(&mut reader, stream)? {
            let connection = request.connection;
            self.respond(request, stream)?;
            if connection == Connection::Close {
                break;
            }
        }
        Ok(())
    }

    fn respond(&self, request: Request, stream: &TcpStream) -> std::io::Result<()> {
        let Some(rest) = request.target.strip_prefix(&self.prefix) else {
            return refuse(stream, 404, "unknown path");
        };
        let url = format!("{}/{rest}", self.upstream);
        let body_policy = BodyPolicy::of(&request.method);
        let token = match self.session.token() {
            Ok(token) => token,
            Err(failure) => return refuse(stream, 401, &failure.to_string()),
        };
        match self.forward(request, &url, &token) {
            Ok(response) => {
                detail(&format!(
                    "{} answers {}",
                    without_query(&url),
                    response.status()
                ));
                relay(response, body_policy, stream)
            }
            Err(error) => refuse(stream, 502, &unreachable(&url, &error).to_string()),
        }
    }

    fn forward(
        &self,
        request: Request,
        url: &str,
        token: &str,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut forwarded = http::Request::builder()
            .method(request.method.as_str())
            .uri(url);
        for (name, value) in &request.headers {
            if !HOP_BY_HOP_HEADERS.contains(&name.as_str()) && !self.injection.replaces(name) {
                forwarded = forwarded.header(name, value.as_slice());
            }
        }
        let (name, value) = self.injection.header(token);
        forwarded = forwarded.header(name, value);
        match request.body {
            Some(body) => self.agent.run(forwarded.body(body)?),
            None => self.agent.run(forwarded.body(())?),
        }
    }
}

/// Whether a response may have a body (RFC 9110 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyPolicy {
    ByStatus,
    Never,
}

impl BodyPolicy {
    fn of(method: &str) -> Self {
        match method {
            "HEAD" => Self::Never,
            _ => Self::ByStatus,
        }
    }
}

/// Streams a response to the client.
fn relay(
    response: Response<Body>,
    body_policy: BodyPolicy,
    mut stream: &TcpStream,
) -> std::io::Result<()> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let length = response.headers().get("content-length").cloned();
    write_headers(&mut head, response.headers());
    let has_body = body_policy == BodyPolicy::ByStatus && !matches!(status.as_u16(), 204 | 304);
    let is_chunked = has_body && length.is_none();
    match length {
        Some(length) => {
            head.extend(b"content-length: ");
            head.extend(length.as_bytes());
            head.extend(b"\r\n\r\n");
        }
        None if is_chunked => head.extend(b"transfer-encoding: chunked\r\n\r\n"),
        None => head.extend(b"\r\n"),
    }
    stream.write_all(&head)?;
    if !has_body {
        return Ok(());
    }
    let mut body = response.into_body().into_reader();
    let mut buffer = [0; 16 * 1024];
    loop {
        let size = std::io::Read::read(&mut body, &mut buffer)?;
        let data = buffer.get(..size).unwrap_or_default();
        if data.is_empty() {
            break;
        }
        if is_chunked {
            let mut chunk = format!("{size:x}\r\n").into_bytes();
            chunk.extend(data);
            chunk.extend(b"\r\n");
            stream.write_all(&chunk)?;
        } else {
            stream.write_all(data)?;
        }
    }
    if is_chunked {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if !HOP_BY_HOP_HEADERS.contains(&name.as_str()) {
            head.extend(name.as_str().as_bytes());
            head.extend(b": ");
            head.extend(value.as_bytes());
            head.extend(b"\r\n");
        }
    }
}

/// Responds with an error of the proxy itself, in a format that the SDKs can parse.
fn refuse(mut stream: &TcpStream, status: u16, message: &str) -> std::io::Result<()> {
    let error = json!({ "type": "api_error", "message": message, "status": "UNAVAILABLE" });
    let body = json!({ "type": "error", "message": message, "error": error }).to_string();
    let head = format!(
        "HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}
