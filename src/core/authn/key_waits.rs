//! What a request has waited for before it is authenticated again.

use super::jwt::IssuerIndex;
use crate::fetch::refresh::WaitPolicy;

/// Whether a request may wait for the keys of each issuer, after the waits so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyWaits(Vec<(IssuerIndex, WaitPolicy)>);

impl KeyWaits {
    /// Whether the request may wait for this issuer's keys.
    pub fn policy(&self, issuer: IssuerIndex) -> WaitPolicy {
        let mut entries = self.0.iter();
        entries
            .find(|(index, _)| *index == issuer)
            .map_or(WaitPolicy::Wait, |(_, policy)| *policy)
    }

    /// Records that the request waits for this issuer's keys.
    pub fn record(&mut self, issuer: IssuerIndex) {
        let next = match self.policy(issuer) {
            WaitPolicy::Wait => WaitPolicy::WaitOnceMore,
            WaitPolicy::WaitOnceMore | WaitPolicy::DoNotWait => WaitPolicy::DoNotWait,
        };
        match self.0.iter_mut().find(|(index, _)| *index == issuer) {
            Some((_, policy)) => *policy = next,
            None => self.0.push((issuer, next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_waits_at_most_twice_for_each_issuer() {
        let mut waits = KeyWaits::default();
        assert_eq!(waits.policy(0), WaitPolicy::Wait);
        waits.record(0);
        assert_eq!(waits.policy(0), WaitPolicy::WaitOnceMore);
        for _ in 0..2 {
            waits.record(0);
            assert_eq!(waits.policy(0), WaitPolicy::DoNotWait);
        }
        assert_eq!(waits.policy(1), WaitPolicy::Wait, "another issuer");
    }
}
