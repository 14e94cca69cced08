//! What a module asks for: its imports, and what no import tells and only the real k6 has.

use std::ops::Range;

use oxc_ast::ast::{
    Argument, AssignmentExpression, BindingIdentifier, BindingPattern, CallExpression,
    ComputedMemberExpression, ExportAllDeclaration, ExportFromDeclaration, Expression,
    ImportDeclaration, ImportExpression, MemberExpression, ObjectProperty, StaticMemberExpression,
    StringLiteral, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::ParserReturn;
use oxc_span::SourceType;

use super::{is_json, is_typescript, lean};
use crate::js::parse::parsed;

/// A specifier that a module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What is imported.
    pub specifier: String,
    /// The bytes at which that stands, with its quotes.
    pub span: Range<usize>,
    /// The line, counted from one.
    pub line: usize,
}

/// What a module asks for, in the order of its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) imports: Vec<Import>,
    /// Whether it says that it is an ES module.
    pub(crate) is_module: bool,
    /// The built-in modules that it needs, in their lean forms.
    pub(crate) lean: Vec<String>,
    /// What only the real k6 has, with its line.
    pub(crate) foreign: Vec<(&'static str, usize)>,
}

/// Parts of the global `crypto` that only the real k6 has.
const CRYPTO: [(&str, &str); 2] = [
    ("subtle", "crypto.subtle"),
    ("CryptoKey", "crypto.CryptoKey"),
];

impl Survey {
    /// Looks through the module `name`. `None` where it cannot be parsed, which is an error where it
    /// is loaded.
    pub(crate) fn of(name: &str, source: &str) -> Option<Self> {
        if is_json(name) {
            return Some(Self::default());
        }
        let look = |it: &ParserReturn<'_>| survey(source, it);
        if is_typescript(name) {
            return parsed(source, SourceType::ts().with_module(true), look)?;
        }
        // `CommonJS` may say more: it is not strict.
        parsed(source, SourceType::mjs(), look)?
            .or_else(|| parsed(source, SourceType::cjs(), look)?)
    }
}

/// Returns what the module `name` imports. `None` where it cannot be parsed.
pub fn imports(name: &str, source: &str) -> Option<Vec<Import>> {
    Survey::of(name, source).map(|it| it.imports)
}

fn survey(source: &str, parsed: &ParserReturn<'_>) -> Option<Survey> {
    if !parsed.diagnostics.is_empty() {
        return None;
    }
    let mut surveyor = Surveyor::default();
    surveyor.visit_program(&parsed.program);
    let breaks: Vec<usize> = source.match_indices('\n').map(|it| it.0).collect();
    let line = |at: usize| breaks.partition_point(|it| *it < at) + 1;
    surveyor.imports.sort_by_key(|it| it.1.start);
    let imports: Vec<Import> = surveyor
        .imports
        .into_iter()
        .map(|(specifier, span)| Import {
            line: line(span.start),
            specifier,
            span,
        })
        .collect();
    let is_socket = |it: &str| it == "k6/ws" || it.ends_with("/websockets");
    let has_sockets = imports.iter().any(|it| is_socket(&it.specifier));
    let mut foreign: Vec<(&'static str, usize)> = surveyor
        .foreign
        .into_iter()
        .filter(|(what, _)| match what {
            Foreign::Crypto(_) => !surveyor.has_own_crypto,
            Foreign::Compression => has_sockets,
            Foreign::Ntlm => true,
        })
        .map(|(what, at)| (what.construct(), line(at)))
        .collect();
    foreign.sort_by_key(|it| it.1);
    Some(Survey {
        imports,
        is_module: parsed.module_record.has_module_syntax,
        lean: lean::wanted(source, parsed),
        foreign,
    })
}

#[derive(Clone, Copy)]
enum Foreign {
    Crypto(&'static str),
    Compression,
    Ntlm,
}

impl Foreign {
    fn construct(self) -> &'static str {
        match self {
            Self::Crypto(name) => name,
            Self::Compression => "the compression of WebSockets",
            Self::Ntlm => "auth: ntlm",
        }
    }

    /// Returns what setting `name` to `value` asks for.
    fn set(name: &str, value: &Expression<'_>) -> Option<Self> {
        let value = match value {
            Expression::StringLiteral(it) => it.value.as_str(),
            Expression::TemplateLiteral(it) => it.single_quasi()?.as_str(),
            _ => return None,
        };
        match name {
            "auth" if value == "ntlm" => Some(Self::Ntlm),
            "compression" if value.trim_start().starts_with("deflate") => Some(Self::Compression),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Surveyor {
    imports: Vec<(String, Range<usize>)>,
    foreign: Vec<(Foreign, usize)>,
    /// Whether the module calls something of its own `crypto`.
    has_own_crypto: bool,
}

impl Surveyor {
    fn import(&mut self, literal: &StringLiteral<'_>) {
        let span = literal.span.start as usize..literal.span.end as usize;
        self.imports.push((literal.value.to_string(), span));
    }

    /// Notes that `name` of `object` is asked for.
    fn member(&mut self, object: &Expression<'_>, name: &str, at: u32) {
        let known = CRYPTO.iter().find(|it| it.0 == name);
        if let Some((_, construct)) = known.filter(|_| is_crypto(object)) {
            self.foreign.push((Foreign::Crypto(construct), at as usize));
        }
    }
}

/// Returns whether this is the global `crypto`, unless the module has its own.
fn is_crypto(object: &Expression<'_>) -> bool {
    object.is_specific_id("crypto") || object.is_specific_member_access("globalThis", "crypto")
}

impl<'a> Visit<'a> for Surveyor {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        if !it.import_kind.is_type() {
            self.import(&it.source);
        }
        walk::walk_import_declaration(self, it);
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        if !it.export_kind.is_type() {
            self.import(&it.source);
        }
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        if !it.export_kind.is_type() {
            self.import(&it.source);
        }
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Expression::StringLiteral(literal) = &it.source {
            self.import(literal);
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if it.callee.is_specific_id("require")
            && let Some(Argument::StringLiteral(literal)) = it.arguments.first()
        {
            self.import(literal);
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        self.member(&it.object, &it.property.name, it.property.span.start);
        walk::walk_static_member_expression(self, it);
    }

    fn visit_computed_member_expression(&mut self, it: &ComputedMemberExpression<'a>) {
        if let Expression::StringLiteral(name) = &it.expression {
            self.member(&it.object, &name.value, name.span.start);
        }
        walk::walk_computed_member_expression(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if let (BindingPattern::ObjectPattern(pattern), Some(object)) = (&it.id, &it.init) {
            for property in &pattern.properties {
                if let Some(name) = property.key.static_name() {
                    self.member(object, &name, property.span.start);
                }
            }
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        let name = it.key.static_name();
        if let Some(what) = name.and_then(|name| Foreign::set(&name, &it.value)) {
            self.foreign.push((what, it.span.start as usize));
        }
        walk::walk_object_property(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        let member = it.left.as_member_expression();
        let name = member.and_then(MemberExpression::static_property_name);
        if let Some(what) = name.and_then(|name| Foreign::set(name, &it.right)) {
            self.foreign.push((what, it.span.start as usize));
        }
        walk::walk_assignment_expression(self, it);
    }

    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.has_own_crypto |= it.name == "crypto";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(name: &str, source: &str) -> Vec<(String, usize)> {
        let found = imports(name, source).unwrap_or_default();
        found
            .into_iter()
            .map(|it| (it.specifier, it.line))
            .collect()
    }

    fn foreign(source: &str) -> Vec<(&'static str, usize)> {
        Survey::of("a.js", source).unwrap_or_default().foreign
    }

    #[test]
    fn imports_are_found_with_their_lines() {
        let source = "import http from 'k6/http';\nimport {\n a } from\n \"./a.js\";\nexport { c } from './c.js'; export * from './d.js';\nconst e = await import('./e.js');\nconst f = require('./f.js');";
        let wanted = [
            ("k6/http", 1),
            ("./a.js", 4),
            ("./c.js", 5),
            ("./d.js", 5),
            ("./e.js", 6),
            ("./f.js", 7),
        ];
        assert_eq!(
            imported("a.js", source),
            wanted.map(|(name, line)| (name.to_owned(), line))
        );
        for import in imports("a.js", source).unwrap() {
            let literal = &source[import.span];
            assert_eq!(&literal[1..literal.len() - 1], import.specifier);
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        for source in [
            "/* once:\n import sql from 'k6/x/sql';\n*/",
            "// import sql from 'k6/x/sql'",
            "const letters = Array.from('abc');",
            "console.log(\"a note from 'there'\");",
            "const text = `import x from 'k6/x/sql'`;",
            "const pattern = /from 'k6\\/x'/;",
        ] {
            assert_eq!(imported("a.js", source), [], "{source}");
        }
    }

    #[test]
    fn common_js_and_typescript_are_read_too_and_types_are_no_imports() {
        let common = "with (x) {}\nconst a = require('./a.js');";
        assert_eq!(imported("a.js", common), [("./a.js".to_owned(), 2)]);
        let typed = "import type { A } from './types';\nexport type { B } from './types';\nimport { c } from './c.ts';\nconst d: A = <B>c;";
        assert_eq!(imported("a.ts", typed), [("./c.ts".to_owned(), 3)]);
        assert_eq!(imported("a.json", "{\"from\": \"x\"}"), []);
        assert_eq!(imports("a.js", "import {"), None);
    }

    #[test]
    fn the_compression_of_sockets_is_found_where_there_are_sockets() {
        let line = |module: &str, param: &str| {
            let found = foreign(&format!(
                "import x from '{module}';\nconst p = {{ {param} }};"
            ));
            found.first().map(|it| it.1)
        };
        assert_eq!(line("k6/ws", "compression: 'deflate'"), Some(2));
        let quoted = "'compression' : \"deflate\"";
        assert_eq!(line("k6/experimental/websockets", quoted), Some(2));
        assert_eq!(line("k6/http", "compression: 'deflate'"), None);
        assert_eq!(line("k6/ws", "compression: 'gzip'"), None);
    }

    #[test]
    fn what_only_k6_has_is_found_without_an_import() {
        let source = "// crypto.subtle\nconst key = crypto.CryptoKey;\nhttp.get(url, { auth: 'ntlm' });\ncrypto.md5('a');\nparams.auth = `ntlm`;\nconst { subtle } = globalThis.crypto;\ncrypto['subtle'];\ncrypto.randomUUID();";
        assert_eq!(
            foreign(source),
            [
                ("crypto.CryptoKey", 2),
                ("auth: ntlm", 3),
                ("auth: ntlm", 5),
                ("crypto.subtle", 6),
                ("crypto.subtle", 7),
            ]
        );
        let own = "import crypto from './mine.js'; crypto.subtle();";
        assert_eq!(foreign(own), []);
    }
}
