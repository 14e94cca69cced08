//! What a page, a selector and an address may be, for scripts/fuzz.sh: a selector on the first line, a page on the rest.

use super::{Account, Address, Chosen, Kind, ROOT, Relation, Selector, find, parse, related};

pub(crate) fn fuzz(text: &str) {
    let (selector, source) = text.split_once('\n').unwrap_or(("*", text));
    let account = Account::new(64 << 20);
    let Ok(page) = parse(source, String::new(), &account, || false) else {
        return;
    };
    // Each node is in one place, and whoever is next to it knows it.
    let mut count = 0;
    for id in page.descendants(ROOT) {
        count += 1;
        assert_eq!(
            page.next(id).and_then(|it| page.previous(it)),
            page.next(id).map(|_| id)
        );
        let parent = page.parent(id);
        assert!(page.previous(id).is_some() || parent.and_then(|it| page.first(it)) == Some(id));
        assert!(page.next(id).is_some() || parent.and_then(|it| page.last(it)) == Some(id));
        if let Kind::Element(element) = page.kind(id) {
            for (_, value) in element.attributes() {
                let _ = Address::within("http://h.example/a/b", value, None);
            }
        }
    }
    let selector = Selector::parse(selector);
    let found = find(&page, &[ROOT], &Chosen::By(selector), || false).unwrap_or_default();
    assert!(found.len() <= count, "{} of {count}", found.len());
    for relation in [
        Relation::Children,
        Relation::Parents,
        Relation::NextAll,
        Relation::PreviousAll,
        Relation::Siblings,
    ] {
        let _ = related(&page, found.get(..20).unwrap_or(&found), relation, None);
    }
    let _ = (page.inner(ROOT), page.text(ROOT));
}
