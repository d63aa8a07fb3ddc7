//! Where programs knock: TCP on loopback, or a socket in the file system.
//!
//! Whoever reaches a face speaks through the circuits of its owner, and nothing asks who that is. So TCP is bound to loopback unless the
//! owner says otherwise, and a socket in the file system is its owner's alone from the first moment: it is made in a directory of mode
//! 0700, and moved to its place when its mode is 0600. (FAC-9)

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};

/// From where a TCP door may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine. Another address is refused.
    Loopback,
    /// From wherever the address is reachable: everybody there speaks through these circuits.
    Exposed,
}

/// Why a door cannot be opened.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Others would reach it. (FAC-9)
    #[error(
        "{0} can be reached from other machines; use a loopback address, or expose it in so many words"
    )]
    Exposed(SocketAddr),
    /// The address cannot be listened at.
    #[error("cannot listen at {at}: {why}; choose another address or port")]
    Listen {
        /// The address asked for.
        at: SocketAddr,
        /// What the operating system said.
        why: io::Error,
    },
    /// Somebody listens there already. (FAC-9)
    #[error("{}: somebody listens there already; choose another path", .0.display())]
    Taken(PathBuf),
    /// Something else than a socket lies there; it is not touched. (FAC-9)
    #[error("{}: there is a file that is no socket; choose another path", .0.display())]
    NoSocket(PathBuf),
    /// The socket cannot be made.
    #[error("cannot make the socket {}: {why}", path.display())]
    Path {
        /// The path asked for.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
}

/// Where programs knock.
#[derive(Debug)]
pub struct Door(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, Place),
}

impl Door {
    /// Listens at an address; port 0 takes any that is free. Runs in the current tokio runtime.
    ///
    /// # Errors
    /// [`DoorError::Exposed`] or [`DoorError::Listen`].
    pub async fn tcp(at: SocketAddr, reach: Reach) -> Result<Self, DoorError> {
        if reach == Reach::Loopback && !at.ip().to_canonical().is_loopback() {
            return Err(DoorError::Exposed(at));
        }
        let listener = TcpListener::bind(at).await;
        let listener = listener.map_err(|why| DoorError::Listen { at, why })?;
        Ok(Self(Kind::Tcp(listener)))
    }

    /// Listens at a path in a directory that there is; a socket that nobody listens at any more is replaced. The socket goes
    /// with the door. Runs in the current tokio runtime.
    ///
    /// # Errors
    /// [`DoorError::Taken`], [`DoorError::NoSocket`] or [`DoorError::Path`].
    pub fn unix(path: &Path) -> Result<Self, DoorError> {
        vacate(path)?;
        let fault = |why| DoorError::Path {
            path: path.to_owned(),
            why,
        };
        let (listener, place) = hang(path).map_err(fault)?;
        Ok(Self(Kind::Unix(listener, place)))
    }

    /// The address of a TCP door, with the port that was free.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(..) => None,
        }
    }
}

/// Makes sure that nothing is lost at this path.
fn vacate(path: &Path) -> Result<(), DoorError> {
    // A link is not followed: what it points at is somebody else's.
    let Ok(there) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !there.file_type().is_socket() {
        return Err(DoorError::NoSocket(path.to_owned()));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        _ => Err(DoorError::Taken(path.to_owned())),
    }
}

/// Binds out of everybody's sight, and moves the socket to its place.
fn hang(path: &Path) -> io::Result<(UnixListener, Place)> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    // Short, since the path of a socket has 107 bytes at most.
    let private = tempfile::Builder::new().prefix(".").tempdir_in(parent)?;
    let hidden = private.path().join("s");
    let listener = UnixListener::bind(&hidden)?;
    fs::set_permissions(&hidden, Permissions::from_mode(0o600))?;
    let file = Place::of(&hidden, path)?;
    fs::rename(&hidden, path)?;
    Ok((listener, file))
}

/// A socket in the file system. Dropped, it is removed if it is still ours.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    inode: (u64, u64),
}

impl Place {
    fn of(now: &Path, path: &Path) -> io::Result<Self> {
        let inode = inode(now)?;
        let path = path.to_owned();
        Ok(Self { path, inode })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|there| there == self.inode) {
            // The next one to listen there replaces what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}
