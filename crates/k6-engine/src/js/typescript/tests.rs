//! TypeScript without its types, construct by construct.

use super::*;

fn js(source: &str) -> String {
    strip(source).unwrap_or_else(|it| panic!("{source}: {it:?}"))
}

fn squeezed(source: &str) -> String {
    js(source).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn types_go_and_values_stay_where_they_stand() {
    let source = "let a: number = 1;\nconst f = <T,>(x: T, y?: string): T => x as T;\n";
    let stripped = js(source);
    assert_eq!(stripped.len(), source.len());
    assert_eq!(
        stripped.split_whitespace().collect::<String>(),
        "leta=1;constf=(x,y)=>x;"
    );
    for (typescript, javascript) in [
        ("let x!: number;", "let x ;"),
        ("f<string>(a!, <any>b, c satisfies D);", "f (a , b, c );"),
        (
            "function f(this: Foo, a: B, ...r: C[]): asserts a is B {}",
            "function f( a , ...r ) {}",
        ),
        (
            "function f(a: string): void;\nfunction f(a: any) {}",
            "; function f(a ) {}",
        ),
        ("interface A { b: string }\nvar c = 1", "; var c = 1"),
        ("type A = { b: string }", ";"),
        (
            "declare const x: string; declare function y(): void; a",
            "; ; a",
        ),
        ("for (const x of y as Z[]) {}", "for (const x of y ) {}"),
        ("try {} catch (e: unknown) {}", "try {} catch (e ) {}"),
        (
            "const m = new Map<string, number[]>();",
            "const m = new Map ();",
        ),
        (
            "export type { A } from './a.ts'; export { b, type C };",
            "; export { b, };",
        ),
        (
            "export type A = B; export interface C {} export declare const d: E;",
            "; ; ;",
        ),
    ] {
        assert_eq!(squeezed(typescript), javascript, "{typescript}");
    }
}

#[test]
fn classes_lose_what_only_types_know() {
    let source = "abstract class A<T> extends B<T> implements C, D<E> {\n private readonly x?: number = 1;\n y!: string;\n declare z: number;\n abstract w(): void;\n [key: string]: any;\n protected async m?(a: string): Promise<void> {}\n get v(): number { return 1 }\n}";
    assert_eq!(
        squeezed(source),
        "class A extends B { x = 1; y ; ; ; ; async m (a ) {} get v() { return 1 } }"
    );
    assert_eq!(
        squeezed(
            "class P { constructor(private a: number, readonly b = 2, c?: string) { go(); } }"
        ),
        "class P { constructor( a , b = 2, c ) { this.a = a; this.b = b; go(); } }"
    );
    assert_eq!(
        squeezed("class Q extends P { constructor(public d: number) { super(d, 1); go(); } }"),
        "class Q extends P { constructor( d ) { super(d, 1);; this.d = d; go(); } }"
    );
}

#[test]
fn imports_of_types_alone_go() {
    assert_eq!(
        squeezed(
            "import { Options, Other as O } from 'k6/options';\nimport http, { type Response, url } from 'k6/http';\nimport type { A } from 'a';\nimport 'side';\nconst o: Options = {}; http.get(url`x`);"
        ),
        "; import http, { url } from 'k6/http'; ; import 'side'; const o = {}; http.get(url`x`);"
    );
}

#[test]
fn exports_of_types_go_whatever_they_are_written_like() {
    for (typescript, javascript) in [
        (
            "interface A { x: 1 }\ntype B = A;\nconst c = 1;\nexport { A, c, B as D };",
            "; ; const c = 1; export { c, };",
        ),
        ("export interface A {}\nexport { A as B };", "; export { };"),
        ("interface A {}\nexport default A;", "; ;"),
        // One name for a type and a value.
        (
            "interface A {}\nconst A = 1;\nexport { A };",
            "; const A = 1; export { A };",
        ),
        (
            "type B = 1;\nimport { B } from 'b';\nexport { B };",
            "; import { B } from 'b'; export { B };",
        ),
        (
            "type C = 1;\nclass C {}\nfunction d() {}\nexport { C, d };",
            "; class C {} function d() {} export { C, d };",
        ),
        ("export { A } from 'a';", "export { A } from 'a';"),
    ] {
        assert_eq!(squeezed(typescript), javascript);
    }
}

#[test]
fn lines_keep_their_numbers() {
    let source = "type A = {\n b: string\n};\nconst f = (a: number): {\n  x: string\n} => ({ x: '' });\nenum E {\n A,\n B\n}\nimport {\n T,\n} from './t.ts';\nlast();";
    let stripped = js(source);
    assert_eq!(stripped.lines().count(), source.lines().count());
    assert_eq!(stripped.lines().last(), Some("last();"));
    assert!(stripped.contains(") =>\n"), "{stripped}");
}

#[test]
fn what_is_not_known_is_named_with_its_line() {
    for (source, what, line) in [
        (
            "\nnamespace N { export const a = 1 }",
            "TypeScript's namespace",
            2,
        ),
        ("@dec class A {}", "TypeScript's decorators", 1),
        ("import a = require('b');", "TypeScript's import =", 1),
    ] {
        let refused = strip(source).unwrap_err();
        assert_eq!((refused.what.as_str(), refused.line), (what, line));
    }
    let refused = strip("const a = 1;\nconst = 2;").unwrap_err();
    assert_eq!(refused.line, 2);
}
