//! Link-local addresses, in every notation that a resolver accepts, and metadata services: clouds
//! serve credentials there.
//!
//! A name that resolves to such an address is not detected.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Metadata services outside the link-local range: Alibaba's, Oracle's, Azure's.
const ADDRESSES: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// Whether the host of an authority is link-local or a metadata service.
pub(super) fn is_link_local(authority: &str) -> bool {
    if let Some(v6) = authority.strip_prefix('[') {
        let address = v6.split(']').next().unwrap_or_default();
        return address.parse().is_ok_and(is_v6_link_local);
    }
    let host = authority.split(':').next().unwrap_or_default();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    is_metadata_name(&host) || v4(&host).is_some_and(is_v4_link_local)
}

/// The names of metadata services: bare, or in a cloud's own domains.
fn is_metadata_name(host: &str) -> bool {
    let (first, domain) = host.split_once('.').unwrap_or((host, ""));
    let is_own = domain.is_empty() || domain == "goog" || domain.ends_with("internal");
    matches!(first, "metadata" | "instance-data") && is_own
}

fn is_v4_link_local(address: Ipv4Addr) -> bool {
    address.is_link_local() || ADDRESSES.contains(&address)
}

fn is_v6_link_local(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = match segments {
        // mapped, compatible, and translated by NAT64
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4
        | [0x2002, high, low, ..] => Some(u32::from(high) << 16 | u32::from(low)),
        _ => None,
    };
    let is_metadata = matches!(segments, [0xfd00, 0xec2, ..]);
    (segments[0] & 0xffc0) == 0xfe80
        || is_metadata
        || embedded.is_some_and(|address| is_v4_link_local(address.into()))
}

/// Parses an address as `inet_aton` does: one to four numbers, decimal, octal or hexadecimal. The
/// last number fills the remaining bytes.
fn v4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Option<Vec<u64>> = host.split('.').map(number).collect();
    let numbers = numbers?;
    let (last, first) = numbers.split_last()?;
    let left = 4_u32.checked_sub(u32::try_from(first.len()).ok()?)?;
    if left == 0 || first.iter().any(|number| *number > 255) || *last >> (8 * left) != 0 {
        return None;
    }
    let first = first.iter().fold(0, |sum, number| sum << 8 | number);
    u32::try_from(first << (8 * left) | last)
        .ok()
        .map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some("") => return Some(0),
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_hosts_are_recognised_in_every_notation() {
        for authority in [
            "169.254.169.254",
            "169.254.170.2:80",
            "169.254.0.1",
            "169.254.169.254.",
            "2852039166",
            "0xa9fea9fe",
            "0xA9.0xFE.0xA9.0xFE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "169.16689662",
            "169.254.0xa9.0376:8080",
            "[fe80::1]",
            "[febf::1]:80",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]:80",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "metadata.google.internal",
            "Metadata.Google.Internal.:80",
            "metadata",
            "instance-data",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            assert!(is_link_local(authority), "{authority}");
        }
    }

    #[test]
    fn other_hosts_are_not() {
        for authority in [
            "api.openai.com",
            "127.0.0.1:8000",
            "10.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "168.254.169.254",
            "[::1]:11434",
            "[fec0::1]",
            "[fd00::1]",
            "169.254.169.254.example.com",
            "metadata.example.com",
            "169.254.256.1",
            "169.254.1.1.1",
            "4294967296",
            "0xg9fea9fe",
            "08.1.1.1",
            "",
        ] {
            assert!(!is_link_local(authority), "{authority}");
        }
    }
}
