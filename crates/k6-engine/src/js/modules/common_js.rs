//! `CommonJS` as an ES module.
//!
//! An ES module says what it exports before it is run, and what a bundle puts on its `exports` is known
//! afterwards. So the first virtual user that loads such a module runs it right away, and its ES module
//! takes what that came to. Each virtual user keeps what was run: whoever requires it gets the same, be
//! it as far as it has come, where modules require each other in a circle.

use rquickjs::{Ctx, Function, Object, Result, Value, context::EvalOptions};

use super::Survey;

/// Where the modules that were run stand, by name.
const RUN: &str = "modules";

/// Returns the modules that were run, by name.
fn known<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    ctx.globals().get::<_, Object<'js>>("__k6")?.get(RUN)
}

/// Returns what the module `name` has on its `exports`, where it was run or is running.
pub(crate) fn exported<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Option<Value<'js>>> {
    let module: Option<Object<'js>> = known(ctx)?.get(name)?;
    module.map(|it| it.get("exports")).transpose()
}

/// Returns whether `source` is `CommonJS`.
pub(super) fn is(source: &str, survey: &Survey) -> bool {
    !survey.is_module && (source.contains("exports") || source.contains("require("))
}

/// Returns the function that runs `source`, on its line, so that its lines keep their numbers.
fn function(source: &str) -> String {
    format!("(function (module, exports, require) {{ {source}\n}})")
}

/// Runs the module `name`, and returns the names that are on its `exports` then.
pub(super) fn run(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<String>> {
    let mut options = EvalOptions::default();
    options.strict = true;
    options.filename = Some(name.to_owned());
    let function: Function<'_> = ctx.eval_with_options(function(source), options)?;
    let (module, exports) = (Object::new(ctx.clone())?, Object::new(ctx.clone())?);
    module.set("exports", exports.clone())?;
    known(ctx)?.set(name, module.clone())?;
    let require: Value<'_> = ctx.globals().get("require")?;
    function.call::<_, ()>((module.clone(), exports, require))?;
    let exports: Value<'_> = module.get("exports")?;
    let Some(exports) = exports.as_object() else {
        return Ok(Vec::new());
    };
    let names = exports.keys::<String>().collect::<Result<Vec<_>>>()?;
    let is_name = |it: &String| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        it.chars().all(fits) && !it.starts_with(|c: char| c.is_ascii_digit())
    };
    let taken = ["default", "__cjs", ""];
    Ok(names
        .into_iter()
        .filter(|it| is_name(it) && !taken.contains(&it.as_str()))
        .collect())
}

/// Returns the ES module that exports what the `CommonJS` module `name` has under `names`.
pub(super) fn written(name: &str, source: &str, names: &[String]) -> String {
    let (name, function) = (serde_json::Value::from(name), function(source));
    let mut module = format!(
        "const all = globalThis.__k6.{RUN}; const known = all[{name}]; const module = known || (all[{name}] = {{ exports: {{}} }}); known || {function}(module, module.exports, globalThis.require);\nexport const __cjs = module.exports; export default (module.exports.default ?? module.exports);\n"
    );
    for (place, name) in names.iter().enumerate() {
        module.push_str(&format!(
            "const own{place} = module.exports.{name}; export {{ own{place} as {name} }};\n"
        ));
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(source: &str) -> bool {
        Survey::of("a.js", source).is_some_and(|it| super::is(source, &it))
    }

    #[test]
    fn what_imports_or_exports_is_no_common_js() {
        for source in [
            "exports.a = 1;",
            "const a = require('./a.js');",
            "(() => { module.exports = {}; })();",
            "with (a) { exports.b = c; }",
        ] {
            assert!(is(source), "{source}");
        }
        for source in [
            "import a from 'k6'; export default () => { exports.x = 1 };",
            "export default () => require('x');",
            "const a = 1;",
            "exports. = 1;",
        ] {
            assert!(!is(source), "{source}");
        }
    }
}
