//! Scripts as syntax trees. The parser goes down with the nesting of a script, which a stranger
//! chooses: it gets as much stack as a script of these words and signs can need at most.

use std::thread;

use oxc_allocator::Allocator;
use oxc_parser::{Parser, ParserReturn};
use oxc_span::SourceType;

/// Stack that one step down takes at most: 1.7 KB were measured, and 12 without optimization.
const STEP: usize = if cfg!(debug_assertions) {
    16 << 10
} else {
    2 << 10
};

/// Stack for what is always there.
const BASE: usize = 1 << 20;

/// The most steps down. Libraries in one file of several megabytes have fewer.
const STEPS: usize = 1 << 19;

/// Words that the parser goes down for.
const WORDS: [&str; 27] = [
    "as",
    "asserts",
    "async",
    "await",
    "class",
    "delete",
    "do",
    "else",
    "extends",
    "for",
    "function",
    "if",
    "in",
    "infer",
    "instanceof",
    "is",
    "keyof",
    "new",
    "of",
    "readonly",
    "satisfies",
    "typeof",
    "unique",
    "void",
    "while",
    "with",
    "yield",
];

/// Parses `source` and looks at the result. `None` where it could be nested too deeply.
pub(super) fn parsed<T: Send>(
    source: &str,
    kind: SourceType,
    look: impl FnOnce(&ParserReturn<'_>) -> T + Send,
) -> Option<T> {
    let steps = steps(source);
    if steps > STEPS {
        return None;
    }
    let work = || {
        let arena = Allocator::default();
        look(&Parser::new(&arena, source, kind).parse())
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(BASE + steps * STEP);
        builder.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Returns how deeply `source` can be nested at most: never less than it is, and often far more.
fn steps(source: &str) -> usize {
    let is_sign = |it: &u8| it.is_ascii_punctuation() && !b"_$\"'#@\\,;)]}".contains(it);
    let signs = source.bytes().filter(is_sign).count();
    let words = source.split(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '$');
    signs + words.filter(|it| WORDS.contains(it)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What parsers go down for: before, again and again, and behind.
    const FORMS: [(&str, &str, &str); 27] = [
        ("const a = ", "[", "]"),
        ("const a = ", "(", ")"),
        ("const a = ", "(x=", ")"),
        ("const a = ", "!", ""),
        ("const a = ", "a => ", ""),
        ("const a = ", "x ? ", ""),
        ("const a = ", "{ a: ", "}"),
        ("const a = ", "f(", ")"),
        ("const a = ", "`${", "}`"),
        ("const a = ", "class extends ", ""),
        ("const a = ", "1 ** ", ""),
        ("const a = ", "1 + ", ""),
        ("const a = ", "a.", ""),
        ("", "a = ", ""),
        ("", "{", "}"),
        ("", "if (1) ", ""),
        ("", "if (1); else ", ""),
        ("", "function f() {", "}"),
        ("", "new ", ""),
        ("", "await ", ""),
        ("", "do ", ""),
        ("", "a: ", ""),
        ("let a: ", "Array<", ">"),
        ("let a: ", "() => ", ""),
        ("let a: ", "{ a: ", "}"),
        ("let a: ", "keyof ", ""),
        ("let a: ", "A extends B ? ", ""),
    ];

    #[test]
    fn nothing_is_nested_more_deeply_than_there_is_stack_for() {
        for (head, step, tail) in FORMS {
            for depth in [10, 3_000] {
                let source = format!("{head}{}1{}", step.repeat(depth), tail.repeat(depth));
                assert!(steps(&source) >= depth, "{step}");
                let kind = SourceType::ts().with_module(true);
                assert!(parsed(&source, kind, |_| ()).is_some(), "{step}");
            }
        }
    }

    #[test]
    fn what_could_be_nested_beyond_all_stacks_is_not_parsed() {
        let source = "[".repeat(STEPS + 1);
        assert_eq!(parsed(&source, SourceType::mjs(), |_| ()), None);
        let long = "const a = 'a b c'; ".repeat(100_000);
        assert_eq!(parsed(&long, SourceType::mjs(), |_| ()), Some(()));
    }
}
