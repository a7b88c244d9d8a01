//! The one file that asks the host for something: what the rooms need, in their words.
//!
//! Each call is made only where the host has what it asks for; where it refuses nevertheless, that is
//! an answer like any other.

use std::time::Duration;

use super::imports::{self, Buffer, HostError, Map, MetricType};
use ai_gateway_core::base::hash::FxHashMap;
use ai_gateway_core::base::shared_data::SharedData;
use ai_gateway_core::base::time::{Clock, UnixTime};
use ai_gateway_core::fetch::callout::{self, Callout};
use ai_gateway_core::forward::UpstreamRequest;
use ai_gateway_core::http::head::{HeaderMap, RequestHead, ResponseHead};
use ai_gateway_core::http::url::Scheme;
use ai_gateway_core::reply::Reply;
use ai_gateway_core::telemetry::metric::{MetricKind, Labels, Measurement, Metric};

/// The host's clock.
pub(super) struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> UnixTime {
        now()
    }
}

/// The time now.
pub(super) fn now() -> UnixTime {
    UnixTime::new(Duration::from_nanos(
        imports::current_time().unwrap_or_default(),
    ))
}

/// Has the root context's tick come at this pace.
pub(super) fn set_tick_period(period: Duration) {
    if let Err(refused) = imports::set_tick_period(period) {
        log::error!("the host refuses a timer: {refused:?}");
    }
}

/// Makes the host act for another context; false when that one has gone.
pub(super) fn set_effective_context(context_id: u32) -> bool {
    imports::set_effective_context(context_id).is_ok()
}

/// The configuration of the plugin.
pub(super) fn plugin_configuration(size: usize) -> Vec<u8> {
    imports::buffer(Buffer::PluginConfiguration, 0, size).unwrap_or_default()
}

/// The head of the request at hand.
pub(super) fn request_head() -> RequestHead {
    HeaderMap::from_bytes(imports::header_map(Map::Request).unwrap_or_default()).into()
}

/// Makes the request at hand the provider's, and has the host pick its route anew. Hosts that pick
/// it anew at each edit do not know the function, which is as well.
pub(super) fn forward(request: &UpstreamRequest) -> Result<(), HostError> {
    for name in &request.remove {
        imports::remove_header(Map::Request, name)?;
    }
    for (name, value) in request.set.iter() {
        imports::set_header(Map::Request, name, value)?;
    }
    let _ = imports::foreign("clear_route_cache", b"");
    Ok(())
}

/// Takes all trailers off the request at hand: providers ask for none, and what a client puts there may be a credential.
pub(super) fn remove_request_trailers() {
    let trailers = imports::header_map(Map::RequestTrailers).unwrap_or_default();
    for (name, _) in HeaderMap::from_bytes(trailers).iter() {
        if let Err(refused) = imports::remove_header(Map::RequestTrailers, name) {
            log::error!("the host cannot remove a request's trailer: {refused:?}");
        }
    }
}

/// Bytes of the body that the host holds back for the request at hand.
pub(super) fn request_body(start: usize, length: usize) -> Vec<u8> {
    if length == 0 {
        return Vec::new();
    }
    imports::buffer(Buffer::RequestBody, start, length).unwrap_or_default()
}

/// Lets a request go on that was held.
pub(super) fn resume_request() {
    if let Err(refused) = imports::resume_request() {
        log::error!("the host cannot resume a request: {refused:?}");
    }
}

/// Whether the host loses a piece of what follows a request that was held: Envoy before 1.39, and who knows of
/// others.
pub(super) fn has_held_body_bug() -> bool {
    let number = |name| {
        let bytes = imports::property(&format!(
            "xds\0node\0user_agent_build_version\0version\0{name}"
        ))
        .ok()?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let version = number("major_number").zip(number("minor_number"));
    version.is_none_or(|version| version < (1, 39))
}

/// Answers the request at hand.
pub(super) fn reply(reply: &Reply) {
    let headers = reply.headers.iter();
    let headers = HeaderMap::new(headers.map(|(name, value)| (*name, value.as_bytes())));
    if let Err(refused) = imports::local_response(reply.status, headers.as_bytes(), &reply.body) {
        log::error!("the host cannot send a local reply: {refused:?}");
    }
}

/// The head of the response at hand.
pub(super) fn response_head() -> ResponseHead {
    HeaderMap::from_bytes(imports::header_map(Map::Response).unwrap_or_default()).into()
}

/// Bytes of the piece of the response's body at hand.
pub(super) fn response_body(start: usize, length: usize) -> Vec<u8> {
    imports::buffer(Buffer::ResponseBody, start, length).unwrap_or_default()
}

/// How the response at hand came about, in the host's words: `via_upstream`.
pub(super) fn response_details() -> Vec<u8> {
    imports::property("response\0code_details").unwrap_or_default()
}

/// The status of the response at hand, whoever made it.
pub(super) fn response_code() -> Option<i64> {
    let bytes = imports::property("response\0code").ok()?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// Gives the access log a field: `%FILTER_STATE(wasm.<name>:PLAIN)%`.
pub(super) fn log_field(name: &str, value: &str) {
    if let Err(refused) = imports::set_property(name, value.as_bytes()) {
        log::error!("the host takes no field for its log: {refused:?}");
    }
}

/// Takes headers off the response at hand.
pub(super) fn remove_response_headers(names: &[String]) {
    for name in names {
        if let Err(refused) = imports::remove_header(Map::Response, name) {
            log::error!("the host cannot remove a response header: {refused:?}");
        }
    }
}

/// Gives headers of the response at hand other values.
pub(super) fn set_response_headers(headers: &[(&str, String)]) {
    for (name, value) in headers {
        if let Err(refused) = imports::set_header(Map::Response, name, value.as_bytes()) {
            log::error!("the host cannot change a response header: {refused:?}");
        }
    }
}

/// Sends a callout; the token that its answer will bear.
pub(super) fn dispatch(callout: &Callout) -> Result<u32, HostError> {
    let scheme = match callout.endpoint.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let mut headers = vec![
        (":method", callout.method),
        (":scheme", scheme),
        (":authority", callout.endpoint.authority.as_str()),
        (":path", callout.endpoint.target.as_str()),
    ];
    headers.extend(
        callout
            .headers
            .iter()
            .map(|(name, value)| (*name, value.expose())),
    );
    let headers = headers.into_iter();
    let headers = HeaderMap::new(headers.map(|(name, value)| (name, value.as_bytes())));
    imports::http_call(&callout.cluster, headers.as_bytes(), callout.timeout)
}

/// The status of the callout's answer at hand.
pub(super) fn callout_status() -> Option<u16> {
    let value = imports::header(Map::CallResponse, ":status").ok()?;
    std::str::from_utf8(&value).ok()?.parse().ok()
}

/// How long the callout's answer at hand may be kept, where it says so.
pub(super) fn callout_lifetime() -> Option<Duration> {
    let header = |name| imports::header(Map::CallResponse, name).unwrap_or_default();
    callout::lifetime(&header("cache-control"), &header("age"))
}

/// The body of the callout's answer at hand.
pub(super) fn callout_body(size: usize) -> Vec<u8> {
    imports::buffer(Buffer::CallResponseBody, 0, size).unwrap_or_default()
}

/// Calls a function of this host that the ABI does not have; `None` where the host has it not.
pub(super) fn foreign(name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
    imports::foreign(name, arguments).ok()
}

/// The host's shared data, which is one for all workers with this `vm_id`.
pub(super) struct HostSharedData;

impl SharedData for HostSharedData {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        imports::shared_data(key).ok()
    }

    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
        imports::set_shared_data(key, text, expected.unwrap_or(0)).is_ok()
    }
}

/// The host's metrics, each defined when it is first measured.
#[derive(Default)]
pub(super) struct Metrics(FxHashMap<Metric, u32>);

impl Metrics {
    pub(super) fn measure(&mut self, measurement: Measurement, labels: &Labels) {
        let Measurement { metric, value } = measurement;
        let measured = self.id(metric, labels).and_then(|id| match metric.kind() {
            // The metric is defined, and the host refuses to add nothing.
            MetricKind::Counter if value == 0 => Ok(()),
            MetricKind::Counter => {
                imports::increment_metric(id, i64::try_from(value).unwrap_or(i64::MAX))
            }
            MetricKind::Gauge | MetricKind::Histogram => imports::record_metric(id, value),
        });
        if let Err(refused) = measured {
            log::error!("the host cannot measure: {refused:?}");
        }
    }

    /// Moves a gauge that all workers have a part in.
    pub(super) fn shift(&mut self, metric: Metric, offset: i64, labels: &Labels) {
        let id = self.id(metric, labels);
        if let Err(refused) = id.and_then(|id| imports::increment_metric(id, offset)) {
            log::error!("the host cannot measure: {refused:?}");
        }
    }

    fn id(&mut self, metric: Metric, labels: &Labels) -> Result<u32, HostError> {
        if let Some(id) = self.0.get(&metric) {
            return Ok(*id);
        }
        let metric_type = match metric.kind() {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
        };
        let id = imports::define_metric(metric_type, &metric.name(labels))?;
        self.0.insert(metric, id);
        Ok(id)
    }
}
