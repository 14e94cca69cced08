//! `import.meta` of a script's modules: `resolve` says what a specifier means.

use rquickjs::{Coerced, Ctx, Function, Module, Result, function::Opt, module::Declared};
use url::Url;

use super::{is_local, is_remote};
use crate::js::native::throw;

/// Gives a module its `import.meta`.
pub(super) fn give<'js>(ctx: &Ctx<'js>, module: &Module<'js, Declared>, name: &str) -> Result<()> {
    let base = name.to_owned();
    let resolve = move |ctx: Ctx<'js>, specifier: Opt<Coerced<String>>| {
        let specifier = specifier.0.map(|it| it.0).unwrap_or_default();
        resolved(&base, &specifier).map_err(|text| throw(&ctx, &text))
    };
    let function = Function::new(ctx.clone(), resolve)?.with_name("resolve")?;
    module.meta()?.set("resolve", function)
}

/// Returns the address that `specifier` means in the module `base`, in k6's words where it has none.
fn resolved(base: &str, specifier: &str) -> std::result::Result<String, String> {
    if specifier.is_empty() || specifier == "undefined" {
        return Err("require() can't be used with an empty specifier".to_owned());
    }
    if is_local(specifier) || is_remote(specifier) {
        let base = if is_remote(base) {
            Url::parse(base).ok()
        } else {
            Url::from_file_path(base).ok()
        };
        if let Some(url) = base.and_then(|it| it.join(specifier).ok()) {
            return Ok(url.into());
        }
    }
    Err(match specifier.split_once("://") {
        Some((scheme, _)) => format!(
            "only supported schemes for imports are file and https, {specifier} has `{scheme}`"
        ),
        None => format!(
            "The moduleSpecifier \"{specifier}\" couldn't be recognised as something k6 supports."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specifier_means_an_address_beside_its_module() {
        let of = |specifier: &str| resolved("/a/b c/d.js", specifier);
        for (specifier, address) in [
            ("./x.csv", "file:///a/b%20c/x.csv"),
            ("../x y", "file:///a/x%20y"),
            ("/x", "file:///x"),
            ("file:///x/../y", "file:///y"),
            ("https://a.test/x.js", "https://a.test/x.js"),
        ] {
            assert_eq!(of(specifier).as_deref(), Ok(address));
        }
        for wrong in ["", "undefined", "k6/http", "bare", "http://a.test/x"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let remote = resolved("https://a.test/b/c.js", "../d.js");
        assert_eq!(remote.as_deref(), Ok("https://a.test/d.js"));
    }
}
