//! AWS partitions: sets of regions whose services have their own domains.

/// The domains of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// The domain of most services: `<service>.<region>.<domain>`.
    pub domain: &'static str,
    /// The domain of services that have dual-stack (IPv4 and IPv6) names, such as `api.aws`.
    pub newer_domain: &'static str,
}

const COMMERCIAL: Partition = Partition {
    domain: "amazonaws.com",
    newer_domain: "api.aws",
};

/// The other partitions, by the prefix of their regions.
const OTHERS: [(&str, Partition); 5] = [
    (
        "cn-",
        Partition {
            domain: "amazonaws.com.cn",
            newer_domain: "api.amazonwebservices.com.cn",
        },
    ),
    (
        "eusc-",
        Partition {
            domain: "amazonaws.eu",
            newer_domain: "api.amazonwebservices.eu",
        },
    ),
    (
        "us-iso-",
        Partition {
            domain: "c2s.ic.gov",
            newer_domain: "api.aws.ic.gov",
        },
    ),
    (
        "us-isob-",
        Partition {
            domain: "sc2s.sgov.gov",
            newer_domain: "api.aws.scloud",
        },
    ),
    (
        "us-isof-",
        Partition {
            domain: "csp.hci.ic.gov",
            newer_domain: "api.aws.hci.ic.gov",
        },
    ),
];

impl Partition {
    /// The partition of a region. GovCloud uses the domains of the commercial partition.
    pub fn of(region: &str) -> Self {
        OTHERS
            .into_iter()
            .find(|(start, _)| region.starts_with(start))
            .map_or(COMMERCIAL, |(_, partition)| partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_is_found_by_the_region() {
        for (region, domain) in [
            ("us-east-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
        ] {
            assert_eq!(Partition::of(region).domain, domain, "{region}");
        }
    }
}
