//! Ingest: the bytes of a range of a file, as they are or unpacked.
//!
//! Takes a range. Gives its bytes in order. Never unpacks further ahead than one piece, and never
//! passes over a damaged byte.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::IngestError;
use crate::limits::RECEIVE_BYTES;
use crate::model::stage::FileRange;
use crate::sys::storage::{Storage, StorageError};
use crate::sys::stored_reader::{StoredReader, storage_error};

/// Whether a file of that name is packed by gzip. It cannot be cut: it is one range.
pub fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// The bytes of a range, read in order.
pub struct RangeBytes<'s> {
    source: &'s str,
    path: &'s Path,
    end: u64,
    reading: Reading<'s>,
}

enum Reading<'s> {
    Plain(&'s dyn Storage),
    Packed(Box<Members<'s>>),
}

/// Several members, one behind the other, are one file, as gzip itself has it; and as it does,
/// zeros behind the last are passed over, with which some fill up files.
struct Members<'s> {
    /// The member that is read now; `None` behind the last.
    member: Option<GzDecoder<BufReader<StoredReader<'s>>>>,
    /// Up to where the file was read, when that is over.
    end: u64,
}

impl<'s> Members<'s> {
    fn new(packed: BufReader<StoredReader<'s>>) -> Self {
        Self { member: Some(GzDecoder::new(packed)), end: 0 }
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(to)?;
            if read > 0 || to.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut rest = member.into_inner();
            let more = is_more(&mut rest);
            self.end = place(&rest);
            if more? {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }

    /// Up to which byte the packed file was read.
    fn place(&self) -> u64 {
        self.member.as_ref().map_or(self.end, |member| place(member.get_ref()))
    }
}

fn place(packed: &BufReader<StoredReader<'_>>) -> u64 {
    packed.get_ref().at() - packed.buffer().len() as u64
}

/// Whether there is something behind a member; fails when zeros are followed by something else.
fn is_more(rest: &mut BufReader<StoredReader<'_>>) -> io::Result<bool> {
    if rest.fill_buf()?.first().is_some_and(|byte| *byte != 0) {
        return Ok(true);
    }
    loop {
        let zeros = rest.fill_buf()?;
        let read = zeros.len();
        if zeros.iter().any(|byte| *byte != 0) {
            let message = "something stands behind the zeros that fill it up";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if read == 0 {
            return Ok(false);
        }
        rest.consume(read);
    }
}

impl<'s> RangeBytes<'s> {
    /// The bytes of a range of a source's file.
    pub fn new(source: &'s str, storage: &'s dyn Storage, of: &'s FileRange) -> Self {
        let path = of.path.as_path();
        if !is_packed(path) {
            return Self { source, path, end: of.end, reading: Reading::Plain(storage) };
        }
        let packed = StoredReader::new(storage, path, of.end);
        let packed = BufReader::with_capacity(RECEIVE_BYTES, packed);
        let reading = Reading::Packed(Box::new(Members::new(packed)));
        // How much it unpacks to is known when it is over.
        Self { source, path, end: u64::MAX, reading }
    }

    /// Up to which byte there is something, at most.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether the file is packed.
    pub fn is_packed(&self) -> bool {
        matches!(self.reading, Reading::Packed(_))
    }

    /// Reads what stands at that byte, behind what was read before. Gives 0 at the file's end.
    ///
    /// # Errors
    /// When the file cannot be read, or not be unpacked.
    pub fn read(&mut self, at: u64, to: &mut [u8]) -> Result<usize, IngestError> {
        let (source, path) = (self.source, self.path);
        let file =
            |error: StorageError| IngestError::File { name: source.to_owned(), source: error };
        match &mut self.reading {
            Reading::Plain(storage) => storage.read_at(path, at, to).map_err(file),
            Reading::Packed(unpacked) => loop {
                match unpacked.read(to) {
                    Ok(read) => return Ok(read),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let place = unpacked.place();
                        let damaged = |error: io::Error| IngestError::Packed {
                            name: source.to_owned(),
                            path: path.to_owned(),
                            problem: damage(&error, place),
                        };
                        return Err(storage_error(error).map_or_else(damaged, file));
                    }
                }
            },
        }
    }
}

fn damage(error: &io::Error, place: u64) -> String {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string(),
    };
    format!("it is damaged as a gzip file, at byte {place} or before: {what}")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::model::id::SourceId;
    use crate::sys::storage_memory::MemoryStorage;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn unpacked(file: &[u8]) -> Result<Vec<u8>, String> {
        let storage = MemoryStorage::new();
        storage.put("/in/a.gz", file);
        let (path, end) = ("/in/a.gz".into(), file.len() as u64);
        let of = FileRange { source: SourceId(0), file: 0, path, start: 0, end };
        let mut bytes = RangeBytes::new("lines", &storage, &of);
        let (mut text, mut piece) = (Vec::new(), [0; 1000]);
        loop {
            match bytes.read(text.len() as u64, &mut piece) {
                Ok(0) => return Ok(text),
                Ok(read) => text.extend_from_slice(&piece[..read]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn members_one_behind_the_other_are_one_file() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let (first, second) = text.split_at(300_000);
        assert_eq!(unpacked(&packed(&text)), Ok(text.clone()));
        assert_eq!(unpacked(&[packed(first), packed(b""), packed(second)].concat()), Ok(text));
    }

    /// The story: gzip(1) unpacks files that were filled up with zeros, as tapes do; here they were
    /// damaged.
    #[test]
    fn zeros_behind_the_last_member_are_passed_over() {
        let file = |zeros: usize, behind: &[u8]| {
            let parts = [&packed(b"a\n")[..], &packed(b"b\n"), &vec![0; zeros], behind];
            unpacked(&parts.concat())
        };
        for zeros in [1, 512, 3 * RECEIVE_BYTES] {
            assert_eq!(file(zeros, b""), Ok(b"a\nb\n".to_vec()), "{zeros}");
            let error = file(zeros, &packed(b"c\n")).expect_err("it is more than zeros");
            assert!(
                error.ends_with("something stands behind the zeros that fill it up"),
                "{error}"
            );
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let whole = packed(&text);
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 0xff;
        let torn = &whole[..whole.len() / 2];
        let followed = [&whole[..], b"not packed"].concat();
        for (file, what) in [
            (&b"a\nb\n"[..], ""),
            (&whole[..5], "it ends too early"),
            (torn, "it ends too early"),
            (&whole[..whole.len() - 1], "it ends too early"),
            (&changed, ""),
            (&followed, ""),
        ] {
            let error = unpacked(file).expect_err("it is damaged");
            let expected = "source `lines` cannot read `/in/a.gz`: it is damaged as a gzip file, \
                            at byte ";
            assert!(error.starts_with(expected) && error.ends_with(what), "{error}");
        }
    }

    #[test]
    fn a_packed_file_that_went_is_named_as_any_other() {
        let storage = MemoryStorage::new();
        let (path, end) = ("/in/a.gz".into(), 10);
        let of = FileRange { source: SourceId(0), file: 0, path, start: 0, end };
        let read = RangeBytes::new("lines", &storage, &of).read(0, &mut [0; 10]);
        let error = read.expect_err("there is none").to_string();
        let expected = "source `lines` cannot be read: cannot read `/in/a.gz`: it does not exist";
        assert_eq!(error, expected);
    }
}
