//! The few things that are done to files where a failure must lose nothing, one method each, so that a test can let
//! every single one of them fail once.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The file system, or one that fails on purpose.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    trap: Option<tests::Trap>,
}

impl Disk {
    /// Called before everything that is done.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // a build without tests has no trap
    fn step(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some(trap) = &self.trap {
            return trap.step();
        }
        Ok(())
    }

    pub(crate) fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        fs::create_dir_all(path)
    }

    /// A file to add to, made when it is not there.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        File::options().create(true).append(true).open(path)
    }

    /// Adds all of these bytes, of which part may be there when it fails.
    pub(crate) fn add(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        file.write_all(bytes)
    }

    /// Waits until what was added would survive a loss of power.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        file.sync_data()
    }

    pub(crate) fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        self.step()?;
        file.set_len(length)
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        fs::rename(from, to)
    }

    /// Puts a file in its place whole, over what stands there: written aside, made durable, renamed.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let aside = path.with_file_name(name);
        // What a killed process left there is nobody's.
        if aside.exists() {
            self.step()?;
            fs::remove_file(&aside)?;
        }
        let mut file = self.open(&aside)?;
        self.add(&mut file, bytes)?;
        self.sync(&file)?;
        self.rename(&aside, path)?;
        self.sync_folder(path)
    }

    /// Makes the names in the folder of a file durable.
    pub(crate) fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Counts what is done and lets one of it fail.
    #[derive(Clone, Debug)]
    pub(crate) struct Trap {
        done: Arc<AtomicU64>,
        at: u64,
    }

    impl Trap {
        pub(super) fn step(&self) -> io::Result<()> {
            match self.done.fetch_add(1, Ordering::SeqCst) == self.at {
                true => Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device (injected)")),
                false => Ok(()),
            }
        }
    }

    impl Disk {
        /// A disk whose operation number `at`, from 0, fails; and the count of what was done.
        pub(crate) fn failing_at(at: u64) -> (Self, Arc<AtomicU64>) {
            let done = Arc::new(AtomicU64::new(0));
            (Self { trap: Some(Trap { done: Arc::clone(&done), at }) }, done)
        }
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        Disk::default().replace(&path, b"first").unwrap();
        let (disk, done) = Disk::failing_at(u64::MAX);
        disk.replace(&path, b"first").unwrap();
        let steps = done.load(Ordering::SeqCst);
        for at in 0..steps - 1 {
            let (disk, _) = Disk::failing_at(at);
            assert!(disk.replace(&path, b"second").is_err());
            assert_eq!(fs::read(&path).unwrap(), b"first", "operation {at}");
        }
        Disk::default().replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
    }
}
