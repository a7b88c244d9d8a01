//! The system clock. No other module of the command reads it.

use std::time::{Duration, SystemTime};

use ai_gateway_core::base::time::UnixTime;

#[expect(
    clippy::disallowed_methods,
    reason = "the core takes the time as an argument, and the command provides it"
)]
pub(super) fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(since_epoch.unwrap_or(Duration::ZERO))
}
