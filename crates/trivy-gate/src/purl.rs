//! Package URLs, read as strictly as the library that Trivy uses, and matched as Trivy matches them.

use std::collections::BTreeMap;

/// A package URL: `pkg:deb/debian/openssl@3.0.11?arch=amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageUrl {
    kind: String,
    namespace: String,
    name: String,
    version: String,
    qualifiers: BTreeMap<String, String>,
    subpath: String,
}

impl PackageUrl {
    /// Reads a package URL, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(
                "only printable ASCII characters may stand in it, others are percent-encoded",
            );
        }
        let rest = text
            .strip_prefix("pkg:")
            .ok_or("it does not begin with `pkg:`")?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.trim_start_matches('/');
        let (kind, path) = rest.split_once('/').ok_or("it lacks a type or a name")?;
        let kind = kind.to_ascii_lowercase();
        let starts_well = kind.starts_with(|it: char| it.is_ascii_lowercase());
        if !starts_well
            || !kind
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b".-+".contains(&it))
        {
            return Err("its type is not a word of letters and digits");
        }
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (name, version) = name.rsplit_once('@').unwrap_or((name, ""));
        let namespace = decode(namespace, false)?.trim_matches('/').to_owned();
        let name = decode(name, false)?;
        let version = decode(version, false)?;
        if name.is_empty() {
            return Err("it lacks a name");
        }
        let subpath = decode(fragment, false)?.trim_matches('/').to_owned();
        if subpath.split('/').any(|it| it == "." || it == "..") {
            return Err("its subpath steps outside");
        }
        let this = Self {
            namespace: adjust_namespace(&kind, namespace),
            name: adjust_name(&kind, name),
            version,
            qualifiers: qualifiers(query)?,
            subpath,
            kind,
        };
        this.check()?;
        Ok(this)
    }

    /// Returns whether this, from a waiver, covers `found`, from a report: type, namespace and name
    /// are equal; version, subpath and qualifiers where this names them.
    pub(crate) fn covers(&self, found: &Self) -> bool {
        self.kind == found.kind
            && self.namespace == found.namespace
            && self.name == found.name
            && (self.version.is_empty() || self.version == found.version)
            && (self.subpath.is_empty() || self.subpath == found.subpath)
            && self
                .qualifiers
                .iter()
                .all(|(key, value)| found.qualifiers.get(key) == Some(value))
    }

    /// The rules that only some types have.
    fn check(&self) -> Result<(), &'static str> {
        let channel = self.qualifiers.get("channel").map_or("", String::as_str);
        match self.kind.as_str() {
            "conan" if self.namespace.is_empty() != channel.is_empty() => {
                Err("for conan, namespace and channel go together")
            }
            "swift" if self.namespace.is_empty() || self.version.is_empty() => {
                Err("for swift, namespace and version are required")
            }
            "cran" if self.version.is_empty() => Err("for cran, the version is required"),
            _ => Ok(()),
        }
    }
}

/// Returns whether `text` is a package URL.
pub(crate) fn is_valid(text: &str) -> bool {
    is_common(text) || PackageUrl::parse(text).is_ok()
}

/// Returns whether `text` is a package URL of the common form, without taking it apart: reports
/// have one in every finding.
fn is_common(text: &str) -> bool {
    let Some((kind, path)) = text.strip_prefix("pkg:").and_then(|it| it.split_once('/')) else {
        return false;
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (name, version) = path.split_once('@').unwrap_or((path, ""));
    let plain = |it: &str| {
        it.bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-._~:".contains(&it))
    };
    // Percent-encoded plus signs and colons are frequent in versions.
    let encoded = |it: &str| it.split("%2B").flat_map(|it| it.split("%3A")).all(plain);
    let has_name = name.split('/').next_back().is_some_and(|it| !it.is_empty());
    let keys_are_known = query.is_empty()
        || query
            .split('&')
            .zip(["arch=", "distro=", "epoch="])
            .all(|(it, key)| it.starts_with(key))
            && query.bytes().filter(|it| *it == b'&').count() < 3;
    matches!(
        kind,
        "deb" | "apk" | "rpm" | "npm" | "pypi" | "gem" | "maven" | "golang"
    ) && has_name
        && name.split('/').all(plain)
        && encoded(version)
        && keys_are_known
        && query
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-._=&".contains(&it))
}

fn adjust_namespace(kind: &str, namespace: String) -> String {
    match kind {
        "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "golang" | "npm" | "rpm"
        | "qpkg" => namespace.to_lowercase(),
        _ => namespace,
    }
}

fn adjust_name(kind: &str, name: String) -> String {
    match kind {
        "alpm" | "apk" | "bitbucket" | "bitnami" | "composer" | "deb" | "github" | "golang"
        | "npm" => name.to_lowercase(),
        "pypi" => name.replace('_', "-").to_lowercase(),
        _ => name,
    }
}

fn qualifiers(query: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let mut all = BTreeMap::new();
    for part in query.split('&').filter(|it| !it.is_empty()) {
        if part.contains(';') {
            return Err("a semicolon separates its qualifiers");
        }
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let key = decode(key, true)?.to_ascii_lowercase();
        let starts_well = key.starts_with(|it: char| it.is_ascii_lowercase() || ".-_".contains(it));
        if !starts_well
            || !key
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it))
        {
            return Err("the key of a qualifier is not a word");
        }
        let value = decode(value, true)?;
        // An empty value equals an absent qualifier.
        if !value.is_empty() && all.insert(key, value).is_some() {
            return Err("a qualifier is given twice");
        }
    }
    Ok(all)
}

fn decode(text: &str, is_query: bool) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let digit = |it: &u8| {
                    char::from(*it)
                        .to_digit(16)
                        .and_then(|it| u8::try_from(it).ok())
                };
                let [high, low, tail @ ..] = rest else {
                    return Err("a percent sign is not followed by two hexadecimal digits");
                };
                let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                    return Err("a percent sign is not followed by two hexadecimal digits");
                };
                bytes.push(high * 16 + low);
                rest = tail;
            }
            b'+' if is_query => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| "its percent-encoding is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> PackageUrl {
        PackageUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    #[test]
    fn parts_are_decoded_and_put_into_their_usual_case() {
        let found =
            url("pkg:deb/Debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12.8&epoch=");
        assert_eq!(
            (found.namespace.as_str(), found.name.as_str()),
            ("debian", "libstdc++6")
        );
        assert_eq!(found.qualifiers.len(), 2);
        assert_eq!(url("pkg:pypi/Foo_Bar").name, "foo-bar");
        assert_eq!(url("pkg:npm/%40angular/core@1.0").namespace, "@angular");
    }

    #[test]
    fn a_waiver_covers_what_it_names_and_nothing_else() {
        let found = url("pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12");
        for covers in [
            "pkg:deb/debian/openssl",
            "pkg:deb/debian/openssl@3.0.11-1",
            "pkg:deb/debian/openssl?arch=amd64",
        ] {
            assert!(url(covers).covers(&found), "{covers}");
        }
        for other in [
            "pkg:deb/debian/openssl-doc",
            "pkg:deb/ubuntu/openssl",
            "pkg:rpm/debian/openssl",
            "pkg:deb/debian/openssl@3.0.12",
            "pkg:deb/debian/openssl?arch=arm64",
            "pkg:deb/debian/openssl#sub",
        ] {
            assert!(!url(other).covers(&found), "{other}");
        }
    }

    #[test]
    fn the_quick_look_never_accepts_what_the_slow_one_refuses() {
        for text in [
            "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.8",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u5?arch=amd64&distro=debian-12.8&epoch=1",
            "pkg:npm/lodash@4.17.4",
            "pkg:golang/golang.org/x/net@v0.1.0",
        ] {
            assert!(is_common(text) && PackageUrl::parse(text).is_ok(), "{text}");
        }
        for text in [
            "pkg:npm/",
            "pkg:npm/x@1?arch=1&arch=2",
            "pkg:npm/x%2",
            "pkg:npm/x?a b=1",
            "pkg:npm/x@%zz",
            "pkg:npm/x?arch=a&distro=b&epoch=c&arch=d",
        ] {
            assert!(!is_common(text), "{text}");
        }
    }

    #[test]
    fn what_the_library_refuses_is_refused() {
        for bad in [
            "",
            "npm/lodash",
            "pkg:npm",
            "pkg:npm/",
            "pkg:1npm/x",
            "pkg:npm/x%2",
            "pkg:npm/x%zz",
            "pkg:npm/a b",
            "pkg:npm/x?a;b=1",
            "pkg:npm/x?1=2",
            "pkg:npm/x?a=1&A=2",
            "pkg:npm/x#a/../b",
            "pkg:conan/ns/x@1",
            "pkg:swift/x@1",
            "pkg:cran/x",
            "pkg:npm/ä",
        ] {
            assert!(PackageUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
