//! AWS partitions: sets of regions whose services have their own domains.

/// The domains of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// The domain of most services: `<service>.<region>.<domain>`.
    pub domain: &'static str,
    /// The domain of services that have dual-stack (IPv4 and IPv6) names, such as `api.aws`.
    pub newer_domain: &'static str,
}

impl Partition {
    /// The partition of a region, by the area in its name: what precedes the last two parts, as in
    /// `eu` for `eu-west-1` and `us-gov` for `us-gov-west-1`. `None` if no partition is known to
    /// have that area. The areas and domains are those of botocore's `partitions.json`.
    pub fn of(region: &str) -> Option<Self> {
        let (rest, _number) = region.rsplit_once('-')?;
        let (area, _place) = rest.rsplit_once('-')?;
        let (domain, newer_domain) = match area {
            "us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx" | "us-gov" => {
                ("amazonaws.com", "api.aws")
            }
            "cn" => ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            "eusc-de" => ("amazonaws.eu", "api.amazonwebservices.eu"),
            "us-iso" => ("c2s.ic.gov", "api.aws.ic.gov"),
            "us-isob" => ("sc2s.sgov.gov", "api.aws.scloud"),
            "eu-isoe" => ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
            "us-isof" => ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
            _ => return None,
        };
        Some(Self {
            domain,
            newer_domain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_is_found_by_the_region() {
        for (region, domain, newer_domain) in [
            ("us-east-1", "amazonaws.com", "api.aws"),
            ("mx-central-1", "amazonaws.com", "api.aws"),
            ("us-gov-west-1", "amazonaws.com", "api.aws"),
            (
                "cn-north-1",
                "amazonaws.com.cn",
                "api.amazonwebservices.com.cn",
            ),
            ("eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu"),
            ("us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud"),
            ("eu-isoe-west-1", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
            ("us-isof-south-1", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        ] {
            let expected = Partition {
                domain,
                newer_domain,
            };
            assert_eq!(Partition::of(region), Some(expected), "{region}");
        }
    }

    #[test]
    fn a_region_of_no_known_partition_has_no_domain() {
        for region in [
            "",
            "us",
            "us-1",
            "xx-east-1",
            "us-isox-east-1",
            "eusc-fr-west-1",
            "global",
        ] {
            assert_eq!(Partition::of(region), None, "{region}");
        }
    }
}
