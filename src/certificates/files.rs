//! Files that appear whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::CertificateError;

/// Who may read a file made here.
#[derive(Clone, Copy)]
pub(super) enum Access {
    All,
    Owner,
}

/// Writes a file that is not there yet: whole or not at all, and never readable by others for a
/// moment if it must not be.
pub(super) fn write(path: &Path, text: &str, access: Access) -> Result<(), CertificateError> {
    let draft = draft(path, text, access).map_err(|e| failed(path, e))?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(CertificateError::Exists {
            path: path.to_owned(),
        }),
        Err(e) => Err(failed(path, e.error)),
    }
}

/// Writes a file in place of the one that is there, if there is one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), CertificateError> {
    draft(path, text, Access::All)
        .and_then(|draft| draft.persist(path).map(drop).map_err(|e| e.error))
        .map_err(|e| failed(path, e))
}

fn failed(path: &Path, source: io::Error) -> CertificateError {
    CertificateError::Io {
        path: path.to_owned(),
        source,
    }
}

fn draft(path: &Path, text: &str, access: Access) -> io::Result<tempfile::NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let mut draft = tempfile::Builder::new();
    #[cfg(unix)]
    if matches!(access, Access::All) {
        use std::os::unix::fs::PermissionsExt;
        draft.permissions(fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut draft = draft.tempfile_in(directory)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    Ok(draft)
}
