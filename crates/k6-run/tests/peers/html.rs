//! `k6/html` on both engines: what scripts read of pages is the same.

use autoscaleops_testkit::peer;

use super::{Told, alike, scripts, server, wanted};

#[test]
fn both_engines_read_pages_alike() {
    let Some(k6) = peer("k6") else { return };
    let told = Told::base(&server::start());
    let count = alike(&k6, scripts("tests/peers/k6/html"), |_| &told);
    assert!(wanted().is_some() || count >= 12, "only {count} scripts");
}
