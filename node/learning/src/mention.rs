//! The parts of a text that name entities.

use std::collections::BTreeMap;

use sutra_protocol::http::Mention;

/// The text that each mention covers, in their order. Positions count Unicode code points of `content`; validation has seen to it
/// that they lie inside.
pub fn slices<'a>(content: &'a str, mentions: &[Mention]) -> Vec<&'a str> {
    let offsets = offsets(content, mentions);
    let offset = |position: u64| offsets.get(&position).copied().unwrap_or(content.len());
    mentions.iter().map(|mention| content.get(offset(mention.start)..offset(mention.end)).unwrap_or_default()).collect()
}

/// Bytes before each position that a mention names. One pass whatever the number of mentions: ten thousand of them in ten
/// megabytes would otherwise count for minutes.
fn offsets(content: &str, mentions: &[Mention]) -> BTreeMap<u64, usize> {
    let mut offsets: BTreeMap<u64, usize> =
        mentions.iter().flat_map(|mention| [mention.start, mention.end]).map(|position| (position, content.len())).collect();
    let mut wanted = offsets.iter_mut().peekable();
    for (position, (offset, _)) in (0_u64..).zip(content.char_indices()) {
        match wanted.peek() {
            None => break,
            Some((next, _)) if **next > position => {}
            Some(_) => {
                if let Some((_, found)) = wanted.next() {
                    *found = offset;
                }
            }
        }
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mention(start: u64, end: u64) -> Mention {
        Mention { start, end, ..Mention::default() }
    }

    #[test]
    fn positions_count_code_points_not_bytes() {
        let content = "Sjögren’s 病 and 🫀 failure";
        let found = slices(content, &[mention(16, 25), mention(0, 7), mention(10, 11), mention(0, 25), mention(24, 25)]);
        assert_eq!(found, ["🫀 failure", "Sjögren", "病", content, "e"]);
    }
}
