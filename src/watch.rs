//! Reloads a door's configuration when one of its files changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::front_door::FrontDoor;

/// Changes come in bursts: a certificate, its key, a symbolic link. The reload waits for this much
/// quiet, and should there be none, so many times as long.
const QUIET: Duration = Duration::from_millis(100);
const BURST: u32 = 20;

/// Watches while it lives.
#[derive(Debug)]
pub struct Watch {
    /// Dropping it ends the thread, too: its events come no more.
    _watcher: std::sync::Arc<std::sync::Mutex<RecommendedWatcher>>,
}

/// The files cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not watch the SSL configuration for changes: {0}; check that its directories can be read, and the system's limit of watches"
)]
pub struct WatchError(#[source] notify::Error);

impl FrontDoor {
    /// Reloads the configuration whenever one of its files changes, is replaced, or reached
    /// through another symbolic link than before (as Kubernetes exchanges secrets). What cannot
    /// be loaded is logged and changes nothing. One thread does it, until the value is dropped.
    ///
    /// # Errors
    /// The system refuses to watch.
    pub fn watch(&self) -> Result<Watch, WatchError> {
        let (tell, told) = mpsc::channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Reading a file is no change; our own reload does it.
                if !event.is_ok_and(|e| e.kind.is_access()) {
                    let _ = tell.send(());
                }
            })
            .map_err(WatchError)?;
        let mut watched = BTreeSet::new();
        for directory in directories(&self.paths()) {
            watcher
                .watch(&directory, RecursiveMode::NonRecursive)
                .map_err(WatchError)?;
            watched.insert(directory);
        }
        let watcher = std::sync::Arc::new(std::sync::Mutex::new(watcher));
        let weak = std::sync::Arc::downgrade(&watcher);
        let door = self.clone();
        std::thread::Builder::new()
            .name("pgtls-watch".into())
            .spawn(move || {
                while settle(&told) {
                    // Its failure is logged.
                    let _ = door.reload_if_changed();
                    // A link may lead to another directory now.
                    let Some(watcher) = weak.upgrade() else {
                        return;
                    };
                    let Ok(mut watcher) = watcher.lock() else {
                        return;
                    };
                    let now = directories(&door.paths());
                    for gone in watched.difference(&now) {
                        // It may be gone already.
                        let _ = watcher.unwatch(gone);
                    }
                    // Also those known: one of the same name may have taken its place.
                    for directory in &now {
                        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                            tracing::warn!(target: "pgtls::ssl", directory = %directory.display(), %error, "cannot watch");
                        }
                    }
                    watched = now;
                }
            })
            .map_err(|e| WatchError(notify::Error::io(e)))?;
        Ok(Watch { _watcher: watcher })
    }
}

/// Waits for a change, then for quiet. False when there will be no more.
fn settle(told: &Receiver<()>) -> bool {
    if told.recv().is_err() {
        return false;
    }
    for _ in 0..BURST {
        match told.recv_timeout(QUIET) {
            Ok(()) => while told.try_recv().is_ok() {},
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// The directories in which a change can concern these paths: that of each file or directory, and
/// of every symbolic link on the way to it.
fn directories(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    /// More links than a path may have (Linux: 40).
    const LINKS: usize = 64;
    let mut all = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            all.insert(path.clone());
        }
        let mut path = absolute(path);
        for _ in 0..LINKS {
            all.extend(path.parent().map(Path::to_owned));
            // The outermost link decides what everything behind it means.
            let Some((link, target)) = first_link(&path) else {
                break;
            };
            let Some(parent) = link.parent() else { break };
            all.insert(parent.to_owned());
            let behind = path
                .strip_prefix(&link)
                .unwrap_or_else(|_| Path::new(""))
                .to_owned();
            path = parent.join(target).join(behind);
        }
    }
    all.retain(|directory| directory.is_dir());
    all
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut ancestors: Vec<_> = path.ancestors().collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find_map(|a| Some((a.to_owned(), a.read_link().ok()?)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_watched() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for directory in ["mount", "mount/..one", "elsewhere/deep"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("mount/..one/tls.crt"), "x").unwrap();
        // As Kubernetes lays out a secret.
        symlink("..one", root.join("mount/..data")).unwrap();
        symlink("..data/tls.crt", root.join("mount/tls.crt")).unwrap();
        symlink(root.join("mount"), root.join("elsewhere/deep/certs")).unwrap();
        let found = directories(&[root.join("elsewhere/deep/certs/tls.crt")]);
        let expected = ["elsewhere/deep", "mount", "mount/..one"].map(|d| root.join(d));
        for directory in expected {
            assert!(found.contains(&directory), "{directory:?} not in {found:?}");
        }
        // A circle ends.
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        directories(&[root.join("a")]);
    }
}
