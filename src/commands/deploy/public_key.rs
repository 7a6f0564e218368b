//! The public key of the settings, by which the provenance of images is signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What every public key of the curve P-256 begins with, as `aws kms get-public-key` gives it; its point follows.
pub(super) const SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The length of a point that is not compressed.
const POINT: usize = 65;

/// Reads a key of the settings: SubjectPublicKeyInfo of a key on P-256, in base64.
pub(super) fn read_key(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(text).ok()?;
    let point = der.strip_prefix(SPKI)?;
    (point.len() == POINT && point[0] == 4).then(|| point.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::provenance::tests::key;
    use super::*;

    #[test]
    fn a_key_is_one_of_p256_and_nothing_else() {
        let (_, public) = key();
        assert!(read_key(&format!(" {}\n{} ", &public[..40], &public[40..])).is_some(), "as it is pasted");
        let shorter = STANDARD.encode(&STANDARD.decode(&public).expect("base64")[..80]);
        for wrong in ["", "nonsense", &public[4..], &shorter, "-----BEGIN PUBLIC KEY-----"] {
            assert!(read_key(wrong).is_none(), "{wrong}");
        }
    }
}
