//! The selectors of `response.json(…)`: paths such as `users.#(age>30).name`.
//!
//! The syntax is that of GJSON (<https://github.com/tidwall/gjson/blob/master/SYNTAX.md>): keys with
//! wildcards, places in arrays, queries, pipes, modifiers and several paths at once.

use serde_json::{Map, Value};

/// How deep a path may be nested.
const DEPTH: usize = 64;

/// Returns what `path` leads to.
pub(super) fn select(value: &Value, path: &str) -> Option<Value> {
    get(value, path, DEPTH)
}

fn get(value: &Value, path: &str, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match path.chars().next()? {
        '@' => modify(value, path, depth),
        '{' | '[' => several(value, path, depth),
        _ => step(value, path, depth),
    }
}

/// Goes on behind a result: `rest` is empty or begins with `.` or `|`.
fn behind(value: Option<Value>, rest: &str, depth: usize) -> Option<Value> {
    let value = value?;
    match rest.get(1..) {
        Some(rest) => get(&value, rest, depth),
        None => Some(value),
    }
}

/// Returns where the first of `ends` stands outside of brackets, texts and escapes.
fn find(text: &str, ends: &[char]) -> Option<usize> {
    let (mut level, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == '"' {
            quoted = !quoted;
        } else if !quoted {
            if level == 0 && ends.contains(&letter) {
                return Some(at);
            }
            match letter {
                '(' | '[' | '{' => level += 1,
                ')' | ']' | '}' => level = level.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

/// Takes one step into an object or an array.
fn step(value: &Value, path: &str, depth: usize) -> Option<Value> {
    // In a key, brackets and quotation marks are letters like others.
    let end = if path.starts_with('#') {
        find(path, &['.', '|'])
    } else {
        key_end(path)
    };
    let (name, rest) = path.split_at(end.unwrap_or(path.len()));
    match value {
        Value::Object(map) => {
            let found = if name.contains(['*', '?']) {
                map.iter().find(|it| fits(it.0, name)).map(|it| it.1)
            } else {
                map.get(&plain(name))
            };
            behind(found.cloned(), rest, depth)
        }
        Value::Array(list) if name == "#" => match rest.strip_prefix('.') {
            Some(rest) => each(list.iter(), rest, depth),
            None => behind(Some(Value::from(list.len())), rest, depth),
        },
        Value::Array(list) if name.starts_with("#(") => {
            let query = name.strip_prefix("#(")?;
            let (query, all) = match query.strip_suffix(")#") {
                Some(query) => (query, true),
                None => (query.strip_suffix(')')?, false),
            };
            let mut found = list.iter().filter(|it| holds(it, query, depth));
            if !all {
                return behind(found.next().cloned(), rest, depth);
            }
            match rest.strip_prefix('.') {
                Some(rest) => each(found, rest, depth),
                None => behind(Some(found.cloned().collect()), rest, depth),
            }
        }
        Value::Array(list) => behind(list.get(name.parse::<usize>().ok()?).cloned(), rest, depth),
        _ => None,
    }
}

/// Returns where the key ends that a path begins with.
fn key_end(path: &str) -> Option<usize> {
    let mut escaped = false;
    path.char_indices().find_map(|(at, letter)| {
        let ends = !escaped && matches!(letter, '.' | '|');
        escaped = !escaped && letter == '\\';
        ends.then_some(at)
    })
}

/// Goes on in each element, up to the next pipe, which takes them all.
fn each<'a>(list: impl Iterator<Item = &'a Value>, path: &str, depth: usize) -> Option<Value> {
    let (inner, rest) = path.split_at(find(path, &['|']).unwrap_or(path.len()));
    let all = list.filter_map(|it| get(it, inner, depth)).collect();
    behind(Some(all), rest, depth)
}

/// Returns a key without its escapes.
fn plain(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        key.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    key
}

/// Returns whether `text` fits a pattern, in which `*` is anything and `?` any one letter.
fn fits(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut letters = pattern.chars();
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '\\' => (letters.next().unwrap_or('\\'), false),
            other => (other, matches!(other, '*' | '?')),
        });
    }
    // The last `*`, and the text that it has taken so far: goes back there and nowhere else.
    let (mut at, mut place, mut star) = (0, 0, None);
    while at < text.len() {
        match parts.get(place) {
            Some(('*', true)) => {
                star = Some((place, at));
                place += 1;
            }
            Some(('?', true)) => (at, place) = (at + 1, place + 1),
            Some((letter, false)) if *letter == text[at] => (at, place) = (at + 1, place + 1),
            _ => {
                let Some((before, taken)) = star else {
                    return false;
                };
                star = Some((before, taken + 1));
                (at, place) = (taken + 1, before + 1);
            }
        }
    }
    parts[place..].iter().all(|it| *it == ('*', true))
}

const OPERATORS: [&str; 9] = ["==", "!=", "<=", ">=", "!%", "=", "<", ">", "%"];

/// Returns whether an element is one that a query asks for: `age>30`, `name%"J*"`, `name`.
fn holds(element: &Value, query: &str, depth: usize) -> bool {
    let at = find(query, &['=', '!', '<', '>', '%']);
    let (path, rest) = query.split_at(at.unwrap_or(query.len()));
    let path = path.trim();
    let found = if path.is_empty() {
        Some(element.clone())
    } else {
        get(element, path, depth)
    };
    let Some(found) = found else {
        return false;
    };
    let Some(operator) = OPERATORS.iter().find(|it| rest.starts_with(**it)) else {
        return true;
    };
    let wanted = rest[operator.len()..].trim();
    let ordered = |order: Option<std::cmp::Ordering>| match *operator {
        "=" | "==" => order.is_some_and(std::cmp::Ordering::is_eq),
        "!=" => !order.is_some_and(std::cmp::Ordering::is_eq),
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
        _ => false,
    };
    match &found {
        Value::String(text) => {
            let quoted = serde_json::from_str::<String>(wanted);
            let wanted = quoted.unwrap_or_else(|_| wanted.to_owned());
            match *operator {
                "%" => fits(text, &wanted),
                "!%" => !fits(text, &wanted),
                _ => ordered(Some(text.as_str().cmp(&wanted))),
            }
        }
        Value::Number(number) => {
            let wanted: Option<f64> = wanted.parse().ok();
            wanted.is_some_and(|it| ordered(number.as_f64().and_then(|one| one.partial_cmp(&it))))
        }
        Value::Bool(is) => ordered(wanted.parse::<bool>().ok().map(|it| is.cmp(&it))),
        Value::Null => ordered((wanted == "null").then_some(std::cmp::Ordering::Equal)),
        _ => false,
    }
}

/// Applies a modifier: `@reverse`, `@flatten:{"deep":true}`.
fn modify(value: &Value, path: &str, depth: usize) -> Option<Value> {
    let end = path.find(['.', '|', ':']).unwrap_or(path.len());
    let (name, mut rest) = path.split_at(end);
    let mut argument = Value::Null;
    if let Some(given) = rest.strip_prefix(':') {
        let (text, behind) = given.split_at(find(given, &['.', '|']).unwrap_or(given.len()));
        argument = serde_json::from_str(text).unwrap_or(Value::Null);
        rest = behind;
    }
    let made = match (name, value) {
        ("@reverse", Value::Array(list)) => list.iter().rev().cloned().collect(),
        ("@reverse", Value::Object(map)) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, one)| (key.clone(), one.clone()))
                .collect();
            Value::Object(pairs.into_iter().rev().collect())
        }
        ("@keys", Value::Object(map)) => map.keys().cloned().map(Value::from).collect(),
        ("@values", Value::Object(map)) => map.values().cloned().collect(),
        ("@keys", Value::Array(list)) => list.iter().map(|_| Value::Null).collect(),
        ("@flatten", Value::Array(list)) => {
            Value::Array(flat(list, argument["deep"] == Value::Bool(true), depth))
        }
        ("@join", Value::Array(list)) => {
            let maps = list.iter().filter_map(Value::as_object);
            let pairs = maps.flat_map(|it| it.iter().map(|(key, one)| (key.clone(), one.clone())));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        ("@tostr", value) => Value::from(value.to_string()),
        ("@fromstr", Value::String(text)) => serde_json::from_str(text).ok()?,
        // What a modifier has no meaning for is left as it is.
        (
            "@this" | "@valid" | "@ugly" | "@pretty" | "@reverse" | "@values" | "@flatten"
            | "@join",
            value,
        ) => value.clone(),
        _ => return None,
    };
    behind(Some(made), rest, depth)
}

fn flat(list: &[Value], deep: bool, depth: usize) -> Vec<Value> {
    let mut all = Vec::new();
    for one in list {
        match one {
            Value::Array(inner) if deep && depth > 0 => all.extend(flat(inner, true, depth - 1)),
            Value::Array(inner) => all.extend(inner.iter().cloned()),
            other => all.push(other.clone()),
        }
    }
    all
}

/// Makes an object or an array of what several paths lead to: `{name,years:age}`, `[name,age]`.
fn several(value: &Value, path: &str, depth: usize) -> Option<Value> {
    let is_object = path.starts_with('{');
    let inner = &path[1..];
    let end = find(inner, &[if is_object { '}' } else { ']' }])?;
    let (mut inner, rest) = (&inner[..end], &inner[end + 1..]);
    let (mut map, mut list) = (Map::new(), Vec::new());
    while !inner.is_empty() {
        let (one, others) = inner.split_at(find(inner, &[',']).unwrap_or(inner.len()));
        inner = others.get(1..).unwrap_or_default();
        let (name, path) = match find(one, &[':']).filter(|_| is_object && !one.starts_with('@')) {
            Some(at) => (Some(one[..at].trim_matches('"')), &one[at + 1..]),
            None => (None, one),
        };
        let Some(found) = get(value, path.trim(), depth) else {
            continue;
        };
        if is_object {
            let end = path.rsplit(['.', '|']).next().unwrap_or(path);
            map.insert(name.unwrap_or(end).to_owned(), found);
        } else {
            list.push(found);
        }
    }
    let made = if is_object {
        Value::Object(map)
    } else {
        Value::Array(list)
    };
    if rest.is_empty() || rest.starts_with(['.', '|']) {
        behind(Some(made), rest, depth)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn people() -> Value {
        json!({
            "name": {"first": "Tom", "last": "Anderson"},
            "age": 37,
            "children": ["Sara", "Alex", "Jack"],
            "fav.movie": "Deer Hunter",
            "friends": [
                {"first": "Dale", "last": "Murphy", "age": 44, "nets": ["ig", "fb", "tw"]},
                {"first": "Roger", "last": "Craig", "age": 68, "nets": ["fb", "tw"]},
                {"first": "Jane", "last": "Murphy", "age": 47, "nets": ["ig", "tw"]},
            ],
            "is": true, "none": null,
        })
    }

    #[test]
    fn a_path_leads_where_its_syntax_says() {
        let value = people();
        for (path, wanted) in [
            ("name.last", json!("Anderson")),
            ("age", json!(37)),
            ("children.1", json!("Alex")),
            ("children.#", json!(3)),
            ("child*.2", json!("Jack")),
            ("c?ildren.0", json!("Sara")),
            ("fav\\.movie", json!("Deer Hunter")),
            ("friends.#.first", json!(["Dale", "Roger", "Jane"])),
            ("friends.1.last", json!("Craig")),
            ("friends.#(last==\"Murphy\").first", json!("Dale")),
            (
                "friends.#(last==\"Murphy\")#.first",
                json!(["Dale", "Jane"]),
            ),
            ("friends.#(age>45)#.last", json!(["Craig", "Murphy"])),
            ("friends.#(first%\"D*\").last", json!("Murphy")),
            ("friends.#(first!%\"D*\").last", json!("Craig")),
            (
                "friends.#(nets.#(==\"fb\"))#.first",
                json!(["Dale", "Roger"]),
            ),
            ("friends.#(age>=44)#|#", json!(3)),
            ("friends.#.first|0", json!("Dale")),
            ("friends.#(missing)#", json!([])),
            ("children|@reverse", json!(["Jack", "Alex", "Sara"])),
            ("children.@reverse.0", json!("Jack")),
            ("name.@keys", json!(["first", "last"])),
            ("name.@values|1", json!("Anderson")),
            ("{age,who:name.first}", json!({"age": 37, "who": "Tom"})),
            ("[age,name.first].1", json!("Tom")),
            ("friends.#.nets|@flatten|#", json!(7)),
            ("children.#(>\"B\")", json!("Sara")),
            ("is", json!(true)),
            ("none", Value::Null),
            ("@this.age", json!(37)),
            ("@this|children|0", json!("Sara")),
        ] {
            assert_eq!(select(&value, path), Some(wanted), "{path}");
        }
        for path in [
            "",
            "nope",
            "age.x",
            "children.9",
            "children.-1",
            "friends.#(",
            "{age",
            "@nothing",
            "friends.#(age>x).first",
        ] {
            assert_eq!(select(&value, path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_breaks_it(path in "[a-z.|#()*?@\\\\{}\\[\\]:,\"=<>!%0-9~é]{0,40}") {
            let _ = select(&people(), &path);
        }

        #[test]
        fn any_key_is_found_by_its_escaped_name(key in "[a-z.|*?\\\\#@]{1,8}") {
            let escaped: String = key.chars().flat_map(|it| ['\\', it]).collect();
            let mut map = Map::new();
            map.insert(key, json!(1));
            prop_assert_eq!(select(&Value::Object(map), &escaped), Some(json!(1)));
        }
    }
}
