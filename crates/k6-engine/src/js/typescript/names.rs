//! Names that go from one module to another: which of them are types.

use std::collections::BTreeSet;

use oxc_ast::ast::{
    BindingPattern, Declaration, ExportSpecifier, ImportDeclarationSpecifier, Program, Statement,
};
use oxc_span::GetSpan as _;

use super::strip::{Stripper, range};

/// Returns the names that a module declares for types and for nothing else.
pub(super) fn types(program: &Program<'_>) -> BTreeSet<String> {
    let (mut types, mut values) = (BTreeSet::new(), BTreeSet::new());
    for statement in &program.body {
        let declaration = match statement {
            Statement::ExportDeclaration(it) => Some(&it.declaration),
            other => other.as_declaration(),
        };
        match declaration {
            Some(Declaration::TSInterfaceDeclaration(it)) => {
                types.insert(it.id.name.to_string());
            }
            Some(Declaration::TSTypeAliasDeclaration(it)) => {
                types.insert(it.id.name.to_string());
            }
            Some(Declaration::VariableDeclaration(it)) => {
                let patterns = it.declarations.iter().map(|it| &it.id);
                let names = patterns.flat_map(BindingPattern::get_binding_identifiers);
                values.extend(names.map(|it| it.name.to_string()));
            }
            Some(other) => values.extend(other.id().map(|it| it.name.to_string())),
            None => {}
        }
        if let Statement::ImportDeclaration(it) = statement {
            let imported = it.specifiers.iter().flatten();
            values.extend(imported.map(|it| it.local().name.to_string()));
        }
    }
    types.retain(|it| !values.contains(it));
    types
}

impl Stripper<'_> {
    /// Notes what of an import is used as a value. What is not may be a type, and is not imported.
    pub(super) fn imports(&mut self, program: &Program<'_>) {
        for statement in &program.body {
            let Statement::ImportDeclaration(import) = statement else {
                continue;
            };
            let Some(specifiers) = &import.specifiers else {
                continue;
            };
            if import.import_kind.is_type() {
                self.remove(import.span);
                continue;
            }
            let is_kept = |it: &ImportDeclarationSpecifier<'_>| {
                let by_kind = !matches!(it, ImportDeclarationSpecifier::ImportSpecifier(one) if one.import_kind.is_type());
                by_kind && self.used.contains(it.local().name.as_str())
            };
            let kept: Vec<_> = specifiers.iter().filter(|it| is_kept(it)).collect();
            if kept.len() == specifiers.len() {
                continue;
            }
            if kept.is_empty() && !specifiers.is_empty() {
                self.remove(import.span);
                continue;
            }
            let (mut outer, mut inner) = (Vec::new(), Vec::new());
            for one in kept {
                let (start, end) = range(one.span());
                match one {
                    ImportDeclarationSpecifier::ImportSpecifier(_) => {
                        inner.push(self.text(start, end));
                    }
                    _ => outer.push(self.text(start, end).to_owned()),
                }
            }
            if !inner.is_empty() {
                outer.push(format!("{{ {} }}", inner.join(", ")));
            }
            let (start, end) = range(import.span);
            let source = import.source.span;
            let lines = "\n".repeat(
                self.text(start, source.start as usize)
                    .matches('\n')
                    .count(),
            );
            let text = format!("import {} from {lines}", outer.join(", "));
            self.replace(start, source.start as usize, text);
            let _ = end;
        }
    }

    /// Removes the exports that `is_type` says are types, with the comma behind each.
    pub(super) fn specifiers<'a>(
        &mut self,
        all: &[ExportSpecifier<'a>],
        is_type: impl Fn(&Self, &ExportSpecifier<'a>) -> bool,
    ) {
        let types: Vec<_> = all.iter().filter(|it| is_type(self, it)).collect();
        for one in types {
            let (start, end) = range(one.span);
            let rest = self.text(end, self.source.len());
            let spaces = rest.len() - rest.trim_start().len();
            let comma = usize::from(rest.trim_start().starts_with(','));
            self.clear(start, end + (spaces + 1) * comma);
        }
    }
}
