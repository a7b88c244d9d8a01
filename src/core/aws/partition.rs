//! AWS's partitions: sets of regions whose services have domains of their own.

/// What a partition's services are named under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Of most services: `<service>.<region>.<domain>`.
    pub domain: &'static str,
    /// Of those that AWS has put under its newer names, which serve IPv6, too.
    pub newer_domain: &'static str,
}

const COMMERCIAL: Partition = Partition {
    domain: "amazonaws.com",
    newer_domain: "api.aws",
};

/// By how the names of their regions begin.
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
    /// The partition of a region. GovCloud's services have the names of the commercial ones.
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
    fn a_region_tells_its_partition() {
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
