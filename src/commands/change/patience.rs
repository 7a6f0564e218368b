//! How long one looks before a look is believed.

use crate::aws::{AwsError, Class};

/// How many looks may find a target unchanged after a call whose answer was lost, before it counts as not made. AWS's
/// descriptions lag behind its changes. Besides, the call must have had the time that a call may take: until then it may
/// still be on its way.
pub(in super::super) const LOOKS_AFTER_LOSS: u32 = 3;
/// The same after a call that AWS accepted, where a change is sure to come.
const LOOKS_AFTER_ACCEPT: u32 = 10;
/// How many looks one after the other may be refused before that is believed: a role is mended, a policy takes its time.
const REFUSED_LOOKS: u32 = 10;

/// What the looks at one target have come to.
#[derive(Debug)]
pub(in super::super) struct Patience {
    accepted: bool,
    unchanged: u32,
    missing: u32,
    strange: u32,
    refused: u32,
}

impl Patience {
    /// With a target whose call was accepted, or its answer lost.
    pub(in super::super) fn new(accepted: bool) -> Self {
        Self { accepted, unchanged: 0, missing: 0, strange: 0, refused: 0 }
    }

    /// AWS answered.
    pub(in super::super) fn answered(&mut self) {
        self.refused = 0;
    }

    /// AWS could not be asked. Whether that is to be believed: trouble while waiting is no outcome, a throttle or an expired
    /// token passes, and a refusal may.
    pub(in super::super) fn is_blind(&mut self, error: &AwsError) -> bool {
        let is_refused = matches!(error.class, Class::Denied | Class::Input);
        self.refused = if is_refused { self.refused + 1 } else { 0 };
        self.refused >= REFUSED_LOOKS
    }

    /// It was found as it was before. Whether that is to be believed.
    pub(in super::super) fn is_unchanged(&mut self, arrived: bool) -> bool {
        self.unchanged += 1;
        self.unchanged >= self.looks() && (self.accepted || arrived)
    }

    /// AWS showed it.
    pub(in super::super) fn found(&mut self) {
        self.missing = 0;
    }

    /// AWS did not show it. Whether that is to be believed: one look that shows nothing proves nothing.
    pub(in super::super) fn is_missing(&mut self) -> bool {
        self.missing += 1;
        self.missing >= self.looks()
    }

    /// AWS calls it done, and it is not what was wanted. Whether that is to be believed.
    pub(in super::super) fn is_another(&mut self) -> bool {
        self.strange += 1;
        self.strange >= LOOKS_AFTER_ACCEPT
    }

    fn looks(&self) -> u32 {
        if self.accepted { LOOKS_AFTER_ACCEPT } else { LOOKS_AFTER_LOSS }
    }
}
