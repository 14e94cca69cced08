//! What pages, selectors and addresses are taken for, and where they end.

use std::rc::Rc;

use super::{
    Account, Address, Broken, Chosen, Document, ROOT, Relation, Selector, find, parse, related,
};

fn account() -> Rc<Account> {
    Account::new(64 << 20)
}

fn page(source: &str) -> Document {
    parse(source, String::new(), &account(), || false).unwrap()
}

fn texts(page: &Document, selector: &str) -> Vec<String> {
    let chosen = Chosen::By(Selector::parse(selector));
    let found = find(page, &[ROOT], &chosen, || false).unwrap();
    found.into_iter().map(|it| page.text(it)).collect()
}

#[test]
fn a_page_is_written_as_it_was_read() {
    let source =
        "<!DOCTYPE html><html><head></head><body><p a=\"1\">x<!-- y --></p><br/></body></html>";
    assert_eq!(page(source).inner(ROOT).unwrap(), source);
}

#[test]
fn what_a_select_cannot_hold_is_left_out() {
    let page = page("<select><p>a<b>b<option>c</select><p>d");
    assert_eq!(
        page.inner(ROOT).unwrap(),
        "<html><head></head><body><select>ab<option>c</option></select><p>d</p></body></html>"
    );
}

#[test]
fn selectors_mean_what_they_say() {
    let page = page("<ul><li>1<li class=x>2<li>3</ul><p>Four <b>five</b></p>");
    assert_eq!(texts(&page, "li:nth-child(odd)"), ["1", "3"]);
    assert_eq!(
        texts(&page, "li.x + li, p:contains(\"FIVE\") > b"),
        ["3", "five"]
    );
    assert_eq!(texts(&page, "p:has(b)"), ["Four five"]);
    assert_eq!(texts(&page, "li:not(.x)"), ["1", "3"]);
    for none in ["", "li:eq(1)", "> li", "li,", "[a", "::before"] {
        assert_eq!(texts(&page, none), [""; 0], "{none}");
    }
}

#[test]
fn a_selector_that_cannot_hold_is_given_up_soon() {
    // Each descendant may be found in many ways; trying all of them would take years.
    let page = page(&"<div>".repeat(500));
    let selector = format!("p {}", "div ".repeat(200));
    assert_eq!(texts(&page, &selector), [""; 0]);
}

#[test]
fn selectors_are_no_way_to_use_up_the_stack() {
    for (open, close) in [(":not(", ")"), (":has(", ")"), ("p > ", "")] {
        let selector = format!("{}p{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(texts(&page("<p>x"), &selector), [""; 0]);
    }
}

#[test]
fn a_page_that_is_too_deep_is_refused() {
    let deep = |source: String| parse(&source, String::new(), &account(), || false).err();
    for one in [
        "<div>",
        "<b a=",
        "<svg>",
        "<table><td>",
        "<p><b>",
        "<ul><li>",
        "<select><option>",
        "<template>",
    ] {
        let source: String = (0..1_000_000)
            .map(|it| match one.strip_suffix('=') {
                Some(start) => format!("{start}={it}>"),
                None => one.to_owned(),
            })
            .take(200_000)
            .collect();
        let broken = deep(source);
        // What closes itself, or is dropped, is not deep.
        assert_ne!(broken, Some(Broken::Stopped), "{one}");
    }
    assert_eq!(deep("<div>".repeat(1_000_000)), Some(Broken::TooDeep));
    assert_eq!(deep("<div>".repeat(1_000)), None);
}

#[test]
fn a_page_is_paid_for_and_given_back() {
    let account = Account::new(1 << 20);
    let small = parse(&"<p>x</p>".repeat(1_000), String::new(), &account, || false).unwrap();
    let held = account.held();
    assert!((100_000..500_000).contains(&held), "{held}");
    let large = parse(&"<p>x</p>".repeat(10_000), String::new(), &account, || {
        false
    });
    assert_eq!(large.err(), Some(Broken::TooLarge));
    let text = parse(&"x".repeat(2 << 20), String::new(), &account, || false);
    assert_eq!(text.err(), Some(Broken::TooLarge));
    // The formatting of each paragraph is opened again in the next one.
    let bold: Vec<String> = (0..400).map(|it| format!("<b a={it}>")).collect();
    let spread = parse(
        &(bold.concat() + &"<p>x</p>".repeat(5_000)),
        String::new(),
        &account,
        || false,
    );
    assert_eq!(spread.err(), Some(Broken::TooLarge));
    assert_eq!(account.held(), held);
    drop(small);
    assert_eq!(account.held(), 0);
}

#[test]
fn who_waits_no_longer_stops_a_page() {
    let stopped = parse(&"<p>".repeat(100_000), String::new(), &account(), || true);
    assert_eq!(stopped.err(), Some(Broken::Stopped));
}

#[test]
fn addresses_are_read_in_their_page() {
    let part = |base: &str, link: &str| {
        let address = Address::within(base, link, None).unwrap();
        format!(
            "{} {} {} {}",
            address.scheme, address.host, address.path, address.query
        )
    };
    assert_eq!(part("http://h:1/a/b?c", "d?e"), "http h:1 /a/d e");
    assert_eq!(part("http://h:1/a/b?c", "#f"), "http h:1 /a/b c");
    assert_eq!(part("http://h:1/a/b", "//i/../j"), "http i /j ");
    assert_eq!(part("", "mailto:x@y"), "mailto   ");
    let text = |link: &str| {
        Address::within("http://h/a/b?c#d", link, Some("q=1"))
            .unwrap()
            .text
    };
    assert_eq!(text("x y/ä#e f"), "http://h/a/x%20y/%C3%A4?q=1#e%20f");
    assert_eq!(text("x?old"), "http://h/a/x?q=1");
    assert_eq!(Address::within("", "http://%zz/", None), None);
}

#[test]
fn relatives_of_many_are_found_in_one_pass() {
    // Looking through all siblings of each would be ten thousand million steps.
    let page = page(&format!("<ul>{}</ul><p>", "<li>x".repeat(100_000)));
    let chosen = Chosen::By(Selector::parse("li"));
    let items = find(&page, &[ROOT], &chosen, || false).unwrap();
    let count = |relation| related(&page, &items, relation, None).len();
    assert_eq!(count(Relation::Siblings), 100_000);
    assert_eq!(count(Relation::NextAll), 99_999);
    assert_eq!(count(Relation::PreviousAll), 99_999);
    assert_eq!(count(Relation::Parents), 3);
    let one = related(&page, &items[..1], Relation::Siblings, None);
    assert_eq!(one.len(), 99_999);
}
