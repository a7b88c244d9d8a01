//! The host's metrics, each defined when it is first measured.

use super::host::{Host, HostError};
use crate::base::hash::FxHashMap;
use crate::telemetry::metric::{Labels, Measurement, Metric, MetricKind};

/// The ids of the metrics that are defined.
#[derive(Default)]
pub(super) struct Metrics(FxHashMap<Metric, u32>);

impl Metrics {
    pub(super) fn measure(&mut self, host: &impl Host, measurement: Measurement, labels: &Labels) {
        let Measurement { metric, value } = measurement;
        let id = self.id(host, metric, labels);
        let measured = id.and_then(|id| match metric.kind() {
            // Envoy refuses to add zero. The counter is defined all the same, so that it is shown.
            MetricKind::Counter if value == 0 => Ok(()),
            MetricKind::Counter => {
                host.increment_metric(id, i64::try_from(value).unwrap_or(i64::MAX))
            }
            MetricKind::Gauge | MetricKind::Histogram => host.record_metric(id, value),
        });
        log_refusal(measured);
    }

    /// Moves a gauge to which every worker contributes.
    pub(super) fn shift(&mut self, host: &impl Host, metric: Metric, offset: i64, labels: &Labels) {
        let id = self.id(host, metric, labels);
        log_refusal(id.and_then(|id| host.increment_metric(id, offset)));
    }

    fn id(&mut self, host: &impl Host, metric: Metric, labels: &Labels) -> Result<u32, HostError> {
        if let Some(id) = self.0.get(&metric) {
            return Ok(*id);
        }
        let id = host.define_metric(metric.kind(), &metric.name(labels))?;
        self.0.insert(metric, id);
        Ok(id)
    }
}

fn log_refusal(measured: Result<(), HostError>) {
    if let Err(error) = measured {
        log::error!("the host cannot measure: {error}");
    }
}
