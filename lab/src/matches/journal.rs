//! A journal: records that are added and never changed, each with its length, a checksum and the checksum of the record
//! before it, under a key that says what they are records of. What a killed process left half written is cut off when
//! the journal is opened again; what was damaged later is told apart from that, and all that is still whole is kept.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disk::Disk;

/// The key of a journal: the digest of what its records belong to.
pub(crate) type Key = [u8; 32];
/// The bytes of a checksum that are kept.
type Sum = [u8; 16];

/// Length, checksum and the checksum before.
const HEAD: usize = 4 + 16 + 16;
/// The longest record.
const LONGEST: usize = 1 << 20;
/// Records and time after which what was added is made durable.
const GROUP: (u32, Duration) = (64, Duration::from_millis(250));

/// A journal being added to.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    key: Key,
    before: Sum,
    waiting: u32,
    synced: Instant,
}

/// What a journal holds, beside its records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Read {
    /// Records that are whole.
    pub(crate) records: u64,
    /// Where the last whole record ends.
    pub(crate) end: u64,
    /// Bytes behind it: of a record that was being written when the process ended.
    pub(crate) torn: u64,
    /// Where something between whole records is damaged or missing.
    pub(crate) damage: Vec<u64>,
    /// The checksum of the last whole record.
    last: Sum,
}

impl Read {
    /// Whether there is nothing to mend.
    pub(crate) fn is_whole(&self) -> bool {
        self.torn == 0 && self.damage.is_empty()
    }
}

fn checksum(key: &Key, before: &Sum, payload: &[u8]) -> Sum {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(before);
    hasher.update(payload);
    let mut sum = Sum::default();
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

/// The checksum that stands before the first record.
fn start(key: &Key) -> Sum {
    checksum(key, &Sum::default(), b"palisade journal 1")
}

/// A record at a place of the bytes: its payload's range, its checksum and the one before. Its checksum holds.
fn record(key: &Key, bytes: &[u8], at: usize) -> Option<(std::ops::Range<usize>, Sum, Sum)> {
    let head = bytes.get(at..at + HEAD)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let (sum, before): (Sum, Sum) = (head[4..20].try_into().ok()?, head[20..].try_into().ok()?);
    let range = at + HEAD..at + HEAD + length;
    let payload = bytes.get(range.clone()).filter(|_| length <= LONGEST)?;
    (checksum(key, &before, payload) == sum).then_some((range, sum, before))
}

/// Reads a journal, whole or not, and shows every whole record with the place where its payload begins. It is held in
/// memory piece by piece, or from the first damage on.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn read(path: &Path, key: &Key, mut visit: impl FnMut(u64, &[u8])) -> io::Result<Read> {
    let mut file = BufReader::new(File::open(path)?);
    let mut found = Read { last: start(key), ..Read::default() };
    let (mut bytes, mut base) = (Vec::new(), 0_u64);
    let mut at = 0;
    let (mut broken, mut at_end) = (None, false);
    loop {
        if bytes.len() - at <= LONGEST + HEAD && !at_end {
            bytes.drain(..at);
            base += at as u64;
            at = 0;
            at_end = file.by_ref().take(2 * (LONGEST + HEAD) as u64).read_to_end(&mut bytes)? == 0;
        }
        if at == bytes.len() {
            break;
        }
        if let Some((range, sum, before)) = record(key, &bytes, at) {
            // A gap that ends in a whole record is damage; so are whole records that do not follow each other.
            match broken.take() {
                Some(place) => found.damage.push(place),
                None if before != found.last => found.damage.push(base + at as u64),
                None => {}
            }
            visit(base + range.start as u64, &bytes[range.clone()]);
            (at, found.last) = (range.end, sum);
            found.records += 1;
            found.end = base + at as u64;
        } else {
            if broken.is_none() {
                file.read_to_end(&mut bytes)?;
                at_end = true;
                broken = Some(base + at as u64);
            }
            at += 1;
        }
    }
    found.torn = base + bytes.len() as u64 - found.end;
    Ok(found)
}

impl Writer {
    /// Opens a journal to add to, behind the records that are whole: what a process that was killed left half written
    /// is cut off, and a damaged file is set aside under another name, with all that is whole written anew. Says what
    /// had to be done.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn open(disk: &Disk, path: &Path, key: Key) -> io::Result<(Self, Option<String>)> {
        let mut before = start(&key);
        let mut told = None;
        if path.exists() {
            let found = read(path, &key, |_, _| {})?;
            before = found.last;
            if !found.damage.is_empty() {
                (before, told) = mend(disk, path, &key, &found).map(|(last, told)| (last, Some(told)))?;
            } else if found.records == 0 && found.torn > (HEAD + LONGEST) as u64 {
                return Err(io::Error::other("is no journal of this: it is left as it is"));
            } else if found.torn > 0 {
                let file = disk.open(path)?;
                disk.cut(&file, found.end)?;
                disk.sync(&file)?;
            }
        }
        let file = disk.open(path)?;
        disk.sync_folder(path)?;
        Ok((Self { file, key, before, waiting: 0, synced: Instant::now() }, told))
    }

    /// Adds a record. It survives the end of this process from then on, and a loss of power within [`GROUP`].
    ///
    /// # Errors
    /// A file that cannot be written: nothing may be added after that.
    pub(crate) fn add(&mut self, disk: &Disk, payload: &[u8]) -> io::Result<()> {
        let (bytes, sum) = frame(&self.key, &self.before, payload)?;
        disk.add(&mut self.file, &bytes)?;
        self.before = sum;
        self.waiting += 1;
        if self.waiting >= GROUP.0 || self.synced.elapsed() >= GROUP.1 { self.sync(disk) } else { Ok(()) }
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn sync(&mut self, disk: &Disk) -> io::Result<()> {
        if self.waiting > 0 {
            disk.sync(&self.file)?;
        }
        (self.waiting, self.synced) = (0, Instant::now());
        Ok(())
    }
}

/// A record as it is written, and its checksum.
fn frame(key: &Key, before: &Sum, payload: &[u8]) -> io::Result<(Vec<u8>, Sum)> {
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a record of a journal is longer than 1 MiB"))?;
    let sum = checksum(key, before, payload);
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    bytes.extend(length.to_le_bytes());
    bytes.extend(sum);
    bytes.extend(before);
    bytes.extend(payload);
    Ok((bytes, sum))
}

/// Writes what is whole of a damaged journal into a new one, and keeps the damaged file beside it. Returns the last
/// checksum and what to tell.
fn mend(disk: &Disk, path: &Path, key: &Key, found: &Read) -> io::Result<(Sum, String)> {
    let (mut whole, mut before, mut failed) = (Vec::new(), start(key), None);
    read(path, key, |_, payload| match frame(key, &before, payload) {
        Ok((bytes, sum)) => {
            whole.extend(bytes);
            before = sum;
        }
        Err(error) => failed = Some(error),
    })?;
    failed.map_or(Ok(()), Err)?;
    let kept = free_name(path);
    // A copy first: at no moment is there neither the damaged file nor the mended one.
    fs::copy(path, &kept)?;
    disk.replace(path, &whole)?;
    let told = format!(
        "{}: damaged at byte {}; the {} records that are whole are kept, the damaged file is now {}, and what is missing is played again",
        path.display(),
        found.damage.first().copied().unwrap_or_default(),
        found.records,
        kept.display()
    );
    Ok((before, told))
}

fn free_name(path: &Path) -> PathBuf {
    (1..).map(|n| path.with_extension(format!("damaged-{n}"))).find(|path| !path.exists()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const KEY: Key = [7; 32];

    fn written(path: &Path, records: &[&[u8]]) {
        let disk = Disk::default();
        let (mut writer, told) = Writer::open(&disk, path, KEY).unwrap();
        assert_eq!(told, None);
        records.iter().for_each(|record| writer.add(&disk, record).unwrap());
        writer.sync(&disk).unwrap();
    }

    fn payloads(path: &Path) -> (Vec<Vec<u8>>, Read) {
        let (bytes, mut found) = (fs::read(path).unwrap(), Vec::new());
        let read = read(path, &KEY, |at, payload| {
            assert_eq!(bytes[usize::try_from(at).unwrap()..][..payload.len()], *payload);
            found.push(payload.to_vec());
        });
        (found, read.unwrap())
    }

    #[test]
    fn what_was_added_is_read_back_in_order_and_only_under_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        written(&path, &[b"one", b"", b"three"]);
        written(&path, &[b"four"]);
        let (found, read_back) = payloads(&path);
        assert_eq!(found, [&b"one"[..], b"", b"three", b"four"]);
        assert!(read_back.damage.is_empty() && read_back.torn == 0);
        assert_eq!(read(&path, &[8; 32], |_, _| panic!("of another key")).unwrap().records, 0);
    }

    /// Cut anywhere, all records before the cut are there, and the next writer goes on behind them.
    #[test]
    fn a_torn_end_is_cut_off_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.log");
        written(&whole, &[b"one", b"two", b"three"]);
        let bytes = fs::read(&whole).unwrap();
        for length in 0..bytes.len() {
            let path = folder.path().join(format!("{length}.log"));
            fs::write(&path, &bytes[..length]).unwrap();
            let expected = [HEAD + 3, 2 * HEAD + 6, 3 * HEAD + 11].iter().filter(|end| **end <= length).count();
            let (found, read) = payloads(&path);
            assert_eq!((found.len(), read.damage.len()), (expected, 0), "{length}");
            written(&path, &[b"next"]);
            let (found, read) = payloads(&path);
            assert_eq!((found.len(), found.last().unwrap().as_slice(), read.torn), (expected + 1, &b"next"[..], 0));
        }
    }

    proptest! {
        /// One flipped bit costs at most the record it lies in, is told when others follow, and the damaged file stays.
        #[test]
        fn a_flipped_bit_costs_one_record(at in 0_usize..1000, bit in 0_u8..8) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("w.log");
            let records: [&[u8]; 4] = [b"one", b"second record", b"3", b"the fourth"];
            written(&path, &records);
            let mut bytes = fs::read(&path).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            let (found, read) = payloads(&path);
            prop_assert_eq!(found.len(), 3);
            prop_assert!(found.iter().all(|record| records.contains(&record.as_slice())));
            let in_last = at >= bytes.len() - HEAD - 10;
            prop_assert_eq!(read.damage.is_empty(), in_last);
            let (mut writer, told) = Writer::open(&Disk::default(), &path, KEY).unwrap();
            writer.add(&Disk::default(), b"more").unwrap();
            drop(writer);
            prop_assert_eq!(told.is_some(), !in_last);
            let (found, read) = payloads(&path);
            prop_assert_eq!((found.len(), read.damage.len(), read.torn), (4, 0, 0));
            let kept = folder.path().join("w.damaged-1");
            prop_assert_eq!(fs::read(&kept).ok(), told.map(|_| bytes));
        }
    }

    #[test]
    fn records_that_were_taken_out_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        written(&path, &[b"one", b"two", b"three"]);
        let bytes = fs::read(&path).unwrap();
        let size = HEAD + 3;
        fs::write(&path, [&bytes[..size], &bytes[2 * size..]].concat()).unwrap();
        let (found, read) = payloads(&path);
        assert_eq!((found.len(), read.damage), (2, vec![size as u64]));
    }
}
