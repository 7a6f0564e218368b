//! A decision as it stands within what is kept: whatever a newer program has written there, all else stays readable.

use super::Decision;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

pub(crate) fn serialize<S: Serializer>(decision: &Option<Arc<Decision>>, to: S) -> Result<S::Ok, S::Error> {
    decision.as_deref().serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<Decision>>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(Decision::deserialize(value).ok().map(Arc::new))
}
