//! Names that go from one module to another: which of them are types.

use oxc_ast::ast::{ExportSpecifier, ImportDeclarationSpecifier, Program, Statement};
use oxc_span::GetSpan as _;

use super::strip::{Stripper, range};

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

    /// Removes what a list of exports says of types, with the comma behind it.
    pub(super) fn specifiers(&mut self, all: &[ExportSpecifier<'_>]) {
        for one in all.iter().filter(|it| it.export_kind.is_type()) {
            let (start, end) = range(one.span);
            let rest = self.text(end, self.source.len());
            let spaces = rest.len() - rest.trim_start().len();
            let comma = usize::from(rest.trim_start().starts_with(','));
            self.clear(start, end + (spaces + 1) * comma);
        }
    }
}
