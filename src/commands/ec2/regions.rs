//! From the words for regions to those that are asked: each of them exists, and the person may run the command in it.

use super::super::args::RegionWord;
use super::super::{Context, Scope, words};
use crate::aws::{AwsError, Trouble, places};
use crate::domain::{AccountRegion, CommandError, UsageError};

/// How many unknown regions are named.
const NAMED: usize = 3;

/// The regions that the words mean, each of which there is.
async fn regions(words: &[RegionWord], cx: &Context, not_done: &str) -> Result<Vec<String>, CommandError> {
    let failure = |error: AwsError| error.failure(not_done);
    if words.contains(&RegionWord::All) {
        return Ok(cx.aws.regions.all().await.map_err(failure)?);
    }
    if words.is_empty() {
        return Ok(vec![cx.aws.regions.default_region().await.map_err(failure)?]);
    }
    let mut regions: Vec<String> = words.iter().map(|word| word.as_str().to_owned()).collect();
    regions.sort();
    regions.dedup();
    let known = cx.aws.regions.known_of(&regions).await.map_err(failure)?;
    let unknown: Vec<&String> = regions.iter().filter(|region| !known.contains(region)).collect();
    if unknown.is_empty() { Ok(regions) } else { Err(no_regions(&unknown, not_done).into()) }
}

/// What is said of regions that there are not, of the first few by name.
fn no_regions(unknown: &[&String], not_done: &str) -> UsageError {
    let named = &unknown[..unknown.len().min(NAMED)];
    let names = match unknown.len() - named.len() {
        0 => words::list(named, "and"),
        more => {
            let named: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and {more} more", named.join(", "))
        }
    };
    let (are, they) = if unknown.len() == 1 { ("is no region", "It") } else { ("are no regions", "They") };
    UsageError::sentence(&format!(
        "{names} {are} that I may ask. {not_done} {they} may not exist, not be enabled for the account, or not stand in \
         my settings; `ec2 list --region all` asks every region that I may."
    ))
}

/// Where one may look.
pub(super) struct Entered {
    /// The regions that may be asked, each in its account.
    pub(super) places: Vec<AccountRegion>,
    /// Those of all regions that are left out, because the person may not run the command in them.
    pub(super) barred: Vec<String>,
}

/// Has each region judged before it is asked. One that was named must be permitted; of all, those that are not are left out.
pub(super) async fn entered(words: &[RegionWord], cx: &Context, not_done: &str) -> Result<Entered, CommandError> {
    let found = regions(words, cx, not_done).await?;
    // where STS does not tell it, what is found tells it, and is judged by it
    let account = cx.aws.accounts.usual().await.ok();
    let (mut entered, mut refusal) = (Entered { places: Vec::new(), barred: Vec::new() }, None);
    for region in found {
        let place = AccountRegion { account: account.clone(), region };
        match (cx.enters)(&place) {
            Ok(()) => entered.places.push(place),
            Err(refused) if !words.contains(&RegionWord::All) => return Err(refused.into()),
            Err(refused) => {
                entered.barred.push(place.region);
                refusal.get_or_insert(refused);
            }
        }
    }
    match refusal {
        Some(refusal) if entered.places.is_empty() => Err(refusal.into()),
        _ => Ok(entered),
    }
}

/// What the words tell about the regions before anything is read.
pub(super) fn scope(words: &[RegionWord]) -> Scope {
    if words.is_empty() {
        Scope::DefaultRegion
    } else if words.contains(&RegionWord::All) {
        Scope::Regions(Vec::new())
    } else {
        Scope::Regions(words.iter().map(|word| word.as_str().to_owned()).collect())
    }
}

/// A sentence for each trouble of regions that did not answer, while others did.
pub(super) fn missing(errors: &[AwsError]) -> Vec<String> {
    let say = |trouble: Trouble| {
        let are = if trouble.regions.len() == 1 { "is" } else { "are" };
        format!("{} {are} missing here: {}", places(&trouble.regions), trouble.so)
    };
    AwsError::troubles(errors).into_iter().map(say).collect()
}
