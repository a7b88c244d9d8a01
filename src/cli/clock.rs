//! The one place of the command that reads the clock.

use std::time::{Duration, SystemTime};

use ai_gateway_core::base::time::UnixTime;

#[expect(
    clippy::disallowed_methods,
    reason = "the command is its own host: time enters here"
)]
pub(super) fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::new(since_epoch.unwrap_or(Duration::ZERO))
}
