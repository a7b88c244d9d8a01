//! Time as data: every module that needs the current time takes it as an argument.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time, as the duration since the Unix epoch (leap seconds are not counted).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct UnixTime(Duration);

/// A lazy clock: reading the host's clock costs a call, which most requests can do without.
pub trait Clock {
    /// The current time.
    fn now(&self) -> UnixTime;
}

/// A clock that always returns the same time.
impl Clock for UnixTime {
    fn now(&self) -> UnixTime {
        *self
    }
}

impl UnixTime {
    /// The point in time `since_epoch` after the Unix epoch.
    pub const fn new(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// The point in time that many whole seconds after the Unix epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Parses RFC 3339 in UTC, as [`Self`]'s `Display` prints it. Fractions of a second are
    /// dropped. A date that does not exist, such as 31 February, is refused.
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
        if !in_range {
            return None;
        }
        let days = days_since_epoch(year, month, day);
        // A day that its month does not have is counted as one of the next month.
        let exists = civil_date(days) == (year, month, day);
        exists.then(|| Self::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second))
    }

    /// ISO 8601's basic format, in UTC and to the second: `20261122T234057Z`. Years have four
    /// digits.
    pub fn iso_8601_basic(self) -> String {
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

    /// The time from `earlier` to this point in time, or zero if `earlier` is later.
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

/// The Gregorian date of a day counted from 1970-01-01. It counts in 400-year eras whose years
/// start on 1 March, so that the leap day is the last day of its year.
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
    fn times_are_printed_as_rfc_3339() {
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
            assert_eq!(UnixTime::from_secs(seconds).iso_8601_basic(), basic);
            let parsed = UnixTime::parse_rfc_3339(printed);
            assert_eq!(parsed, Some(UnixTime::from_secs(seconds)));
        }
    }

    #[test]
    fn text_that_is_not_rfc_3339_in_utc_is_refused() {
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
    fn dates_that_do_not_exist_are_refused() {
        let is_accepted =
            |date: &str| UnixTime::parse_rfc_3339(&format!("{date}T00:00:00Z")).is_some();
        for date in [
            "2026-02-28",
            "2024-02-29",
            "2000-02-29",
            "2026-04-30",
            "2026-12-31",
            "9999-12-31",
        ] {
            assert!(is_accepted(date), "{date}");
        }
        for date in [
            "2026-02-29",
            "2024-02-30",
            "2026-02-31",
            "2100-02-29",
            "2026-04-31",
            "2026-06-31",
            "2026-09-31",
            "2026-11-31",
            "2026-01-00",
        ] {
            assert!(!is_accepted(date), "{date}");
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
