//! Slack's text forms undone: what a person typed, from what Slack makes of it.
//!
//! The canonical forms of what stays special: a person is `<@U123>`, a channel `<#C123>`, a user group `<!subteam^S123>`,
//! each without its label, as the label is somebody's text and the id is not. Commands that take a person or a channel
//! parse exactly these. Everything else becomes plain text.

/// The bot's own view of a message: entities, links, mentions, smart punctuation, odd spaces and formatting marks
/// undone, the leading mention of the bot (`bot_user`, `U…`) taken away, spaces at the ends trimmed.
///
/// Text inside double quotes keeps its inner spaces and formatting marks; splitting into words is left to the command
/// line's parser.
pub fn normalise(raw: &str, bot_user: Option<&str>) -> String {
    let plain = plain_characters(&unwrap_tokens(raw));
    let body = strip_bot(plain.trim(), bot_user);
    let body = strip_block(body);
    let body = strip_bot(body, bot_user);
    let words = unmark_words(&option_dashes(body));
    strip_bot(words.trim(), bot_user).to_owned()
}

/// `<…>` tokens replaced by what they stand for, and the three entities decoded, each exactly once.
fn unwrap_tokens(raw: &str) -> String {
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
        Some(b'@' | b'#') if target[1..].bytes().all(|byte| byte.is_ascii_alphanumeric()) && target.len() > 1 => {
            push_token(out, target);
        }
        Some(b'!') if target.starts_with("!subteam^") => push_token(out, target),
        Some(b'!') => broadcast(out, &target[1..], label),
        _ if is_link(target) => link(out, target, label),
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
fn link(out: &mut String, target: &str, label: Option<&str>) {
    let decoded = |text: &str| {
        let mut plain = String::with_capacity(text.len());
        push_decoded(&mut plain, text);
        plain
    };
    let url = decoded(target);
    let label = label.map(decoded);
    let own_words = label.filter(|label| {
        let without_scheme = url.split_once("://").or_else(|| url.split_once(':')).map(|(_, rest)| rest);
        let same = |made: &str| made == label.as_str() || made.strip_suffix('/') == Some(label.as_str());
        same(&url) || without_scheme.is_some_and(same) || without_scheme.is_some_and(|made| same_host(made, label))
    });
    match own_words {
        Some(label) => out.push_str(&label),
        None => out.push_str(url.strip_prefix("mailto:").or_else(|| url.strip_prefix("tel:")).unwrap_or(&url)),
    }
}

/// Slack writes the host of a link in small letters and keeps the label as typed.
fn same_host(made: &str, label: &str) -> bool {
    let made = made.strip_suffix('/').unwrap_or(made);
    let label = label.strip_suffix('/').unwrap_or(label);
    made.eq_ignore_ascii_case(label)
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

/// Quotes and spaces as on a keyboard, and nothing invisible.
fn plain_characters(text: &str) -> String {
    let plain = |character: char| match character {
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' | '\u{FF02}' => Some('"'),
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{FF07}' => Some('\''),
        // hyphens that look like one; the longer dashes depend on where they stand
        '\u{2010}' | '\u{2011}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => Some('-'),
        // zero width spaces, joiners, direction marks, soft hyphen, variation selectors: seen by nobody
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => None,
        '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => None,
        character if character.is_whitespace() => Some(' '),
        character if character.is_control() => None,
        character => Some(character),
    };
    text.chars().filter_map(plain).collect()
}

/// Takes `<@UBOT>` away from the start, with a colon or comma after it.
fn strip_bot<'a>(text: &'a str, bot_user: Option<&str>) -> &'a str {
    let Some(bot) = bot_user else { return text };
    // formatting around the mention alone: `*<@UBOT>* ping`
    let bare = text.trim_start_matches(['*', '_', '~', '`']);
    let marks = &text[..text.len() - bare.len()];
    let Some(rest) =
        bare.strip_prefix("<@").and_then(|rest| rest.strip_prefix(bot)).and_then(|rest| rest.strip_prefix('>'))
    else {
        return text;
    };
    let closing: String = marks.chars().rev().collect();
    // marks that close later belong to more than the mention
    let Some(rest) = rest.strip_prefix(closing.as_str()) else { return text };
    let rest = rest.trim_start();
    rest.strip_prefix([':', ',']).unwrap_or(rest).trim_start()
}

/// Takes away the marks around the whole command: a code block, inline code, bold, italics, strike-through.
fn strip_block(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = ["```", "`", "*", "_", "~"].iter().find_map(|mark| between(text, mark)) {
        text = inner.trim();
    }
    text
}

/// What stands between two marks, when they belong to each other: no third one inside.
fn between<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
    let clean = !inner.is_empty() && !inner.contains(mark) && !inner.starts_with(' ') && !inner.ends_with(' ');
    let fenced = mark == "```" && !inner.contains(mark) && !inner.trim().is_empty();
    (clean || fenced).then_some(inner)
}

/// Long dashes at the start of an option become `--`; elsewhere they become `-`, as in a range or between words.
/// Inside double quotes they stay.
fn option_dashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut quote = None;
    let mut characters = text.chars().peekable();
    let mut at_start = true;
    while let Some(character) = characters.next() {
        let dash = matches!(character, '\u{2012}'..='\u{2015}');
        match character {
            '"' | '\'' if quote == Some(character) => quote = None,
            '"' => quote = quote.or(Some(character)),
            // an apostrophe inside a word opens nothing
            '\'' if at_start && quote.is_none() => quote = Some(character),
            _ => {}
        }
        if !dash || quote.is_some() {
            out.push(character);
        } else if at_start {
            // "—-name" is what becomes of "---name"; one pair of dashes is always meant
            while characters.next_if(|next| *next == '-' || matches!(next, '\u{2012}'..='\u{2015}')).is_some() {}
            let option = characters.peek().is_some_and(|next| next.is_alphanumeric());
            out.push_str(if option || characters.peek().is_none_or(|next| *next == ' ') { "--" } else { "-" });
        } else {
            out.push('-');
        }
        at_start = character == ' ' || (at_start && matches!(character, '*' | '_' | '~' | '`'));
    }
    out
}

/// Takes formatting marks away from around single words: `*stop*`, `` `i-0abc` ``, and `--region=*eu-west-1*`; marks
/// inside a word are part of it, as are the stars of a pattern (`web-*`, `*-db`).
fn unmark_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, piece) in split_quoted(text).into_iter().enumerate() {
        if index % 2 == 1 {
            out.push_str(piece);
            continue;
        }
        let mut rest = piece;
        while let Some(at) = rest.find(['*', '_', '~', '`']) {
            let mark = rest[at..].chars().next().unwrap_or('*');
            match marked(rest, at, mark, out.chars().next_back()) {
                Some(end) => {
                    out.push_str(&rest[..at]);
                    out.push_str(unmark(&rest[at..=end]));
                    rest = &rest[end + 1..];
                }
                None => {
                    out.push_str(&rest[..=at]);
                    rest = &rest[at + 1..];
                }
            }
        }
        out.push_str(rest);
    }
    out
}

fn unmark(text: &str) -> &str {
    let mut text = text;
    while let Some(inner) = ["```", "`", "*", "_", "~"].iter().find_map(|mark| between(text, mark)) {
        text = inner;
    }
    text
}

/// The end of a stretch that begins with a mark here, as Slack's formatting has it: the mark opens after a space or `=`
/// and closes before a space or the end.
fn marked(text: &str, at: usize, mark: char, before_text: Option<char>) -> Option<usize> {
    let before = text[..at].chars().next_back().or(if at == 0 { before_text } else { None });
    if !before.is_none_or(|before| matches!(before, ' ' | '=' | ',')) {
        return None;
    }
    let inside = &text[at + 1..];
    if inside.starts_with(' ') {
        return None;
    }
    let closes = |(offset, _): &(usize, &str)| {
        let after = inside[offset + 1..].chars().next();
        let last = inside[..*offset].chars().next_back();
        let ends = after.is_none_or(|after| matches!(after, ' ' | ',' | '=' | ':' | ';' | '.' | '!' | '?'));
        ends && last.is_some_and(|last| last != ' ')
    };
    let (offset, _) = inside.match_indices(mark).find(closes)?;
    Some(at + 1 + offset)
}

/// Pieces outside (even) and inside (odd, with their quotes) double quotes.
fn split_quoted(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((start, length)) =
        rest.find('"').and_then(|start| rest[start + 1..].find('"').map(|length| (start, length)))
    {
        let end = start + length + 2;
        pieces.push(&rest[..start]);
        pieces.push(&rest[start..end]);
        rest = &rest[end..];
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests;
