//! The directory in which a party keeps what outlives it.
//!
//! Nothing in it is worth much to anybody but a thief: which guards, which slot was signed, how old a consensus may be. So the directory and its
//! files are their owner's alone, each file is whole or as it was before, and one process at a time has it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::keyfile;

/// The bits with which group or others may do anything with a directory.
const SHARED: u32 = 0o077;

/// Why state cannot be kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Others may look into the directory or change it.
    #[error("{}: others may read or change what is kept there (mode {mode:04o}); chmod 700 it", .path.display())]
    Shared {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process has it.
    #[error("{}: another process keeps its state there; stop it, or name another directory", .0.display())]
    Taken(PathBuf),
    /// The file is longer than it can be.
    #[error("{}: longer than {most} bytes; remove it or restore it from a backup", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How many bytes it may have.
        most: usize,
    },
    /// The file holds something else than it should.
    #[error("{}: {wrong}; remove it or restore it from a backup", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// The system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A directory that is ours as long as this value lives.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens a directory, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Shared`], [`StoreError::Taken`], or what the system refused.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(at(directory))?;
        let found = fs::metadata(directory).map_err(at(directory))?;
        let mode = found.permissions().mode() & 0o7777;
        if mode & SHARED != 0 {
            return Err(StoreError::Shared {
                path: directory.to_owned(),
                mode,
            });
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock(directory)?,
        })
    }

    /// Where the file of this name is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What a file of at most so many bytes holds; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or what the system refused.
    pub fn read(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.path(name), most)
    }

    /// Gives a file this content, whole or not at all, for the owner alone. It is on the disk when this returns.
    ///
    /// # Errors
    /// What the system refused; the file is then as before.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let path = self.path(name);
        keyfile::replace(&path, content).map_err(at(&path))
    }

    /// Why this file cannot be used.
    pub(super) fn wrong(&self, name: &str, wrong: impl ToString) -> StoreError {
        StoreError::Content {
            path: self.path(name),
            wrong: wrong.to_string(),
        }
    }
}

/// What a file of at most so many bytes holds; `None` if there is none.
///
/// # Errors
/// [`StoreError::TooLong`], or what the system refused.
pub(super) fn read_file(path: &Path, most: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(at(path))?,
    };
    let mut content = Vec::new();
    let beyond = (most as u64).saturating_add(1);
    let read = file.take(beyond).read_to_end(&mut content);
    read.map_err(at(path))?;
    if content.len() > most {
        return Err(StoreError::TooLong {
            path: path.to_owned(),
            most,
        });
    }
    Ok(Some(content))
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Taken(directory.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(at(&path)(source)),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError {
    |source| StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn what_is_kept_is_the_owners_alone() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("a").join("state");
        let store = Store::open(&path).unwrap();
        store.write("floor", b"one").unwrap();
        store.write("floor", b"two").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&store.path("floor")), 0o600);
        assert_eq!(store.read("floor", 3).unwrap(), Some(b"two".to_vec()));
        assert_eq!(store.read("nothing", 3).unwrap(), None);
        assert!(matches!(
            store.read("floor", 2),
            Err(StoreError::TooLong { most: 2, .. })
        ));
    }

    #[test]
    fn a_directory_that_others_can_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o750, 0o705, 0o710] {
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            let refused = Store::open(directory.path()).unwrap_err();
            assert!(refused.to_string().contains("chmod 700"), "{refused}");
        }
    }

    #[test]
    fn two_processes_do_not_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let first = Store::open(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Taken(_))));
        drop(first);
        assert!(Store::open(&path).is_ok());
    }
}
