//! Finds what of a script is TypeScript's own.

use std::collections::BTreeSet;

use oxc_ast::ast::{
    AccessorProperty, ArrowFunctionExpression, BindingPattern, Class, ClassElement, Declaration,
    Decorator, ExportAllDeclaration, ExportDeclaration, ExportDefaultDeclaration,
    ExportDefaultDeclarationKind, ExportFromDeclaration, ExportNamedDeclaration, ExportSpecifier,
    FormalParameter, Function, IdentifierReference, MethodDefinition, PropertyDefinition,
    PropertyDefinitionType, TSAsExpression, TSClassImplements, TSEnumDeclaration,
    TSExportAssignment, TSExternalModuleDeclaration, TSGlobalDeclaration,
    TSImportEqualsDeclaration, TSIndexSignature, TSInterfaceDeclaration, TSNamespaceDeclaration,
    TSNonNullExpression, TSSatisfiesExpression, TSThisParameter, TSTypeAliasDeclaration,
    TSTypeAnnotation, TSTypeAssertion, TSTypeParameterDeclaration, TSTypeParameterInstantiation,
    VariableDeclaration, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan as _, Span};
use oxc_syntax::scope::ScopeFlags;

use super::{Edit, blank, enums};

/// Words that only TypeScript has before a name.
const MODIFIERS: [&str; 7] = [
    "abstract",
    "declare",
    "override",
    "private",
    "protected",
    "public",
    "readonly",
];

/// Walks over a script and notes what to change.
pub(super) struct Stripper<'s> {
    pub(super) source: &'s str,
    pub(super) edits: Vec<Edit>,
    /// Names of this module that are types alone.
    types: BTreeSet<String>,
    /// Names that values are taken from.
    pub(super) used: BTreeSet<String>,
    /// The first thing that is not known here, with its place.
    pub(super) refused: Option<(usize, &'static str)>,
}

pub(super) fn range(span: Span) -> (usize, usize) {
    (span.start as usize, span.end as usize)
}

impl<'s> Stripper<'s> {
    pub(super) fn new(source: &'s str, types: BTreeSet<String>) -> Self {
        Self {
            source,
            types,
            edits: Vec::new(),
            used: BTreeSet::new(),
            refused: None,
        }
    }

    pub(super) fn text(&self, start: usize, end: usize) -> &'s str {
        self.source.get(start..end).unwrap_or_default()
    }

    pub(super) fn replace(&mut self, start: usize, end: usize, text: String) {
        self.edits.push(Edit { start, end, text });
    }

    pub(super) fn clear(&mut self, start: usize, end: usize) {
        if start < end {
            let text = blank(self.text(start, end));
            self.replace(start, end, text);
        }
    }

    fn clear_span(&mut self, span: Span) {
        let (start, end) = range(span);
        self.clear(start, end);
    }

    /// Removes a whole statement or member. A semicolon keeps what stands before it apart from what
    /// stands behind it.
    pub(super) fn remove(&mut self, span: Span) {
        let (start, end) = range(span);
        let mut text = blank(self.text(start, end));
        if let Some(rest) = text.strip_prefix(' ') {
            text = format!(";{rest}");
        }
        self.replace(start, end, text);
    }

    fn refuse(&mut self, span: Span, what: &'static str) {
        self.refused.get_or_insert((span.start as usize, what));
    }

    /// Removes the words between `start` and `end` that only TypeScript has there.
    fn modifiers(&mut self, start: usize, end: usize) {
        let text = self.text(start, end);
        let mut at = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if MODIFIERS.contains(&word) {
                self.clear(start + at, start + at + word.len());
            }
            at += word.len() + 1;
        }
    }

    /// Removes the marks `?` and `!` behind a name.
    fn marks(&mut self, start: usize, end: usize) {
        for (at, mark) in self.text(start, end).char_indices() {
            match mark {
                '?' | '!' => self.clear(start + at, start + at + 1),
                // A value, a type or parameters begin: what comes is no mark of the name.
                ':' | '=' | '(' | '<' | ';' | '/' => break,
                _ => {}
            }
        }
    }

    /// Gives a constructor the properties that its parameters stand for.
    fn properties(&mut self, function: &Function<'_>, extends: bool) {
        let items = &function.params.items;
        let names: Vec<String> = items
            .iter()
            .filter(|it| it.accessibility.is_some() || it.readonly || it.r#override)
            .filter_map(|it| match &it.pattern {
                BindingPattern::BindingIdentifier(id) => Some(id.name.to_string()),
                _ => None,
            })
            .collect();
        let Some(body) = function.body.as_ref().filter(|_| !names.is_empty()) else {
            return;
        };
        let mut set = String::new();
        for name in &names {
            set.push_str(&format!(" this.{name} = {name};"));
        }
        let at = match body.statements.first().filter(|_| extends) {
            // `this` exists only behind `super()`.
            Some(first) => first.span().end as usize,
            None => body.span.start as usize + 1,
        };
        let text = if extends { format!(";{set}") } else { set };
        self.replace(at, at, text);
    }
}

impl<'a> Visit<'a> for Stripper<'_> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.used.insert(it.name.to_string());
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.clear_span(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.clear_span(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.clear_span(it.span);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.clear(it.expression.span().end as usize, it.span.end as usize);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.clear(it.expression.span().end as usize, it.span.end as usize);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.clear(it.span.start as usize, it.expression.span().start as usize);
        self.visit_expression(&it.expression);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.clear(it.expression.span().end as usize, it.span.end as usize);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        walk::walk_arrow_function_expression(self, it);
        let Some(kind) = &it.return_type else {
            return;
        };
        // No line may break before the arrow: the breaks of the type go behind it.
        let (start, end) = range(kind.span);
        let breaks = self.text(start, end).matches('\n').count();
        let body = it.body.span().start as usize;
        if breaks > 0
            && let Some(arrow) = self.text(end, body).find("=>")
        {
            self.edits.retain(|it| it.start != start);
            self.replace(
                start,
                end + arrow + 2,
                format!(" =>{}", "\n".repeat(breaks)),
            );
        }
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            let id = it.id.span().end as usize;
            self.marks(id, it.span.end as usize);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        if it.declare {
            self.remove(it.span);
        } else {
            walk::walk_variable_declaration(self, it);
        }
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        let pattern = it.pattern.span();
        self.modifiers(it.span.start as usize, pattern.start as usize);
        if it.optional {
            self.marks(pattern.end as usize, it.span.end as usize);
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if it.declare || it.body.is_none() {
            self.remove(it.span);
            return;
        }
        if let Some(this) = &it.this_param {
            let next = it.params.items.first().map(|it| it.span.start);
            let rest = it.params.rest.as_ref().map(|it| it.span.start);
            let (start, end) = range(this.span);
            self.clear(start, next.or(rest).map_or(end, |it| it as usize));
        }
        walk::walk_function(self, it, flags);
    }

    fn visit_ts_this_parameter(&mut self, _: &TSThisParameter<'a>) {}

    fn visit_class(&mut self, it: &Class<'a>) {
        if it.declare {
            self.remove(it.span);
            return;
        }
        let head = it.body.span.start as usize;
        if it.r#abstract {
            let text = self.text(it.span.start as usize, head);
            let class = text.find("class").unwrap_or(0);
            self.modifiers(it.span.start as usize, it.span.start as usize + class);
        }
        if let Some(first) = it.implements.first() {
            let start = it.span.start as usize;
            let before = self.text(start, first.span.start as usize);
            let word = before
                .rfind("implements")
                .map_or(first.span.start as usize, |at| start + at);
            self.clear(word, head);
        }
        let extends = it.heritage.is_some();
        for element in &it.body.body {
            if let ClassElement::MethodDefinition(method) = element
                && method.kind.is_constructor()
            {
                self.properties(&method.value, extends);
            }
        }
        walk::walk_class(self, it);
    }

    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        if it.value.body.is_none() {
            self.remove(it.span);
            return;
        }
        self.modifiers(it.span.start as usize, it.key.span().start as usize);
        if it.optional {
            self.marks(
                it.key.span().end as usize,
                it.value.params.span.start as usize,
            );
        }
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition {
            self.remove(it.span);
            return;
        }
        self.modifiers(it.span.start as usize, it.key.span().start as usize);
        if it.optional || it.definite {
            self.marks(it.key.span().end as usize, it.span.end as usize);
        }
        walk::walk_property_definition(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.refuse(it.span, "accessor");
    }

    fn visit_ts_index_signature(&mut self, it: &TSIndexSignature<'a>) {
        self.remove(it.span);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(it.span, "decorators");
    }

    fn visit_ts_interface_declaration(&mut self, it: &TSInterfaceDeclaration<'a>) {
        self.remove(it.span);
    }

    fn visit_ts_type_alias_declaration(&mut self, it: &TSTypeAliasDeclaration<'a>) {
        self.remove(it.span);
    }

    fn visit_ts_global_declaration(&mut self, it: &TSGlobalDeclaration<'a>) {
        self.remove(it.span);
    }

    fn visit_ts_external_module_declaration(&mut self, it: &TSExternalModuleDeclaration<'a>) {
        self.remove(it.span);
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        if it.declare {
            self.remove(it.span);
        } else {
            self.refuse(it.span, "namespace");
        }
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(it.span, "import =");
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(it.span, "export =");
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        if it.declare {
            self.remove(it.span);
            return;
        }
        for member in &it.body.members {
            if let Some(value) = &member.initializer {
                self.visit_expression(value);
            }
        }
        let (start, end) = range(it.span);
        let breaks = self.text(start, end).matches('\n').count();
        let text = enums::written(it, self.source) + &"\n".repeat(breaks);
        self.replace(start, end, text);
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        if is_type(&it.declaration) {
            self.remove(it.span);
        } else {
            walk::walk_export_declaration(self, it);
        }
    }

    fn visit_export_default_declaration(&mut self, it: &ExportDefaultDeclaration<'a>) {
        let is_gone = match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
            ExportDefaultDeclarationKind::FunctionDeclaration(one) => one.body.is_none(),
            ExportDefaultDeclarationKind::ClassDeclaration(one) => one.declare,
            ExportDefaultDeclarationKind::Identifier(one) => self.types.contains(one.name.as_str()),
            _ => false,
        };
        if is_gone {
            self.remove(it.span);
        } else {
            walk::walk_export_default_declaration(self, it);
        }
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        if it.export_kind.is_type() {
            self.remove(it.span);
            return;
        }
        let is_type = |this: &Self, it: &ExportSpecifier<'_>| {
            let name = it.local.name();
            it.export_kind.is_type() || this.types.contains(name.as_str())
        };
        self.specifiers(&it.specifiers, is_type);
        for one in &it.specifiers {
            if !is_type(self, one) {
                self.visit_export_specifier(one);
            }
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        if it.export_kind.is_type() {
            self.remove(it.span);
        } else {
            self.specifiers(&it.specifiers, |_, it| it.export_kind.is_type());
        }
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        if it.export_kind.is_type() {
            self.remove(it.span);
        }
    }
}

/// Returns whether nothing is left of a declaration at run time.
fn is_type(it: &Declaration<'_>) -> bool {
    match it {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::TSNamespaceDeclaration(one) => one.declare,
        Declaration::TSEnumDeclaration(one) => one.declare,
        Declaration::VariableDeclaration(one) => one.declare,
        Declaration::FunctionDeclaration(one) => one.declare || one.body.is_none(),
        Declaration::ClassDeclaration(one) => one.declare,
        Declaration::TSImportEqualsDeclaration(_) => false,
    }
}
