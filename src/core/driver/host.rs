//! What the driver needs from the proxy it runs in.

use std::borrow::Cow;
use std::time::Duration;

use crate::base::shared_data::SharedData;
use crate::base::time::Clock;
use crate::fetch::callout::Callout;
use crate::forward::UpstreamRequest;
use crate::http::head::{RequestHead, ResponseHead};
use crate::reply::Reply;
use crate::telemetry::metric::MetricKind;

/// Why the host did not do what it was asked: a status of the proxy-wasm ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("status {0}")]
pub struct HostError(pub u32);

impl HostError {
    /// The host cannot do what the arguments ask for.
    pub const BAD_ARGUMENT: Self = Self(2);
}

/// The proxy, as the driver sees it: Envoy, or a fake one in tests.
///
/// Methods about a request, a response or a callout concern the one of the current callback, or of
/// the context chosen by [`set_effective_context`](Self::set_effective_context). A method must not
/// call back into the driver. Errors are returned where the driver acts on them; the others are
/// logged by the implementation.
pub trait Host: Clock + SharedData + Clone + 'static {
    /// Major and minor version of the proxy, if it says.
    fn version(&self) -> Option<(u64, u64)>;

    /// Makes the calls that follow concern another context.
    ///
    /// # Errors
    ///
    /// The context is gone.
    fn set_effective_context(&self, context: u32) -> Result<(), HostError>;

    /// Sets how often the root context's tick comes.
    fn set_tick_period(&self, period: Duration);

    /// Sends a callout. Its response carries the returned token.
    ///
    /// # Errors
    ///
    /// The host cannot send it: [`HostError::BAD_ARGUMENT`] if it has no such cluster, another
    /// status if the cluster has no address to send it to.
    fn send_callout(&self, callout: &Callout) -> Result<u32, HostError>;

    /// A header of a callout's response.
    fn callout_response_header(&self, name: &str) -> Option<Vec<u8>>;

    /// The first `size` bytes of a callout's response body.
    fn callout_response_body(&self, size: usize) -> Vec<u8>;

    /// Calls Envoy's foreign function `verify_signature`, with arguments and result in protobuf.
    ///
    /// # Errors
    ///
    /// The host has no such function, or the function rejects its arguments.
    fn verify_signature(&self, arguments: &[u8]) -> Result<Vec<u8>, HostError>;

    /// The request's head.
    fn request_head(&self) -> RequestHead;

    /// Bytes of the request's body that the host shows in this callback or holds back.
    fn request_body(&self, start: usize, length: usize) -> Vec<u8>;

    /// How many bytes of the body of a request have arrived, after its head is gone.
    fn body_size_received(&self) -> Option<i64>;

    /// Removes all trailers of the request.
    fn remove_request_trailers(&self);

    /// Turns the request's head into the provider's, and has the host route it again.
    ///
    /// # Errors
    ///
    /// The host refuses an edit.
    fn forward(&self, request: &UpstreamRequest) -> Result<(), HostError>;

    /// Resumes a request that is held.
    fn resume_request(&self);

    /// Answers the request in place of a provider.
    fn reply(&self, reply: &Reply);

    /// The response's head.
    fn response_head(&self) -> ResponseHead;

    /// Bytes of the current piece of the response's body.
    fn response_body(&self, start: usize, length: usize) -> Vec<u8>;

    /// Replaces the current piece of the response's body.
    ///
    /// # Errors
    ///
    /// The host refuses the edit.
    fn set_response_body(&self, bytes: &[u8]) -> Result<(), HostError>;

    /// Removes headers of the response.
    fn remove_response_headers(&self, names: &[String]);

    /// Replaces headers of the response.
    fn set_response_headers(&self, headers: &[(&'static str, Cow<'static, str>)]);

    /// What produced the response, such as `via_upstream`.
    fn response_details(&self) -> Vec<u8>;

    /// The status of the response, whatever produced it.
    fn response_code(&self) -> Option<i64>;

    /// Sets a field of the access log: `%FILTER_STATE(wasm.<name>:PLAIN)%`.
    fn set_log_field(&self, name: &str, value: &str);

    /// Defines a metric, or finds the one of this name. Returns its id.
    ///
    /// # Errors
    ///
    /// The host refuses the metric.
    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError>;

    /// Adds to a counter or a gauge.
    ///
    /// # Errors
    ///
    /// There is no such metric.
    fn increment_metric(&self, id: u32, offset: i64) -> Result<(), HostError>;

    /// Sets a gauge or records a value in a histogram.
    ///
    /// # Errors
    ///
    /// There is no such metric.
    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError>;
}
