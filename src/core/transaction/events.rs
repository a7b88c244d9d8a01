//! The inputs and outputs of a transaction.

use std::borrow::Cow;

use crate::base::chunk::Chunk;
use crate::forward::UpstreamRequest;
use crate::gateway::Resource;
use crate::http::head::{RequestHead, ResponseHead};
use crate::reply::Reply;
use crate::telemetry::Measurement;
use crate::usage::End;

/// What happens to a request.
pub enum Input<'a> {
    /// The request's head has arrived.
    RequestHead(RequestHead),
    /// More of the request's body has arrived. The driver delivers it as
    /// [`RequestBody`](Self::RequestBody) if the transaction wants it.
    MoreBody,
    /// A piece of the request's body.
    RequestBody(Chunk<'a>),
    /// The fetch that the request waited for has ended.
    FetchEnded,
    /// The request cannot wait for a fetch, because too many others do.
    CannotWait,
    /// The request needs its body, and the host does not deliver it.
    BodyOverdue,
    /// The host holds too much of the bodies of this request or of all.
    HeldTooMuch(HoldLimit),
    /// The host refused to rewrite the request for the provider.
    EditRefused,
    /// The response's head has arrived.
    ResponseHead(ResponseHead),
    /// The head of a response that the host or another of its filters makes instead of the provider.
    LocalReplyHead(ResponseHead),
    /// A piece of the response's body.
    ResponseBody(&'a [u8]),
    /// All bytes of the response's body that the host shows, if the transaction rewrites them.
    RewriteResponse(Chunk<'a>),
    /// The response has ended, or the stream has ended without one.
    Ended(End),
}

/// Which limit of held bodies is exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldLimit {
    /// That of a request whose caller is not authenticated, in bytes.
    Unauthenticated(u64),
    /// That of all requests of the worker.
    Worker,
}

/// Whether the caller of a request that is held has been authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authenticated {
    /// The caller is known, or the configuration trusts everyone.
    Yes,
    /// The keys are missing, or the provider itself authenticates its callers.
    No,
}

/// What the host must do, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Hold the request until this has been fetched.
    Await(Resource),
    /// Rewrite the request for the provider and let it continue.
    Forward(UpstreamRequest),
    /// Answer the request.
    Reply(Reply),
    /// Record this measurement.
    Measure(Measurement),
    /// Set this field of the access log.
    Log(&'static str, String),
    /// Remove these headers from the response.
    RemoveResponseHeaders(Vec<String>),
    /// Replace all bytes of the response's body that the host shows.
    ReplaceResponseBody(Vec<u8>),
    /// Set these headers of the response.
    SetResponseHeaders(Vec<(&'static str, Cow<'static, str>)>),
}

/// Whether the host may pass on what has arrived of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Pass it on.
    Continue,
    /// Hold it.
    Pause,
}
