//! Signing keys on disk (NAM-6): a file that is whole or absent, that never takes another's place, and that nobody but
//! its owner may read or write.
//!
//! Losing a vat's key is losing the vat, and so is sharing it. Hence everything is written to a temporary file first,
//! forced to the disk, and only then given its name, with the directory forced to the disk as well; a machine that dies
//! in between leaves what was there before. Beside the key lies a counter, the vat's incarnation: it is stored before it
//! is used, so that no restart ever repeats one.
//!
//! The words inside both files are those of [`crate::id::keyfile`].

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::sign::SigningKey;
use crate::id::keyfile::{self as text, TextError};

const OWNER_ONLY: u32 = 0o600;
/// The bits with which group or others may read or write.
const SHARED: u32 = 0o066;

/// Why a key file could not be used, and what to do about it.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("{}: there is no key file here; create one, or name another", .0.display())]
    Missing(PathBuf),
    /// There is a file already, and it stays as it is.
    #[error("{}: there is a file already, and it is left alone; name another", .0.display())]
    Exists(PathBuf),
    /// Somebody but the owner may read or write the file.
    #[error(
        "{}: others may read or write this key (mode {mode:04o}); chmod 600 it, and make a new key if others have had it",
        .path.display()
    )]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{}: {wrong}; if this is the right file, restore it from a backup", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The line that is wrong.
        wrong: TextError,
    },
    /// The incarnation has reached its end.
    #[error("{}: the counter has reached its end; make a new key", .0.display())]
    Exhausted(PathBuf),
    /// The system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Creates a key file, whole or not at all, and never over an existing file.
///
/// # Errors
/// [`KeyFileError::Exists`], or what the system refused.
pub fn create(path: &Path, key: &SigningKey) -> Result<(), KeyFileError> {
    let file = written(path, text::write(key).as_bytes()).map_err(at(path))?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
            _ => at(path)(error.error),
        })?;
    sync_directory(path).map_err(at(path))
}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError::Missing`], [`KeyFileError::Shared`], [`KeyFileError::Text`], or what the system refused.
pub fn load(path: &Path) -> Result<SigningKey, KeyFileError> {
    let file = open(path)?;
    // Asked of the open file, not of its name: between two looks at a name the file can be another.
    let mode = file.metadata().map_err(at(path))?.permissions().mode() & 0o7777;
    if mode & SHARED != 0 {
        return Err(KeyFileError::Shared {
            path: path.to_owned(),
            mode,
        });
    }
    let content = read(file).map_err(at(path))?;
    text::parse(&content).map_err(|wrong| KeyFileError::Text {
        path: path.to_owned(),
        wrong,
    })
}

/// Gives the next incarnation of the vat whose key file is `path`, stored before it is returned.
///
/// The first one is `start`'s, of which only the low 62 bits count; let it be random. When several processes ask at once,
/// each gets its own; for that the file system must know locks.
///
/// # Errors
/// [`KeyFileError::Missing`] when there is no key file, [`KeyFileError::Text`] when the counter's file holds something
/// else, [`KeyFileError::Exhausted`], or what the system refused. The counter is then as before, or one further.
pub fn next_incarnation(path: &Path, start: impl FnOnce() -> u64) -> Result<u64, KeyFileError> {
    // The counter's file is replaced every time and cannot carry the lock; the key file stays.
    let key = open(path)?;
    key.lock().map_err(at(path))?;
    let counter = beside(path);
    let next = match stored_incarnation(&counter)? {
        Some(last) => last
            .checked_add(1)
            .ok_or_else(|| KeyFileError::Exhausted(counter.clone()))?,
        None => start() & (u64::MAX >> 2),
    };
    replace(&counter, text::write_incarnation(next).as_bytes()).map_err(at(&counter))?;
    Ok(next)
}

fn stored_incarnation(counter: &Path) -> Result<Option<u64>, KeyFileError> {
    let file = match open(counter) {
        Err(KeyFileError::Missing(_)) => return Ok(None),
        opened => opened?,
    };
    let content = read(file).map_err(at(counter))?;
    text::parse_incarnation(&content)
        .map(Some)
        .map_err(|wrong| KeyFileError::Text {
            path: counter.to_owned(),
            wrong,
        })
}

/// `<file>.incarnation`
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".incarnation");
    name.into()
}

fn open(path: &Path) -> Result<File, KeyFileError> {
    File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => at(path)(error),
    })
}

/// Reads a file of NAM-6; of a longer one only as much as shows that it is too long.
fn read(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = text::LONGEST + 1;
    // Room for all of it at once: growing would leave copies of the secret behind.
    let mut content = Zeroizing::new(Vec::with_capacity(2 * most));
    file.take(most as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Gives the file this content, whole or not at all, for the owner alone. (NAM-6)
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    written(path, content)?.persist(path)?;
    sync_directory(path)
}

/// A file beside `path` with all its content on the disk, removed unless it is then given the name.
fn written(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(directory(path))?;
    file.as_file()
        .set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Without this a new name may be lost with the machine's power.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn at(path: &Path) -> impl Fn(io::Error) -> KeyFileError {
    |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::{env, fs, thread};

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A directory of its own with a key file in it.
    fn vat() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vat.key");
        create(&path, &key()).unwrap();
        (directory, path)
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    fn refused(path: &Path) -> KeyFileError {
        load(path).err().unwrap()
    }

    #[test]
    fn a_key_file_belongs_to_its_owner_alone() {
        // NAM-6: mode 0600, the two lines, nothing else left behind.
        let (directory, path) = vat();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(fs::read(&path).unwrap(), text::write(&key()).as_bytes());
        assert_eq!(names(directory.path()), ["vat.key"]);
        assert_eq!(load(&path).ok().unwrap().public(), key().public());
    }

    #[test]
    fn a_shared_key_file_is_refused() {
        // NAM-6: whether others may read it or write it.
        let (_directory, path) = vat();
        for shared in [0o640, 0o620, 0o604, 0o602, 0o644, 0o666, 0o440] {
            fs::set_permissions(&path, Permissions::from_mode(shared)).unwrap();
            let error = refused(&path);
            assert!(
                matches!(error, KeyFileError::Shared { mode, .. } if mode == shared),
                "{error}"
            );
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        for private in [0o600, 0o400, 0o700] {
            fs::set_permissions(&path, Permissions::from_mode(private)).unwrap();
            assert!(load(&path).is_ok(), "{private:o}");
        }
    }

    #[test]
    fn a_key_file_takes_nobodys_place() {
        // NAM-6: not that of a file, of a directory, or of a link that leads nowhere.
        let (directory, path) = vat();
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        let other = SigningKey::from_seed(&[8; 32]);
        for taken in [&path, &link, &directory.path().to_owned()] {
            let error = create(taken, &other).unwrap_err();
            assert!(matches!(error, KeyFileError::Exists(_)), "{error}");
        }
        assert_eq!(load(&path).ok().unwrap().public(), key().public());
        assert_eq!(names(directory.path()), ["link", "vat.key"]);
    }

    /// Not a test by itself: what dies in the two tests below.
    #[test]
    #[ignore = "run by other tests in a process of its own"]
    fn write_a_file() {
        let Some(path) = env::var_os("KEY_FILE").map(PathBuf::from) else {
            return;
        };
        if path.exists() {
            next_incarnation(&path, || 0).unwrap();
        } else {
            create(&path, &key()).unwrap();
        }
    }

    /// Runs `write_a_file` for `path` where the system kills whoever writes into a file.
    fn die_writing(path: &Path) {
        const SIGXFSZ: i32 = 25;
        let death = Command::new("sh")
            .args(["-c", "ulimit -f 0 && exec \"$0\" \"$@\""])
            .arg(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "net::keyfile::tests::write_a_file"])
            .env("KEY_FILE", path)
            .output()
            .unwrap();
        assert_eq!(death.status.signal(), Some(SIGXFSZ), "{death:?}");
    }

    #[test]
    fn a_key_file_is_whole_or_absent() {
        // NAM-6: after a death in the middle of writing.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vat.key");
        die_writing(&path);
        assert!(matches!(refused(&path), KeyFileError::Missing(_)));
        create(&path, &key()).unwrap();
    }

    #[test]
    fn a_death_leaves_the_counter_as_it_was() {
        // NAM-6, VTP-42: stored before it is used, and never lost.
        let (_directory, path) = vat();
        assert_eq!(next_incarnation(&path, || 7).unwrap(), 7);
        die_writing(&path);
        assert_eq!(next_incarnation(&path, || 0).unwrap(), 8);
    }

    #[test]
    fn a_missing_directory_is_not_a_missing_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nowhere").join("vat.key");
        assert!(matches!(
            create(&path, &key()),
            Err(KeyFileError::Io { .. })
        ));
        assert!(matches!(refused(&path), KeyFileError::Missing(_)));
        assert_eq!(super::directory(Path::new("vat.key")), Path::new("."));
    }

    #[test]
    fn any_other_content_is_refused() {
        // NAM-6
        let (_directory, path) = vat();
        let good = fs::read(&path).unwrap();
        let long = [&good[..], &[b'\n'; 1 << 20]].concat();
        for (content, line) in [
            (&b""[..], "line 1"),
            (b"pluribus-mix incarnation 1\n1\n", "line 1"),
            (b"pluribus-mix signing key 1\nseed 00\n", "line 2"),
            (&good[..good.len() - 1], "line 2"),
            (&long, "line 3"),
        ] {
            fs::write(&path, content).unwrap();
            let error = refused(&path);
            assert!(error.to_string().contains(line), "{error}");
        }
    }

    #[test]
    fn every_restart_is_a_new_incarnation() {
        // NAM-6, VTP-42: a random start below 2⁶², then one more each time, on the disk before it is known.
        let (directory, path) = vat();
        let stored = || fs::read_to_string(beside(&path)).unwrap();
        assert_eq!(next_incarnation(&path, || u64::MAX).unwrap(), (1 << 62) - 1);
        assert_eq!(
            stored(),
            "pluribus-mix incarnation 1\n4611686018427387903\n"
        );
        assert_eq!(next_incarnation(&path, || 0).unwrap(), 1 << 62);
        assert_eq!(
            stored(),
            "pluribus-mix incarnation 1\n4611686018427387904\n"
        );
        assert_eq!(names(directory.path()), ["vat.key", "vat.key.incarnation"]);
    }

    #[test]
    fn a_spoiled_counter_is_refused_and_left_alone() {
        // NAM-6
        let (_directory, path) = vat();
        for spoiled in [
            "",
            "pluribus-mix incarnation 1\n",
            "pluribus-mix incarnation 1\n01\n",
            "7\n",
        ] {
            fs::write(beside(&path), spoiled).unwrap();
            let error = next_incarnation(&path, || 0).unwrap_err();
            assert!(matches!(error, KeyFileError::Text { .. }), "{error}");
            assert_eq!(fs::read_to_string(beside(&path)).unwrap(), spoiled);
        }
        fs::write(beside(&path), text::write_incarnation(u64::MAX)).unwrap();
        assert!(matches!(
            next_incarnation(&path, || 0),
            Err(KeyFileError::Exhausted(_))
        ));
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            next_incarnation(&path, || 0),
            Err(KeyFileError::Missing(_))
        ));
    }

    #[test]
    fn no_two_askers_get_the_same_incarnation() {
        // NAM-6
        let (_directory, path) = vat();
        let ask = || {
            (0..20)
                .map(|_| next_incarnation(&path, || 100).unwrap())
                .collect::<Vec<_>>()
        };
        let all: BTreeSet<u64> = thread::scope(|scope| {
            let askers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            askers
                .into_iter()
                .flat_map(|asker| asker.join().unwrap())
                .collect()
        });
        assert_eq!(all, (100..180).collect());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// NAM-6: a key created is the key loaded, in the form it had.
        #[test]
        fn keys_survive_the_disk(seed: [u8; 32], expanded: bool) {
            let key = SigningKey::from_seed(&seed);
            let key = if expanded { SigningKey::from_expanded(&key.to_expanded()).ok().unwrap() } else { key };
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("key");
            create(&path, &key).unwrap();
            let again = load(&path).ok().unwrap();
            prop_assert_eq!(again.seed(), key.seed());
            prop_assert_eq!(again.to_expanded(), key.to_expanded());
        }
    }
}
