//! Slack's text forms undone: what a person typed, from what Slack makes of it.
//!
//! Slack sends a message twice: as text with marks and tokens in it, and (people's clients do) as a tree of
//! `rich_text`. The tree is the better source, as it tells marks from letters; the text is all that slash commands
//! have. Both come out as the same line.
//!
//! The canonical forms of what stays special: a person is `<@U123>`, a channel `<#C123>`, a user group `<!subteam^S123>`,
//! each without its label, as the label is somebody's text and the id is not. Commands that take a person or a channel
//! parse exactly these. Everything else becomes plain text.
//!
//! This folder needs nothing of the other rooms, so that `fuzz/` can build it alone. All of it takes time in
//! proportion to the length of what it reads.

mod characters;
mod marks;
mod pieces;
mod rich;
mod tokens;

/// The bot's own view of a message's text: entities, links, mentions, smart punctuation, odd spaces and formatting marks
/// undone, the leading mention of the bot (`bot_user`, `U…`) taken away, spaces at the ends trimmed.
///
/// Text inside quotes keeps its inner spaces and formatting marks; splitting into words is left to the command line's
/// parser.
pub fn normalise(raw: &str, bot_user: Option<&str>) -> String {
    let plain = characters::plain(&tokens::unwrapped(raw));
    let bare = marks::undone(strip_bot(characters::without_bullets(&plain).trim(), bot_user));
    finished(&bare, bot_user)
}

/// As [`normalise`], from the blocks (a JSON array) where they are rich text that is understood as a whole, else from
/// the text.
pub fn command_line(raw: &str, blocks: Option<&str>, bot_user: Option<&str>) -> String {
    match blocks.and_then(rich::read) {
        Some(words) => finished(&words, bot_user),
        None => normalise(raw, bot_user),
    }
}

fn finished(words: &str, bot_user: Option<&str>) -> String {
    let line = characters::with_option_dashes(&words.replace('\n', " "));
    let line = strip_bot(line.trim(), bot_user);
    bot_user.map_or(line, |bot| addressed(line, bot)).to_owned()
}

/// Words of which people make a greeting before they name somebody.
const GREETINGS: [&str; 16] = [
    "hey", "hi", "hello", "hallo", "yo", "ok", "okay", "and", "so", "please", "dear", "thanks", "morning", "now", "cc",
    "team",
];

/// What is said to the bot where it is named later in the line: what stands after its mention, when nothing but other
/// people and a greeting stands before; what stands before, when the mention ends the line. In any other place the line
/// stays as it is: what stands before may turn its meaning.
fn addressed<'a>(line: &'a str, bot: &str) -> &'a str {
    let mention = format!("<@{bot}>");
    let mention = mention.as_str();
    let ended = line.trim_end_matches(['.', '!', '?', ' ']).strip_suffix(mention);
    // `owner=<@UBOT>` is a value
    if let Some(before) = ended.filter(|before| before.ends_with(' ') && !before.contains(mention)) {
        return before.trim_end().trim_end_matches([',', ':']).trim_end();
    }
    let Some((before, after)) = line.split_once(mention) else { return line };
    let is_address = |word: &str| {
        let word = word.trim_matches([',', '!', '.']).to_lowercase();
        word.is_empty() || word.starts_with("<@") || word.starts_with("<!") || GREETINGS.contains(&word.as_str())
    };
    match before.split_whitespace().all(is_address) {
        true => strip_bot(after.trim_start().trim_start_matches([':', ',']).trim_start(), Some(bot)),
        false => line,
    }
}

/// Takes `<@UBOT>` away from the start, with a colon or comma after it.
fn strip_bot<'a>(text: &'a str, bot_user: Option<&str>) -> &'a str {
    let Some(bot) = bot_user else { return text };
    let mut text = text;
    while let Some(rest) =
        text.strip_prefix("<@").and_then(|rest| rest.strip_prefix(bot)).and_then(|rest| rest.strip_prefix('>'))
    {
        let rest = rest.trim_start();
        text = rest.strip_prefix([':', ',']).unwrap_or(rest).trim_start();
    }
    text
}

#[cfg(test)]
mod tests;
