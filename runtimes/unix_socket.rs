//! A Unix socket in the file system: its name, its lock, and what a dead server left behind.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The socket's file and its lock; both go with this.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode, so that nobody else's file is removed.
    id: (u64, u64),
    _lock: Lock,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.id);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `.s.PGSQL.<port>` in `directory` (PostgreSQL docs, `unix_socket_directories`).
pub(super) fn listen(
    directory: &Path,
    port: u16,
    permissions: u32,
) -> io::Result<(UnixListener, SocketFile)> {
    let path = directory.join(format!(".s.PGSQL.{port}"));
    let about = |what: &str, e: &io::Error| {
        io::Error::new(e.kind(), format!("{what} {}: {e}", path.display()))
    };
    let lock = Lock::take(&path).map_err(|e| about("cannot lock the Unix socket", &e))?;
    remove_what_is_dead(&path).map_err(|e| about("cannot use the Unix socket", &e))?;
    let listener =
        UnixListener::bind(&path).map_err(|e| about("cannot listen at the Unix socket", &e))?;
    let made = fs::set_permissions(&path, Permissions::from_mode(permissions))
        .and_then(|()| fs::symlink_metadata(&path));
    match made {
        Ok(metadata) => {
            let file = SocketFile {
                id: (metadata.dev(), metadata.ino()),
                path,
                _lock: lock,
            };
            Ok((listener, file))
        }
        Err(e) => {
            let _ = fs::remove_file(&path);
            Err(about("cannot set the permissions of the Unix socket", &e))
        }
    }
}

/// Removes a socket at which nobody listens. Anything else is left alone.
fn remove_what_is_dead(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "something else has this name; remove it if it is not needed",
            ));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            ErrorKind::AddrInUse,
            "another server listens there; stop it, or take another port or directory",
        )),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(e) => Err(e),
    }
}

/// `<socket>.lock`, as PostgreSQL has it: held while the server lives, with its process id inside.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    fn take(socket: &Path) -> io::Result<Self> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(nofollow)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        ErrorKind::AddrInUse,
                        "another server holds it; stop it, or take another port or directory",
                    ));
                }
                Err(TryLockError::Error(e)) => return Err(e),
            }
            let held = file.metadata()?;
            // Its last owner may have removed it between the opening and the locking.
            let there = fs::symlink_metadata(&path);
            if !there.is_ok_and(|m| (m.dev(), m.ino()) == (held.dev(), held.ino())) {
                continue;
            }
            file.set_len(0)?;
            (&file).write_all(format!("{}\n", std::process::id()).as_bytes())?;
            return Ok(Self { path, file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked: whoever waits for it looks whether it is still there.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_its_permissions_and_goes_with_its_server() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".s.PGSQL.5433");
        let (listener, file) = listen(place.path(), 5433, 0o700).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        UnixStream::connect(&path).unwrap();
        let lock = fs::read_to_string(place.path().join(".s.PGSQL.5433.lock")).unwrap();
        assert_eq!(lock.trim(), std::process::id().to_string());
        drop((listener, file));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_living_server_keeps_its_socket() {
        let place = tempfile::tempdir().unwrap();
        let (_listener, _file) = listen(place.path(), 1, 0o777).unwrap();
        let error = listen(place.path(), 1, 0o777).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        // Also one that does not know of the lock.
        let path = place.path().join(".s.PGSQL.2");
        let _stranger = UnixListener::bind(&path).unwrap();
        let error = listen(place.path(), 2, 0o777).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        assert!(path.exists());
    }

    #[test]
    fn what_a_dead_server_left_is_taken_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".s.PGSQL.1");
        drop(UnixListener::bind(&path).unwrap());
        fs::write(place.path().join(".s.PGSQL.1.lock"), "1\n").unwrap();
        let (_listener, _file) = listen(place.path(), 1, 0o777).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".s.PGSQL.1");
        fs::write(&path, "precious").unwrap();
        let error = listen(place.path(), 1, 0o777).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        // Nor is a link followed to what it points at.
        let link = place.path().join(".s.PGSQL.3.lock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        listen(place.path(), 3, 0o777).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_socket_that_someone_replaced_is_not_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".s.PGSQL.1");
        let (_listener, file) = listen(place.path(), 1, 0o777).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }
}
