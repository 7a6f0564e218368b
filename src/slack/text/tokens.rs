//! Entities and `<…>` tokens.

/// `<…>` tokens replaced by what they stand for, and the three entities decoded, each exactly once.
pub(super) fn unwrapped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('<') {
        push_decoded(&mut out, &rest[..start]);
        let inside = &rest[start + 1..];
        match inside.find(['>', '<', '\n']).filter(|end| inside.as_bytes()[*end] == b'>') {
            Some(end) => {
                token(&mut out, &inside[..end]);
                rest = &inside[end + 1..];
            }
            None => {
                out.push('<');
                rest = inside;
            }
        }
    }
    push_decoded(&mut out, rest);
    out
}

fn token(out: &mut String, token: &str) {
    let (target, label) = match token.split_once('|') {
        Some((target, label)) => (target, Some(label).filter(|label| !label.is_empty())),
        None => (token, None),
    };
    match target.as_bytes().first() {
        Some(b'@' | b'#') if is_id(&target[1..]) => push_token(out, target),
        Some(b'!') if target.starts_with("!subteam^") => push_token(out, target),
        Some(b'!') => broadcast(out, &target[1..], label),
        _ if is_link(target) => out.push_str(&link(&decoded(target), label.map(decoded).as_deref())),
        // something a person typed between angle brackets where Slack escapes nothing (slash commands)
        _ => {
            out.push('<');
            push_decoded(out, token);
            out.push('>');
        }
    }
}

fn push_token(out: &mut String, target: &str) {
    out.push('<');
    out.push_str(target);
    out.push('>');
}

/// Whether this is an id as Slack gives them.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `<!here>` becomes the plain word; `<!date^…|words>` its words.
fn broadcast(out: &mut String, name: &str, label: Option<&str>) {
    let word = name.split('^').next().unwrap_or_default();
    match (word, label) {
        ("date", Some(label)) => push_decoded(out, label),
        _ => {
            out.push('@');
            push_decoded(out, word);
        }
    }
}

fn is_link(target: &str) -> bool {
    match target.split_once(':') {
        Some((scheme, rest)) => {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            !rest.is_empty() && !scheme.is_empty() && scheme.bytes().all(letter) && !target.contains(' ')
        }
        None => false,
    }
}

/// The label when Slack made the link itself out of it, else the address: the label of a link that somebody made may
/// say anything.
pub(super) fn link(url: &str, label: Option<&str>) -> String {
    let without_scheme = url.split_once("://").or_else(|| url.split_once(':')).map(|(_, rest)| rest);
    let made_of = |label: &str| same(url, label) || without_scheme.is_some_and(|rest| same(rest, label));
    match label.filter(|label| made_of(label)) {
        Some(label) => label.to_owned(),
        None => url.strip_prefix("mailto:").or_else(|| url.strip_prefix("tel:")).unwrap_or(url).to_owned(),
    }
}

/// Slack writes the host of a link in small letters, adds a slash, and percent-encodes what may not stand in an
/// address; the label stays as typed.
fn same(address: &str, label: &str) -> bool {
    let short = |text: &str| text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase().into_bytes();
    short(address) == short(label) || percent_decoded(&short(address)) == percent_decoded(&short(label))
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%').to_ascii_lowercase());
                at += 3;
            }
            (byte, ..) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    push_decoded(&mut plain, text);
    plain
}

/// Decodes `&lt;`, `&gt;` and `&amp;` in one pass, so that `&amp;lt;` becomes `&lt;` and not `<`.
fn push_decoded(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (decoded, length) = if rest.starts_with("&lt;") {
            ('<', 4)
        } else if rest.starts_with("&gt;") {
            ('>', 4)
        } else if rest.starts_with("&amp;") {
            ('&', 5)
        } else {
            ('&', 1)
        };
        out.push(decoded);
        rest = &rest[length..];
    }
    out.push_str(rest);
}
