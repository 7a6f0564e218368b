//! What a region's name looks like, and what people type instead.

/// Whether this has the form of a region's name, `eu-central-1`. It becomes part of a host name, so nothing else may
/// pass. Whether the region exists, only AWS knows.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    text.len() <= 32
        && (2..=4).contains(&words.len())
        && words[0].len() == 2
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The region in a place that people name by its city or country: `frankfurt` is `eu-central-1`.
pub fn region_of_place(place: &str) -> Option<&'static str> {
    let place = place.to_lowercase();
    PLACES.iter().find(|(name, _)| *name == place).map(|(_, region)| *region)
}

/// The region that is least unlike this, if one is like it: `eu-centrl-1` is `eu-central-1`.
pub fn region_like(text: &str) -> Option<&'static str> {
    // longer than any region, and costly to compare
    if text.len() > 40 {
        return None;
    }
    let unlike = |region: &str| strsim::damerau_levenshtein(text, region);
    let nearest = PLACES.iter().map(|(_, region)| (unlike(region), *region)).min()?;
    (nearest.0 <= 3).then_some(nearest.1)
}

const PLACES: &[(&str, &str)] = &[
    ("bahrain", "me-south-1"),
    ("california", "us-west-1"),
    ("canada", "ca-central-1"),
    ("cape town", "af-south-1"),
    ("dublin", "eu-west-1"),
    ("frankfurt", "eu-central-1"),
    ("germany", "eu-central-1"),
    ("hong kong", "ap-east-1"),
    ("ireland", "eu-west-1"),
    ("jakarta", "ap-southeast-3"),
    ("london", "eu-west-2"),
    ("melbourne", "ap-southeast-4"),
    ("milan", "eu-south-1"),
    ("montreal", "ca-central-1"),
    ("mumbai", "ap-south-1"),
    ("ohio", "us-east-2"),
    ("oregon", "us-west-2"),
    ("osaka", "ap-northeast-3"),
    ("paris", "eu-west-3"),
    ("sao paulo", "sa-east-1"),
    ("seoul", "ap-northeast-2"),
    ("singapore", "ap-southeast-1"),
    ("spain", "eu-south-2"),
    ("stockholm", "eu-north-1"),
    ("sydney", "ap-southeast-2"),
    ("tel aviv", "il-central-1"),
    ("tokyo", "ap-northeast-1"),
    ("virginia", "us-east-1"),
    ("zurich", "eu-central-2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_regions_pass() {
        for good in ["eu-central-1", "us-gov-west-1", "ap-southeast-4", "us-iso-east-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in [
            "",
            "-",
            "frankfurt",
            "eu-central",
            "EU-central-1",
            "eu-central-1a",
            "eu-central-1.evil.example",
            "a-b-1",
            "eu--1",
            "all",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }

    #[test]
    fn every_place_names_a_region() {
        assert_eq!(region_of_place("Frankfurt"), Some("eu-central-1"));
        assert!(PLACES.iter().all(|(_, region)| is_region(region)));
    }

    #[test]
    fn a_mistyped_region_has_a_nearest_one() {
        for (typed, meant) in [
            ("eu-centrl-1", Some("eu-central-1")),
            ("eucentral1", Some("eu-central-1")),
            ("us-east1", Some("us-east-1")),
            ("eu-central-1a", Some("eu-central-1")),
            ("moon", None),
            ("", None),
        ] {
            assert_eq!(region_like(typed), meant, "{typed}");
        }
        assert_eq!(region_like(&"x".repeat(9_000)), None);
    }
}
