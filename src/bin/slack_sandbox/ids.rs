//! Identifiers as Slack makes them.

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn pick(letters: &[u8], count: usize) -> String {
    (0..count).map(|_| char::from(letters[fastrand::usize(..letters.len())])).collect()
}

/// A version 4 UUID: envelope ids, tickets, client message ids.
pub fn uuid() -> String {
    let bits = fastrand::u128(..);
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `Ev0A1B2C3D4E`.
pub fn event() -> String {
    format!("Ev{}", pick(UPPER, 10))
}

/// `1234567890123.987654321098.0123456789abcdef0123456789abcdef`.
pub fn trigger() -> String {
    format!(
        "{}.{}.{:032x}",
        fastrand::u64(1_000_000_000_000..9_999_999_999_999),
        fastrand::u64(100_000_000_000..999_999_999_999),
        fastrand::u128(..)
    )
}

/// The secret last segment of a response URL.
pub fn secret() -> String {
    pick(MIXED, 24)
}

/// A long number, as in the middle of a response URL.
pub fn number() -> u64 {
    fastrand::u64(1_000_000_000_000..9_999_999_999_999)
}

/// A short id for blocks that came without one.
pub fn block() -> String {
    pick(MIXED, 5)
}

/// `V0A1B2C3D4E`.
pub fn view() -> String {
    format!("V{}", pick(UPPER, 10))
}

/// `F0A1B2C3D4E`.
pub fn file() -> String {
    format!("F{}", pick(UPPER, 10))
}
