//! Reads spools by offset and by line, plain while the run goes on and packed afterwards. It holds at most one line or
//! one packed frame in memory.

use super::run_dir::{RunDir, sync_dir};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
};

/// The most bytes of a line; the rest is skipped.
pub const MAX_LINE: usize = 8 << 20;
/// The bytes of one read.
pub(super) const CHUNK: usize = 128 << 10;
/// The plain bytes of a frame: small enough to read from the middle without unpacking everything before.
const FRAME: u64 = 4 << 20;
const LEVEL: i32 = 6;
/// The end of a packed spool, after the number of frames.
const MAGIC: &[u8; 8] = b"owspool1";

/// A spool, read by offset.
pub(super) enum Spool {
    /// As the shim writes it.
    Plain(File),
    /// Packed after the run's end.
    Packed(Packed),
}

/// A packed spool: zstd frames of 4 MiB of output each, then a table of their offsets.
pub(super) struct Packed {
    file: File,
    /// The offset of each frame, and the end of the last.
    starts: Vec<u64>,
    /// The frame that was unpacked last, with its index.
    frame: Option<(usize, Vec<u8>)>,
}

impl Spool {
    /// Opens a run's standard output; `None` when there is none yet.
    pub(super) fn open(dir: &RunDir) -> io::Result<Option<Self>> {
        for packed in [false, true, false] {
            let opened = if packed {
                Packed::open(dir).map(Self::Packed)
            } else {
                File::open(dir.stdout()).map(Self::Plain)
            };
            match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => return other.map(Some),
            }
        }
        Ok(None)
    }

    /// Fills `buffer` from an offset and returns the bytes read: fewer than its length only near the end, 0 at the end.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => loop {
                match file.read_at(buffer, offset) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            },
            Self::Packed(packed) => packed.read_at(buffer, offset),
        }
    }
}

impl Packed {
    fn open(dir: &RunDir) -> io::Result<Self> {
        let file = File::open(dir.packed())?;
        let length = file.metadata()?.len();
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "a packed spool without its closing table");
        let tail_at = length.checked_sub(16).ok_or_else(bad)?;
        let mut tail = [0; 16];
        file.read_exact_at(&mut tail, tail_at)?;
        let (count, magic) = tail.split_at(8);
        let count = u64::from_le_bytes(count.try_into().expect("eight bytes"));
        if magic != MAGIC {
            return Err(bad());
        }
        // The table lies in a skippable frame, so that any zstd program can unpack the file.
        let table_at = count
            .checked_mul(8)
            .and_then(|bytes| tail_at.checked_sub(bytes))
            .ok_or_else(bad)?;
        let mut table = vec![0; usize::try_from(tail_at - table_at).map_err(|_| bad())?];
        file.read_exact_at(&mut table, table_at)?;
        let starts = table
            .chunks_exact(8)
            .map(|start| u64::from_le_bytes(start.try_into().expect("eight bytes")))
            .collect();
        Ok(Self {
            file,
            starts,
            frame: None,
        })
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Ok(index) = usize::try_from(offset / FRAME) else {
            return Ok(0);
        };
        let (Some(start), Some(end)) = (self.starts.get(index).copied(), self.starts.get(index + 1).copied()) else {
            return Ok(0);
        };
        if self.frame.as_ref().is_none_or(|(unpacked, _)| *unpacked != index) {
            let mut packed = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
            self.file.read_exact_at(&mut packed, start)?;
            let mut plain = Vec::new();
            zstd::Decoder::new(packed.as_slice())?
                .take(FRAME)
                .read_to_end(&mut plain)?;
            self.frame = Some((index, plain));
        }
        let plain = self.frame.as_ref().map_or(&[][..], |(_, plain)| plain);
        let rest = plain
            .get(usize::try_from(offset % FRAME).map_err(io::Error::other)?..)
            .unwrap_or(&[]);
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}

/// Packs the standard output of an ended run. After a crash the plain file, the packed one or both exist; both have the
/// same content.
pub(super) fn pack(dir: &RunDir) -> io::Result<()> {
    let plain = match File::open(dir.stdout()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let temporary = dir.packed().with_extension("part");
    let mut to = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    let mut starts = vec![0_u64];
    let mut offset = 0;
    loop {
        let mut frame = Vec::new();
        (&plain).take(FRAME).read_to_end(&mut frame)?;
        if frame.is_empty() {
            break;
        }
        let packed = zstd::encode_all(frame.as_slice(), LEVEL)?;
        to.write_all(&packed)?;
        offset += u64::try_from(packed.len()).map_err(io::Error::other)?;
        starts.push(offset);
    }
    let count = u64::try_from(starts.len()).map_err(io::Error::other)?;
    let length = u32::try_from(count * 8 + 16).map_err(io::Error::other)?;
    to.write_all(&0x184D_2A50_u32.to_le_bytes())?;
    to.write_all(&length.to_le_bytes())?;
    for start in starts {
        to.write_all(&start.to_le_bytes())?;
    }
    to.write_all(&count.to_le_bytes())?;
    to.write_all(MAGIC)?;
    to.sync_all()?;
    fs::rename(&temporary, dir.packed())?;
    sync_dir(dir.path())?;
    fs::remove_file(dir.stdout())
}

/// Splits a stream of bytes into lines, in bounded memory.
pub(super) struct Lines {
    most: usize,
    line: Vec<u8>,
    skipped: bool,
    end: u64,
}

/// A line: the offset after its line feed, its bytes without that, and whether bytes are missing.
pub(super) type Cut = (u64, Vec<u8>, bool);

impl Lines {
    /// Starts at an offset where a line starts; lines longer than `most` bytes are cut.
    pub(super) fn new(offset: u64, most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            skipped: false,
            end: offset,
        }
    }

    /// Takes bytes from `rest` up to the end of a line; `None` if `rest` ends before.
    pub(super) fn take(&mut self, rest: &mut &[u8]) -> Option<Cut> {
        let before = self.line.len();
        // Reading from memory never fails.
        let read = rest.read_until(b'\n', &mut self.line).unwrap_or(0);
        self.end += u64::try_from(read).expect("a buffer's length fits");
        let ended = self.line.len() > before && self.line.last() == Some(&b'\n');
        if ended {
            self.line.pop();
        }
        if self.skipped {
            self.line.truncate(before);
        } else if self.line.len() > self.most {
            self.line.truncate(self.most);
            self.skipped = true;
        }
        ended.then(|| self.cut())
    }

    /// The unfinished line at the end of the stream.
    pub(super) fn rest(&mut self) -> Option<Cut> {
        (!self.line.is_empty() || self.skipped).then(|| self.cut())
    }

    fn cut(&mut self) -> Cut {
        (
            self.end,
            std::mem::take(&mut self.line),
            std::mem::take(&mut self.skipped),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_stream_is_chunked(lines in prop::collection::vec(prop::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), 0..20), 0..12), chunk in 1_usize..9) {
            let stream: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
            let mut cutter = Lines::new(100, 10);
            let mut got = Vec::new();
            for part in stream.chunks(chunk) {
                let mut rest = part;
                while !rest.is_empty() {
                    got.extend(cutter.take(&mut rest));
                }
            }
            prop_assert!(cutter.rest().is_none());
            let mut end = 100;
            let expected: Vec<Cut> = lines.iter().map(|line| {
                end += line.len() as u64 + 1;
                (end, line[..line.len().min(10)].to_vec(), line.len() > 10)
            }).collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn what_is_left_without_a_line_feed_is_a_line_too() {
        let mut cutter = Lines::new(0, 3);
        let mut rest: &[u8] = b"ab";
        assert_eq!(cutter.take(&mut rest), None);
        assert_eq!(cutter.rest(), Some((2, b"ab".to_vec(), false)));
        assert_eq!(cutter.rest(), None);
        let mut rest: &[u8] = b"abcdef";
        assert_eq!(cutter.take(&mut rest), None);
        assert_eq!(cutter.rest(), Some((8, b"abc".to_vec(), true)));
    }

    #[test]
    fn a_packed_spool_reads_like_the_plain_one() {
        let temporary = tempfile::tempdir().expect("a directory");
        let dir = RunDir::create(temporary.path().join("r")).expect("a run directory");
        assert!(Spool::open(&dir).expect("readable").is_none());
        let plain: Vec<u8> = (0..9_000_000_u32)
            .map(|n| u8::try_from((n / 7) % 251).expect("below 251"))
            .collect();
        fs::write(dir.stdout(), &plain).expect("writable");
        pack(&dir).expect("packs");
        assert!(!dir.stdout().exists());
        let mut spool = Spool::open(&dir).expect("readable").expect("there");
        let mut buffer = vec![0; 5_000];
        for offset in [0_usize, 1, 4_194_303, 4_194_304, 8_999_999, 9_000_000, 20_000_000] {
            let read = spool.read_at(&mut buffer, offset as u64).expect("reads");
            let expected = plain.get(offset..).unwrap_or(&[]);
            assert_eq!(&buffer[..read], &expected[..read], "at {offset}");
            assert_eq!(read == 0, offset >= plain.len(), "at {offset}");
        }
        let unpacked = zstd::decode_all(File::open(dir.packed()).expect("there")).expect("any zstd program reads it");
        assert!(unpacked == plain);
    }
}
