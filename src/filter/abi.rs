//! Envoy as the driver's host: each method is one or a few calls of [`imports`].

use std::borrow::Cow;
use std::time::Duration;

use ai_gateway_core::base::shared_data::SharedData;
use ai_gateway_core::base::time::{Clock, UnixTime};
use ai_gateway_core::driver::{Host, HostError};
use ai_gateway_core::fetch::callout::{Callout, USER_AGENT};
use ai_gateway_core::forward::UpstreamRequest;
use ai_gateway_core::http::head::{HeaderMap, RequestHead, ResponseHead};
use ai_gateway_core::reply::Reply;
use ai_gateway_core::telemetry::metric::MetricKind;

use super::imports::{self, Buffer, Map, MetricType};

/// The host that runs this VM.
#[derive(Clone, Copy)]
pub(super) struct EnvoyHost;

/// The configuration of the plugin.
pub(super) fn plugin_configuration(size: usize) -> Vec<u8> {
    imports::buffer(Buffer::PluginConfiguration, 0, size).unwrap_or_default()
}

impl Clock for EnvoyHost {
    fn now(&self) -> UnixTime {
        let nanoseconds = imports::current_time().unwrap_or_default();
        UnixTime::new(Duration::from_nanos(nanoseconds))
    }
}

/// Shared by all workers whose VM has the same `vm_id`.
impl SharedData for EnvoyHost {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        imports::shared_data(key).ok()
    }

    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
        imports::set_shared_data(key, text, expected.unwrap_or(0)).is_ok()
    }
}

impl Host for EnvoyHost {
    fn version(&self) -> Option<(u64, u64)> {
        let number = |name| {
            let bytes = imports::property(&format!(
                "xds\0node\0user_agent_build_version\0version\0{name}"
            ))
            .ok()?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        number("major_number").zip(number("minor_number"))
    }

    fn set_effective_context(&self, context: u32) -> Result<(), HostError> {
        imports::set_effective_context(context)
    }

    fn set_tick_period(&self, period: Duration) {
        if let Err(error) = imports::set_tick_period(period) {
            log::error!("the host refuses a timer: {error}");
        }
    }

    fn send_callout(&self, callout: &Callout) -> Result<u32, HostError> {
        let mut headers = vec![
            (":method", callout.method),
            (":scheme", callout.endpoint.scheme.name()),
            (":authority", callout.endpoint.authority.as_str()),
            (":path", callout.endpoint.target.as_str()),
            ("user-agent", USER_AGENT),
        ];
        let more = callout.headers.iter();
        headers.extend(more.map(|(name, value)| (*name, value.expose())));
        let headers = headers.into_iter();
        let headers = HeaderMap::new(headers.map(|(name, value)| (name, value.as_bytes())));
        imports::http_call(&callout.cluster, headers.as_bytes(), callout.timeout)
    }

    fn callout_response_header(&self, name: &str) -> Option<Vec<u8>> {
        imports::header(Map::CallResponse, name).ok()
    }

    fn callout_response_body(&self, size: usize) -> Vec<u8> {
        imports::buffer(Buffer::CallResponseBody, 0, size).unwrap_or_default()
    }

    fn verify_signature(&self, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
        imports::foreign("verify_signature", arguments)
    }

    fn request_head(&self) -> RequestHead {
        HeaderMap::from_bytes(imports::header_map(Map::Request).unwrap_or_default()).into()
    }

    fn request_body(&self, start: usize, length: usize) -> Vec<u8> {
        imports::buffer(Buffer::RequestBody, start, length).unwrap_or_default()
    }

    fn remove_request_trailers(&self) {
        let trailers = imports::header_map(Map::RequestTrailers).unwrap_or_default();
        for (name, _) in HeaderMap::from_bytes(trailers).iter() {
            if let Err(error) = imports::remove_header(Map::RequestTrailers, name) {
                log::error!("the host cannot remove a request's trailer: {error}");
            }
        }
    }

    fn forward(&self, request: &UpstreamRequest) -> Result<(), HostError> {
        for name in &request.remove {
            imports::remove_header(Map::Request, name)?;
        }
        for (name, value) in request.set.iter() {
            imports::set_header(Map::Request, name, value)?;
        }
        // Hosts without this function choose the route again at every edit and do not need it.
        let _ = imports::foreign("clear_route_cache", b"");
        Ok(())
    }

    fn resume_request(&self) {
        if let Err(error) = imports::resume_request() {
            log::error!("the host cannot resume a request: {error}");
        }
    }

    fn reply(&self, reply: &Reply) {
        let headers = reply.headers.iter();
        let headers = HeaderMap::new(headers.map(|(name, value)| (*name, value.as_bytes())));
        let sent = imports::local_response(reply.status, headers.as_bytes(), &reply.body);
        if let Err(error) = sent {
            log::error!("the host cannot send a local reply: {error}");
        }
    }

    fn response_head(&self) -> ResponseHead {
        HeaderMap::from_bytes(imports::header_map(Map::Response).unwrap_or_default()).into()
    }

    fn response_body(&self, start: usize, length: usize) -> Vec<u8> {
        imports::buffer(Buffer::ResponseBody, start, length).unwrap_or_default()
    }

    fn set_response_body(&self, bytes: &[u8]) -> Result<(), HostError> {
        imports::set_buffer(Buffer::ResponseBody, bytes)
    }

    fn remove_response_headers(&self, names: &[String]) {
        for name in names {
            if let Err(error) = imports::remove_header(Map::Response, name) {
                log::error!("the host cannot remove a response header: {error}");
            }
        }
    }

    fn set_response_headers(&self, headers: &[(&'static str, Cow<'static, str>)]) {
        for (name, value) in headers {
            if let Err(error) = imports::set_header(Map::Response, name, value.as_bytes()) {
                log::error!("the host cannot change a response header: {error}");
            }
        }
    }

    fn response_details(&self) -> Vec<u8> {
        imports::property("response\0code_details").unwrap_or_default()
    }

    fn body_size_received(&self) -> Option<i64> {
        // With the head, which the host no longer has once the request continues.
        let bytes = imports::property("request\0total_size").ok()?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    }

    fn response_code(&self) -> Option<i64> {
        let bytes = imports::property("response\0code").ok()?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    }

    fn set_log_field(&self, name: &str, value: &str) {
        if let Err(error) = imports::set_property(name, value.as_bytes()) {
            log::error!("the host cannot set a field of its access log: {error}");
        }
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        let metric_type = match kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
        };
        imports::define_metric(metric_type, name)
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<(), HostError> {
        imports::increment_metric(id, offset)
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        imports::record_metric(id, value)
    }
}
