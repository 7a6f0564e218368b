use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_795_000_000;

fn secret() -> SecretString {
    SecretString::from(SECRET)
}

/// A call as whoever has the secret makes it.
fn call(at: i64, nonce: &str, secret: &str) -> SelfTestCall {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed(&at.to_string(), nonce).as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    SelfTestCall { timestamp: at.to_string(), nonce: nonce.to_owned(), signature: format!("v1={digits}") }
}

const ONCE: &str = "a-nonce-used-once";

#[test]
fn the_signature_is_that_of_any_other_program() {
    // printf 'dronebot-selftest:v1:1795000000:a-nonce-used-once' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
    assert_eq!(
        call(NOW, ONCE, SECRET).signature,
        "v1=7c06c800188bf449b387a60fe82967c6beb98ddd06e4eb622110c2990d60e604"
    );
}

#[test]
fn only_who_has_the_secret_is_taken_in_and_only_for_a_while() {
    let good = call(NOW, ONCE, SECRET);
    let with = |change: &dyn Fn(&mut SelfTestCall)| {
        let mut call = good.clone();
        change(&mut call);
        call
    };
    let table = [
        ("now", good.clone(), "ok"),
        ("a slow clock", call(NOW - 300, ONCE, SECRET), "ok"),
        ("a fast clock", call(NOW + 300, ONCE, SECRET), "ok"),
        ("old", call(NOW - 301, ONCE, SECRET), "timestamp"),
        ("of tomorrow", call(NOW + 301, ONCE, SECRET), "timestamp"),
        ("another secret", call(NOW, ONCE, "another secret of so many letters"), "signature"),
        ("another secret, and old", call(NOW - 9_999, ONCE, "another secret of so many letters"), "signature"),
        ("another time", with(&|call| call.timestamp = (NOW + 1).to_string()), "signature"),
        ("another nonce", with(&|call| call.nonce = "another-nonce-of-16".to_owned()), "signature"),
        ("no signature", with(&|call| call.signature.clear()), "signature"),
        ("no version", with(&|call| call.signature = call.signature.replace("v1=", "")), "signature"),
        ("cut", with(&|call| call.signature.truncate(40)), "signature"),
        ("not hexadecimal", with(&|call| call.signature = format!("v1={}", "é".repeat(32))), "signature"),
        ("nothing", SelfTestCall::default(), "nonce"),
        ("a short nonce", call(NOW, "short", SECRET), "nonce"),
        ("a long nonce", call(NOW, &"n".repeat(65), SECRET), "nonce"),
        ("another key of the journal", call(NOW, "x:message:T1:C1:1.5", SECRET), "nonce"),
    ];
    for (what, call, expected) in table {
        match verify(&secret(), &call, NOW) {
            Ok(()) => assert_eq!(expected, "ok", "{what}"),
            Err(why) => assert!(expected != "ok" && why.contains(expected), "{what}: {why}"),
        }
    }
    assert!(!format!("{good:?}").contains(&good.signature));
}

#[test]
fn a_section_that_cannot_work_is_refused_by_its_key() {
    let config = |secret: &str, channel: Option<&str>| SelfTestConfig {
        secret: Token::from(secret),
        channel: channel.map(ChannelId::from),
    };
    let table = [
        (config("", None), ""),
        (config(SECRET, Some("C0123ABCD")), ""),
        (config("too short", Some("C0123ABCD")), "secret must have 32 characters or more"),
        (config(SECRET, None), "channel must be set"),
        (config("", Some("C0123ABCD")), "channel is set, but selftest.secret is not"),
        (config(SECRET, Some("#ops")), "channel must be a channel's id"),
    ];
    for (config, expected) in table {
        let said = config.check().err().unwrap_or_default();
        assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{said:?} {expected:?}");
        assert!(!said.contains(SECRET) && !format!("{config:?}").contains(SECRET));
    }
    let kept: Token = serde_json::from_str(r#""ssm:/dronebot/selftest""#).expect("a reference");
    assert_eq!(SelfTestConfig { secret: kept, channel: Some("C1".into()) }.check(), Ok(()));
}
