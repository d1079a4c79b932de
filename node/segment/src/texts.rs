//! Numbered texts: `count + 1` offsets of five bytes, then the texts without gaps.

use crate::container::Container;
use crate::section::Section;

/// Appends the section that holds `texts` to `out`.
pub(crate) fn encode<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut out = Vec::new();
    let mut end = 0;
    put_offset(&mut out, end);
    for text in texts.clone() {
        end += text.len() as u64;
        put_offset(&mut out, end);
    }
    texts.for_each(|text| out.extend_from_slice(text));
    out
}

/// Appends an offset of five bytes: below 1 TiB.
pub(crate) fn put_offset(out: &mut Vec<u8>, offset: u64) {
    out.extend_from_slice(&offset.to_le_bytes()[..5]);
}

/// The `index`th of `count` texts; `None` where there is none or it is damaged.
pub(crate) fn get(container: &Container, section: Section, count: u32, index: u32) -> Option<&[u8]> {
    if index >= count {
        return container.fault(|| format!("something names text {index} of a {section} that has {count}"));
    }
    let heap = 5 * (count as usize + 1);
    let start = container.u40_at(section, index as usize)?;
    let end = container.u40_at(section, index as usize + 1)?;
    let len = end.checked_sub(start).and_then(|len| usize::try_from(len).ok());
    let at = usize::try_from(start).ok().and_then(|start| start.checked_add(heap));
    match at.zip(len) {
        Some((at, len)) => container.slice(section, at, len),
        None => container.fault(|| format!("text {index} of a {section} ends before it begins")),
    }
}
