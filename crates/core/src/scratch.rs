//! Private temporary folders. What a killed process leaves, the next one removes.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use tempfile::TempDir;

/// How the names of all these folders begin. Nothing else may be named so.
const PREFIX: &str = "autoscaleops-scratch-";

/// A temporary folder of this process, its owner's alone. It goes when this is dropped.
///
/// The folder itself is locked as long as the process lives, however it ends, which tells a folder
/// in use from one that is left over.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes a folder in the system's place for temporary files, and removes those that killed
    /// processes of the same user left there.
    ///
    /// # Errors
    ///
    /// Fails when no folder can be made.
    pub fn new() -> io::Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    fn within(place: &Path) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(place)?;
            if let Some(lock) = held(folder.path())? {
                sweep(place);
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Opens the folder at `path` and locks it. `None`: another process took it for a leftover.
fn held(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
    };
    Ok(hold(&file, path).then_some(file))
}

/// Locks `file`, which was just made at `path`. Returns whether it is still there: another process
/// may have taken it for a leftover before it was locked.
pub(crate) fn hold(file: &File, path: &Path) -> bool {
    // On a file system without locks nothing is taken for a leftover.
    if file.lock().is_err() {
        return true;
    }
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Removes the folders in `place` whose processes are gone. What cannot be removed stays.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Some(_lock) = left_over(&entry.path(), fs::Metadata::is_dir)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Locks what lies at `path`, where it is our user's, of the right kind, and no process holds it.
pub(crate) fn left_over(path: &Path, is_right: impl Fn(&fs::Metadata) -> bool) -> Option<File> {
    let named = fs::symlink_metadata(path).ok()?;
    if !is_right(&named) || named.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let file = File::open(path).ok()?;
    let opened = file.metadata().ok()?;
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return None;
    }
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(place: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(place)
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_private_and_goes_with_its_owner() {
        let place = tempfile::tempdir().unwrap();
        let scratch = Scratch::within(place.path()).unwrap();
        let mode = fs::metadata(scratch.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(scratch.path().join("file"), "x").unwrap();
        drop(scratch);
        assert_eq!(names(place.path()), Vec::<String>::new());
    }

    #[test]
    fn what_is_left_over_goes_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("objects/aa")).unwrap();
        fs::write(left.join("objects/aa/bb"), "x").unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, place.path().join(format!("{PREFIX}link"))).unwrap();
        fs::write(place.path().join(format!("{PREFIX}file")), "x").unwrap();
        fs::create_dir(place.path().join("autoscaleops-other")).unwrap();
        let in_use = Scratch::within(place.path()).unwrap();
        let second = Scratch::within(place.path()).unwrap();
        assert!(!left.exists());
        assert!(in_use.path().is_dir() && second.path().is_dir());
        drop((in_use, second));
        assert_eq!(
            names(place.path()),
            [
                "autoscaleops-other".to_owned(),
                format!("{PREFIX}file"),
                format!("{PREFIX}link"),
                "elsewhere".to_owned(),
            ]
        );
    }

    #[test]
    fn many_at_a_time_leave_each_other_alone() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let scratch = Scratch::within(place.path()).unwrap();
                        fs::write(scratch.path().join("file"), "x").unwrap();
                    }
                });
            }
        });
        assert_eq!(names(place.path()), Vec::<String>::new());
    }
}
