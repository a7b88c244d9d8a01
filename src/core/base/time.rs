//! Time as data: every room that needs the time takes it as an argument.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, as the time since the Unix epoch (leap seconds not counted).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct UnixTime(Duration);

/// Tells the time to who asks for it: on the hot path not everybody does, and the host's clock costs a
/// call.
pub trait Clock {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// A clock that stands still.
impl Clock for UnixTime {
    fn now(&self) -> UnixTime {
        *self
    }
}

impl UnixTime {
    /// The moment that lies `since_epoch` after the epoch.
    pub const fn new(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// The moment a number of whole seconds after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Reads RFC 3339 in UTC, such as [`Self`] prints; fractions of a second are dropped.
    pub fn parse_rfc_3339(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let time = time.split_once('.').map_or(time, |(seconds, _)| seconds);
        let mut time = time.splitn(3, ':').map(|part| part.parse::<u64>().ok());
        let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
        let in_range = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        in_range.then(|| {
            Self::from_secs(
                days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second,
            )
        })
    }

    /// ISO 8601's basic format, in UTC and to the second: `20261122T234057Z`. For years of four digits.
    pub fn basic(self) -> String {
        let seconds = self.0.as_secs();
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let mut text = String::with_capacity(16);
        for (number, after) in [
            (year / 100, None),
            (year, None),
            (month, None),
            (day, Some('T')),
            (hour, None),
            (minute, None),
            (second, Some('Z')),
        ] {
            for digit in [number / 10 % 10, number % 10] {
                text.extend(char::from_digit(
                    u32::try_from(digit).unwrap_or_default(),
                    10,
                ));
            }
            text.extend(after);
        }
        text
    }

    /// How much later this moment is than `earlier`; zero when it is not later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// RFC 3339 in UTC, to the second: `2026-11-22T23:40:57Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// The Gregorian date of a day counted from 1970-01-01, by counting in 400-year eras that begin on
/// 1 March, so that the leap day is an era-year's last.
const fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch.saturating_add(719_468);
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// The inverse of [`civil_date`], for years from 1970 on.
const fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_rfc_3339() {
        for (seconds, printed) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_390_857, "2026-11-22T23:40:57Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime::from_secs(seconds).to_string(), printed);
            let basic = printed.replace(['-', ':'], "");
            assert_eq!(UnixTime::from_secs(seconds).basic(), basic);
            let parsed = UnixTime::parse_rfc_3339(printed);
            assert_eq!(parsed, Some(UnixTime::from_secs(seconds)));
        }
    }

    #[test]
    fn what_is_no_rfc_3339_time_in_utc_is_not_read() {
        assert_eq!(
            UnixTime::parse_rfc_3339("1970-01-01T00:00:01.999Z"),
            Some(UnixTime::from_secs(1))
        );
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T23:40:57",
            "2026-11-22T23:40:57+01:00",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "x-y-zTa:b:cZ",
        ] {
            assert_eq!(UnixTime::parse_rfc_3339(text), None, "{text}");
        }
    }

    #[test]
    fn time_never_overflows() {
        let end = UnixTime::from_secs(u64::MAX);
        assert!(end + Duration::from_secs(1) >= end);
        assert_eq!(UnixTime::from_secs(1).saturating_since(end), Duration::ZERO);
        assert!(!UnixTime::from_secs(u64::MAX).to_string().is_empty());
    }
}
