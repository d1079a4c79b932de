//! The log, the checksums of its frames put right.

use super::fuzz;
use super::image::Image;

/// Of a frame: len u32, kind, three zeroes, group, file id, sequence, `durable_to`, CRC-32C of these.
const HEADER: usize = 44;
/// The payload's CRC-32C.
const TRAILER: usize = 4;

/// Where the frames of a log file begin, and the lengths of their payloads.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if len == 0 || at + HEADER + len + TRAILER > bytes.len() {
            break;
        }
        frames.push((at, len));
        at += HEADER + len + TRAILER;
    }
    frames
}

/// Puts the checksums of the frames right that begin where the original's do; a length that is another one is believed.
fn put_right(bytes: &mut [u8], frames: &[(usize, usize)]) {
    for (at, _) in frames {
        if let Some(header) = bytes.get_mut(*at..at + HEADER) {
            let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let crc = crc32c::crc32c(&header[..40]);
            header[40..].copy_from_slice(&crc.to_le_bytes());
            let payload = at + HEADER..(at + HEADER).saturating_add(len);
            if let Some(crc) = bytes.get(payload.clone()).map(crc32c::crc32c)
                && let Some(trailer) = bytes.get_mut(payload.end..payload.end + TRAILER)
            {
                trailer.copy_from_slice(&crc.to_le_bytes());
            }
        }
    }
}

#[test]
fn frames_of_the_log_are_read_or_refused() {
    let image = Image::new(42);
    let (file, mut original) = image.files("/wal/").pop().unwrap();
    let frames = frames(&original);
    assert!(frames.len() > 2, "{frames:?}");
    let end = frames.last().map(|(at, len)| at + HEADER + len + TRAILER).unwrap();
    let preallocated = original.split_off(end);
    assert!(preallocated.iter().all(|byte| *byte == 0), "behind the last frame there are zeroes");
    let mut same = original.clone();
    put_right(&mut same, &frames);
    assert_eq!(same, original, "the frames' layout is another one");
    assert_eq!(image.opened(&file, &original), "read");
    fuzz("log", vec![original], |bytes| {
        let mut bytes = bytes.to_vec();
        put_right(&mut bytes, &frames);
        image.opened(&file, &bytes)
    });
}
