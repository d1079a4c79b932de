//! Zstandard files, which may have several frames (RFC 8878, section 3).

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How a frame begins.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The content of all frames, one after the other.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether `decoder` is inside a frame.
    started: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), started: false }
    }

    /// Begins the next frame; false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(_) => return Err(damaged()),
            }
        }
    }
}

/// The decoder's own errors tell its insides, not what is wrong with the file.
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its compressed data is damaged or cut short")
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.started && !self.begin()? {
                return Ok(0);
            }
            self.started = true;
            while self.decoder.can_collect() < buffer.len() && !self.decoder.is_finished() {
                let missing = buffer.len() - self.decoder.can_collect();
                self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBytes(missing)).map_err(|_| damaged())?;
            }
            match self.decoder.read(buffer)? {
                // An empty frame, or the end of one: another may follow.
                0 if !buffer.is_empty() => self.started = false,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn frame(content: &[u8]) -> Vec<u8> {
        compress_to_vec(content, CompressionLevel::Fastest)
    }

    fn content(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Frames::new(file).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn frames_follow_each_other_and_skippable_ones_are_skipped() {
        let long = b"{\"content\":\"aspirin\"}\n".repeat(20_000);
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let file = [&frame(&long)[..], &skippable, &frame(b""), &frame(b"end\n")].concat();
        assert_eq!(content(&file).unwrap(), [&long[..], b"end\n"].concat());
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let file = frame(&b"{\"content\":\"aspirin\"}\n".repeat(20_000));
        assert!(content(&file[..file.len() - 1]).is_err() && content(&file[..file.len() / 2]).is_err());
        assert!(content(&[&file[..], &MAGIC].concat()).is_err());
    }
}
