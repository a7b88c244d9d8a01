//! The one file that names the host's calls, and of each only the form that takes bytes as they are.
//!
//! The SDK panics on any status that it does not expect, so each call is made only where the host
//! has what it asks for: headers of a request that is held, the answer to a callout that has one.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType, Status};

use crate::callout::{self, Callout};
use crate::forward::UpstreamRequest;
use crate::head::{RequestHead, ResponseHead};
use crate::observe::metric::{Kind, Labels, Measurement, Metric};
use crate::refresh::Board;
use crate::reply::Reply;
use crate::time::UnixTime;
use crate::url::Scheme;

/// The host's clock.
pub(super) fn now() -> UnixTime {
    let now = hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH);
    UnixTime::new(
        now.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

/// Logs what the host logs, and no more.
pub(super) fn adopt_log_level() {
    proxy_wasm::set_log_level(hostcalls::get_log_level().unwrap_or(LogLevel::Info));
}

/// Has the root context's tick come at this pace.
pub(super) fn set_tick_period(period: Duration) {
    if let Err(status) = hostcalls::set_tick_period(period) {
        log::error!("the host refuses a timer: {status:?}");
    }
}

/// Makes the host act for another context; false when that one has gone.
pub(super) fn act_for(context_id: u32) -> bool {
    hostcalls::set_effective_context(context_id).is_ok()
}

/// The configuration of the plugin.
pub(super) fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The head of the request at hand.
pub(super) fn request_head() -> RequestHead {
    RequestHead::new(hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default())
}

/// Makes the request at hand the provider's, and has the host pick its route anew. Hosts that pick
/// it anew at each edit do not know the function, which is as well.
pub(super) fn forward(request: &UpstreamRequest) -> Result<(), Status> {
    for name in &request.remove {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name)?;
    }
    for (name, value) in &request.set {
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value))?;
    }
    let _ = hostcalls::call_foreign_function("clear_route_cache", None);
    Ok(())
}

/// Bytes of the body that the host holds back for the request at hand.
pub(super) fn request_body(start: usize, length: usize) -> Vec<u8> {
    if length == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(BufferType::HttpRequestBody, start, length)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Lets a request go on that was held.
pub(super) fn resume_request() {
    if let Err(status) = hostcalls::resume_http_request() {
        log::error!("the host cannot resume a request: {status:?}");
    }
}

/// Answers the request at hand.
pub(super) fn reply(reply: &Reply) {
    let headers = reply
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let status = u32::from(reply.status);
    if let Err(status) = hostcalls::send_http_response(status, headers, Some(&reply.body)) {
        log::error!("the host cannot send a local reply: {status:?}");
    }
}

/// The head of the response at hand.
pub(super) fn response_head() -> ResponseHead {
    ResponseHead::new(hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default())
}

/// Bytes of the piece of the response's body at hand.
pub(super) fn response_body(start: usize, length: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpResponseBody, start, length)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// How the response at hand came about, in the host's words: `via_upstream`.
pub(super) fn response_details() -> Vec<u8> {
    let details = hostcalls::get_property(vec!["response", "code_details"]);
    details.ok().flatten().unwrap_or_default()
}

/// Gives the access log a field: `%FILTER_STATE(wasm.<name>:PLAIN)%`.
pub(super) fn log_field(name: &str, value: &str) {
    if let Err(status) = hostcalls::set_property(vec![name], Some(value.as_bytes())) {
        log::error!("the host takes no field for its log: {status:?}");
    }
}

/// Takes headers off the response at hand.
pub(super) fn remove_response_headers(names: &[String]) {
    for name in names {
        if let Err(status) = hostcalls::remove_map_value(MapType::HttpResponseHeaders, name) {
            log::error!("the host cannot remove a response header: {status:?}");
        }
    }
}

/// Sends a callout; the token that its answer will bear.
pub(super) fn dispatch(callout: &Callout) -> Result<u32, Status> {
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
    hostcalls::dispatch_http_call(&callout.cluster, headers, None, Vec::new(), callout.timeout)
}

/// The status of the callout's answer at hand.
pub(super) fn callout_status() -> Option<u16> {
    let value =
        hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok()??;
    std::str::from_utf8(&value).ok()?.parse().ok()
}

/// How long the callout's answer at hand may be kept, where it says so.
pub(super) fn callout_lifetime() -> Option<Duration> {
    let header = |name| {
        let value = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name);
        value.ok().flatten().unwrap_or_default()
    };
    callout::lifetime(&header("cache-control"), &header("age"))
}

/// The body of the callout's answer at hand.
pub(super) fn callout_body(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Calls a function of this host that the ABI does not have; `None` where the host has it not.
pub(super) fn foreign(name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
    hostcalls::call_foreign_function(name, Some(arguments))
        .ok()
        .flatten()
}

/// The host's shared data, which is one for all workers with this `vm_id`.
pub(super) struct SharedData;

impl Board for SharedData {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let (text, version) = hostcalls::get_shared_data(key).ok()?;
        Some((text?, version?))
    }

    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
        hostcalls::set_shared_data(key, Some(text), expected).is_ok()
    }
}

/// The host's metrics, each defined when it is first measured.
#[derive(Default)]
pub(super) struct Metrics(HashMap<Metric, u32>);

impl Metrics {
    pub(super) fn measure(&mut self, measurement: Measurement, labels: &Labels) {
        let Measurement { metric, value } = measurement;
        let known = self.0.get(&metric).copied();
        let id = known.map_or_else(
            || {
                let metric_type = match metric.kind() {
                    Kind::Counter => MetricType::Counter,
                    Kind::Gauge => MetricType::Gauge,
                    Kind::Histogram => MetricType::Histogram,
                };
                hostcalls::define_metric(metric_type, &metric.name(labels))
            },
            Ok,
        );
        let measured = id.and_then(|id| {
            if known.is_none() {
                self.0.insert(metric, id);
            }
            match metric.kind() {
                // The metric is defined, and the host refuses to add nothing.
                Kind::Counter if value == 0 => Ok(()),
                Kind::Counter => {
                    hostcalls::increment_metric(id, i64::try_from(value).unwrap_or(i64::MAX))
                }
                Kind::Gauge | Kind::Histogram => hostcalls::record_metric(id, value),
            }
        });
        if let Err(status) = measured {
            log::error!("the host cannot measure: {status:?}");
        }
    }
}
