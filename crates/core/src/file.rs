//! Files replaced as a whole, so that a reader or a crash never meets half of one.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::scratch;

/// How the names of temporary files begin. Nothing else may be named so.
const PREFIX: &str = ".autoscaleops-";

/// Replaces the content of `path`: a temporary file beside it with the same mode, synced, renamed.
///
/// A symbolic link is followed, not replaced. A new file gets the mode that any new file gets. What
/// is no file, such as `/dev/stdout` or a named pipe, is written to as it stands.
///
/// # Errors
///
/// Fails when the folder cannot be written. The old content is then untouched.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, None)
}

/// Replaces the content of `path` as [`replace`] does, readable by its owner alone (mode 0600).
///
/// # Errors
///
/// Fails when the folder cannot be written. The old content is then untouched.
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, Some(0o600))
}

fn replace_with(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    if let Ok(metadata) = std::fs::metadata(path)
        && !metadata.is_file()
        && !metadata.is_dir()
    {
        let mut device = std::fs::OpenOptions::new().write(true).open(path);
        return match &mut device {
            Ok(device) => device.write_all(content).and_then(|()| device.flush()),
            Err(err) => Err(named(path, err)),
        };
    }
    let target = resolve(path)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = beside(folder).map_err(|err| named(&target, &err))?;
    // Written past the wrapper, which would add the temporary name to what went wrong.
    file.as_file_mut()
        .write_all(content)
        .map_err(|err| named(&target, &err))?;
    let mode = match (mode, std::fs::metadata(&target)) {
        (Some(mode), _) => mode,
        (None, Ok(metadata)) => metadata.permissions().mode(),
        (None, Err(_)) => new_file_mode(),
    };
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(&target)
        .map_err(|err| named(&target, &err.error))?;
    // The rename itself is durable only once the folder is.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Makes a temporary file in `folder`, and removes those that killed processes left there.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    if let Ok(entries) = std::fs::read_dir(folder) {
        let temporary = entries
            .flatten()
            .filter(|it| it.file_name().to_string_lossy().starts_with(PREFIX));
        for entry in temporary {
            if let Some(_lock) = scratch::left_over(&entry.path(), std::fs::Metadata::is_file) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
    loop {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempfile_in(folder)?;
        if scratch::hold(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

fn new_file_mode() -> u32 {
    // Linux tells the mask without changing it; elsewhere the common one is taken.
    let mask = std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|it| {
            let line = it.lines().find(|it| it.starts_with("Umask:"))?;
            u32::from_str_radix(line.split_whitespace().nth(1)?, 8).ok()
        })
        .unwrap_or(0o022);
    0o666 & !mask
}

/// Follows symbolic links by hand, since the last one may point at a file that does not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        match std::fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = std::fs::read_link(&target)?;
                target = match target.parent() {
                    Some(folder) => folder.join(link),
                    None => link,
                };
            }
            _ => return Ok(target),
        }
    }
    Err(named(
        path,
        &io::Error::other("too many levels of symbolic links"),
    ))
}

fn named(path: &Path, err: &io::Error) -> io::Error {
    io::Error::new(
        err.kind(),
        format!("cannot write `{}`: {err}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn mode_and_symbolic_link_survive() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        let link = folder.path().join("link");
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file_is_never_replaced_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(replace(&path, b"x").is_err());
        assert!(!std::fs::metadata(&path).unwrap().is_file());
        let link = folder.path().join("nowhere");
        symlink("/dev/null", &link).unwrap();
        replace(&link, b"x").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, "old").unwrap();
        replace_private(&path, b"new").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn what_a_killed_process_left_beside_the_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".autoscaleops-left");
        std::fs::write(&left, "half").unwrap();
        let in_use = beside(folder.path()).unwrap();
        assert!(!left.exists());
        replace(&folder.path().join("file"), b"new").unwrap();
        assert!(in_use.path().exists(), "it is another process's");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let err = replace(Path::new("/nonexistent/x"), b"").unwrap_err();
        assert!(err.to_string().contains("/nonexistent/x"), "{err}");
    }
}
