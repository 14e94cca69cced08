//! Where Image Updater writes: `helmvalues[:path]` and `kustomization[:folder]`, a path being
//! relative to the Application's folder unless it begins with a slash.

/// Returns the values file that a `helmvalues` target means.
pub(super) fn values_file(target: &str, folder: &str) -> String {
    match target.split_once(':') {
        None | Some((_, "")) => joined(folder, "values.yaml"),
        Some((_, absolute)) if absolute.starts_with('/') => joined("", absolute),
        Some((_, relative)) => joined(folder, relative),
    }
}

/// Returns the folder that a `kustomization` target means; `.` for the root.
pub(super) fn kustomize_folder(target: &str, folder: &str) -> String {
    let joined = match target.split_once(':') {
        None | Some((_, "")) => joined(folder, "."),
        Some((_, absolute)) if absolute.starts_with('/') => joined("", absolute),
        Some((_, relative)) => joined(folder, relative),
    };
    if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}

/// Joins two paths and cleans them as Go's `filepath.Join` does, relative to the root.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_updaters_rows_about_values_files_hold() {
        for (expected, target, folder) in [
            ("values.yaml", "helmvalues", ""),
            ("values.yaml", "helmvalues:./values.yaml", "."),
            ("values.yaml", "helmvalues:./values.yaml", ""),
            ("foo/bar/values.yaml", "helmvalues", "foo/bar"),
            (
                "foo/app-values.yaml",
                "helmvalues:/foo/app-values.yaml",
                "bar",
            ),
            (
                "bar/foo/app-values.yaml",
                "helmvalues:foo/app-values.yaml",
                "bar",
            ),
            (
                "bar/baz/app-values.yaml",
                "helmvalues:../baz/app-values.yaml",
                "bar/foo",
            ),
            // The trap: the Application's folder is put in front of its own name.
            (
                "App/App/values-dev.yaml",
                "helmvalues:App/values-dev.yaml",
                "App",
            ),
            ("../x.yaml", "helmvalues:../../x.yaml", "bar"),
        ] {
            assert_eq!(values_file(target, folder), expected, "{target} {folder}");
        }
    }

    #[test]
    fn image_updaters_rows_about_kustomizations_hold() {
        for (expected, target, folder) in [
            (".", "kustomization", ""),
            (".", "kustomization:.", "."),
            (".", "kustomization:.", ""),
            ("foo/bar", "kustomization", "foo/bar"),
            ("foo", "kustomization:/foo", "bar"),
            ("bar/foo", "kustomization:foo", "bar"),
            ("bar/baz", "kustomization:../baz", "bar/foo"),
        ] {
            assert_eq!(
                kustomize_folder(target, folder),
                expected,
                "{target} {folder}"
            );
        }
    }
}
