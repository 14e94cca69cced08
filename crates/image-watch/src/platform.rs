//! Platforms of images: `os/arch` or `os/arch/variant`.

use std::{fmt, str::FromStr, sync::Arc};

/// A platform, such as `linux/amd64` or `linux/arm/v7`. A copy costs nothing: of thousands of images
/// nearly all are for the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    os: String,
    arch: String,
    /// Empty where there is none.
    variant: String,
}

impl Platform {
    /// Returns a platform.
    pub fn new(os: &str, arch: &str, variant: &str) -> Self {
        Self(Arc::new(Parts {
            os: os.to_owned(),
            arch: arch.to_owned(),
            variant: variant.to_owned(),
        }))
    }

    /// Returns operating system, processor architecture and variant, which may be empty.
    pub fn parts(&self) -> [&str; 3] {
        let Parts { os, arch, variant } = &*self.0;
        [os, arch, variant]
    }

    /// Returns whether an image for `offered` serves this wish. A wish without a variant takes any.
    pub fn takes(&self, offered: &Self) -> bool {
        let (wish, offered) = (&*self.0, &*offered.0);
        wish.os == offered.os
            && wish.arch == offered.arch
            && (wish.variant.is_empty() || wish.variant == offered.variant)
    }

    /// Returns whether this is what build tools write for attestations: `unknown/unknown`.
    pub fn is_unknown(&self) -> bool {
        self.0.os == "unknown" && self.0.arch == "unknown"
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim().split('/').collect();
        let problem = || {
            let text = autoscaleops_core::text::printable(text);
            format!("`{text}` is not a platform such as `linux/amd64` or `linux/arm/v7`")
        };
        if parts
            .iter()
            .any(|it| it.is_empty() || it.contains(char::is_whitespace))
        {
            return Err(problem());
        }
        match parts.as_slice() {
            [os, arch] => Ok(Self::new(os, arch, "")),
            [os, arch, variant] => Ok(Self::new(os, arch, variant)),
            _ => Err(problem()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { os, arch, variant } = &*self.0;
        write!(f, "{os}/{arch}")?;
        if variant.is_empty() {
            Ok(())
        } else {
            write!(f, "/{variant}")
        }
    }
}

/// Returns whether one of the wishes takes `offered`. No wish takes everything.
pub fn wanted(wishes: &[Platform], offered: &Platform) -> bool {
    wishes.is_empty() || wishes.iter().any(|it| it.takes(offered))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(texts: &[&str]) -> Vec<Platform> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn image_updaters_own_rows_hold() {
        for (wished, os, arch, variant, expected) in [
            (vec![], "linux", "arm", "v7", true),
            (vec![], "linux", "amd64", "", true),
            (vec!["linux/arm/v7"], "linux", "arm", "v7", true),
            (
                vec!["linux/arm/v7", "linux/arm/v8"],
                "linux",
                "arm",
                "v8",
                true,
            ),
            (
                vec!["linux/arm/v7", "linux/arm/v8"],
                "linux",
                "arm",
                "v6",
                false,
            ),
            (
                vec!["linux/arm/v7", "linux/arm/v8"],
                "linux",
                "arm",
                "",
                false,
            ),
            (vec!["linux/arm/v7", "linux/arm/v8"], "linux", "", "", false),
            (vec!["linux/arm/v7"], "linux", "amd64", "v7", false),
            (vec!["linux/arm/v7"], "darwin", "arm", "v7", false),
            (
                vec!["linux/arm", "linux/arm/v7"],
                "linux",
                "arm",
                "v8",
                true,
            ),
            (vec!["linux/arm", "linux/arm/v7"], "linux", "arm", "", true),
        ] {
            let offered = Platform::new(os, arch, variant);
            assert_eq!(
                wanted(&wishes(&wished), &offered),
                expected,
                "{wished:?} {offered}"
            );
        }
    }

    #[test]
    fn a_text_that_is_no_platform_is_named() {
        for text in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", ""] {
            assert!(
                text.parse::<Platform>().unwrap_err().contains(text),
                "{text}"
            );
        }
        assert_eq!(
            "linux/arm/v7".parse::<Platform>().unwrap().to_string(),
            "linux/arm/v7"
        );
    }
}
