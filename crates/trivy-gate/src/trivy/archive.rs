//! The names that an image archive gives its image, which Trivy does not report.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use autoscaleops_core::Failure;
use serde::Deserialize;

/// How long `manifest.json` may be.
const MAX_MANIFEST: u64 = 4 << 20;

/// What `manifest.json` of an archive says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archive {
    images: Vec<Image>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: Option<Vec<String>>,
}

impl Archive {
    /// Reads the archive at `path`. One without a manifest, or compressed, has no names.
    ///
    /// # Errors
    ///
    /// Fails when there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let cannot = |err: io::Error| {
            Failure::usage(format!(
                "cannot read the archive `{}`: {err}",
                path.display()
            ))
            .kind_of("no_archive")
            .hint("docker save IMAGE --output FILE")
        };
        let mut file = File::open(path).map_err(cannot)?;
        let manifest = find(&mut file, b"manifest.json").map_err(cannot)?;
        let images = manifest
            .and_then(|it| serde_json::from_slice(&it).ok())
            .unwrap_or_default();
        Ok(Self { images })
    }

    /// Returns the names of the image whose configuration has this digest.
    pub(crate) fn names_of(&self, image_id: &str) -> Vec<String> {
        let Some(hex) = image_id.strip_prefix("sha256:").filter(|it| it.len() == 64) else {
            return Vec::new();
        };
        // `HEX.json` as Docker writes it, `blobs/sha256/HEX` in the layout of OCI.
        let is_it = |it: &&Image| {
            it.config.strip_suffix(".json") == Some(hex) || it.config.ends_with(&format!("/{hex}"))
        };
        self.images
            .iter()
            .filter(is_it)
            .flat_map(|it| it.repo_tags.clone().unwrap_or_default())
            .collect()
    }
}

/// Finds one file of a tar archive. `None` where the archive is not one, or does not have it.
fn find(file: &mut File, wanted: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 512];
    loop {
        match file.read_exact(&mut header) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(err) => return Err(err),
        }
        let is_tar = &header[257..262] == b"ustar";
        let Some(size) = octal(&header[124..136]).filter(|_| is_tar) else {
            return Ok(None);
        };
        let end = header[..100].iter().position(|it| *it == 0).unwrap_or(100);
        if &header[..end] == wanted && size <= MAX_MANIFEST {
            let mut content = Vec::new();
            file.take(size).read_to_end(&mut content)?;
            return Ok(Some(content));
        }
        let Ok(skip) = i64::try_from(size.div_ceil(512).saturating_mul(512)) else {
            return Ok(None);
        };
        file.seek(SeekFrom::Current(skip))?;
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_to_the_image_with_that_configuration() {
        let hex = "a".repeat(64);
        for config in [format!("{hex}.json"), format!("blobs/sha256/{hex}")] {
            let images = vec![
                Image {
                    config,
                    repo_tags: Some(vec!["acme/shop:1".to_owned()]),
                },
                Image {
                    config: "other.json".to_owned(),
                    repo_tags: Some(vec!["acme/other:1".to_owned()]),
                },
            ];
            let archive = Archive { images };
            assert_eq!(archive.names_of(&format!("sha256:{hex}")), ["acme/shop:1"]);
            assert!(archive.names_of("sha256:abc").is_empty());
        }
    }
}
