//! What a transaction is told, and what it says.

use crate::forward::UpstreamRequest;
use crate::gateway::Resource;
use crate::http::head::{RequestHead, ResponseHead};
use crate::reply::Reply;
use crate::telemetry::Measurement;
use crate::usage::End;

/// What happens to a request.
pub enum Input<'a> {
    /// Its head has arrived.
    RequestHead(RequestHead),
    /// More of its body is there, to be handed in if it is wanted.
    MoreBody,
    /// More of its body, as it was wanted.
    RequestBody {
        /// The new bytes.
        chunk: &'a [u8],
        /// Whether they are the last.
        is_last: bool,
    },
    /// The fetch that it waited for has ended.
    Settled,
    /// It cannot wait for a fetch: too many others do.
    CannotWait,
    /// Its body was asked for, and the host does not hand it over.
    BodyOverdue,
    /// The host refused to make it the provider's.
    EditRefused,
    /// The response's head has arrived.
    ResponseHead(ResponseHead),
    /// A piece of the response's body passes.
    ResponseBody(&'a [u8]),
    /// The response, or the stream without it, has ended.
    Ended(End),
}

/// What the host is to do, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Have the request wait until that has been fetched.
    Await(Resource),
    /// Make the request the provider's, and let it go on.
    Forward(UpstreamRequest),
    /// Answer it.
    Reply(Reply),
    /// Measure this.
    Measure(Measurement),
    /// Give the access log this field.
    Log(&'static str, String),
    /// Take these headers off the response.
    RemoveResponseHeaders(Vec<String>),
    /// Give these headers of the response other values.
    SetResponseHeaders(Vec<(&'static str, String)>),
}

/// Whether the host may pass on what has arrived of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// It may.
    Continue,
    /// It holds it back.
    Pause,
}
