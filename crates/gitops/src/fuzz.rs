//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use std::path::Path;

use crate::{Address, Edit, KeyPath, NewValue, apply, hold_on, inner_path, look};

pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    // The first line is the address, the second the new value, the rest the file.
    let mut parts = rest.splitn(3, |it| *it == b'\n');
    let address = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let value = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let content = parts.next().unwrap_or_default();
    match which.to_ascii_lowercase().wrapping_sub(b'a') % 6 {
        0 => {
            if let Ok(path) = address.parse::<KeyPath>() {
                edit(&Address::Path(path), &value, content);
            }
        }
        1 => edit(&Address::Image(address.into_owned()), &value, content),
        2 => edit(&Address::Marker(address.into_owned()), &value, content),
        3 => {
            let text = String::from_utf8_lossy(content);
            for line in 0..text.lines().count().min(50) + 2 {
                let _ = hold_on(&text, line);
            }
        }
        4 => {
            if let Ok(path) = inner_path(Path::new(&*address)) {
                assert!(
                    !path.starts_with('/') && !path.split('/').any(|it| it == ".."),
                    "{path}"
                );
                assert!(
                    !path.split('/').any(|it| it.eq_ignore_ascii_case(".git")),
                    "{path}"
                );
            }
        }
        _ => {
            if let Ok(path) = address.parse::<KeyPath>() {
                assert_eq!(path.to_string().parse::<KeyPath>().ok(), Some(path));
            }
        }
    }
}

/// What an edit changes is read back as it was meant, the lines around it are as they were, and the
/// same again changes nothing.
fn edit(address: &Address, value: &str, content: &[u8]) {
    let before = look(content, address, None);
    let new = match value.parse() {
        Ok(tag) => NewValue::tag(tag),
        Err(_) => NewValue::Text(value.to_owned()),
    };
    // A text may make a template of the value, or another image than the one that is looked for.
    let is_foreign = matches!(new, NewValue::Text(_)) && matches!(address, Address::Image(_));
    let edit = Edit::new(address.clone(), new);
    let Ok(edited) = apply(content, std::slice::from_ref(&edit)) else {
        return;
    };
    assert!(before.is_ok(), "an edit of what cannot be found");
    let lines = |it: &[u8]| it.split(|it| *it == b'\n').count();
    if !content.contains(&b'|') && !content.contains(&b'>') && edited.values.len() == 1 {
        let (old, new) = (lines(content), lines(&edited.content));
        assert!(new <= old, "an edit of one value added {} lines", new - old);
    }
    if is_foreign || value.contains("{{") {
        return;
    }
    assert!(
        look(&edited.content, address, None).is_ok(),
        "the changed value is not found again"
    );
    let again = apply(&edited.content, &[edit]);
    match again {
        Ok(again) => assert_eq!(
            String::from_utf8_lossy(&again.content),
            String::from_utf8_lossy(&edited.content)
        ),
        Err(err) => panic!("the same edit again: {err}"),
    }
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("edit", |first| !first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
