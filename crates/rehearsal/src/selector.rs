//! Label and field selectors.

use serde_json::Value;

use crate::{
    error::{ApiError, ApiResult},
    store::Stored,
    value::{list, text, texts},
};

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Requirement {
    fn holds(&self, labels: &[(String, String)]) -> bool {
        let find = |key: &str| labels.iter().find(|it| it.0 == key).map(|it| &it.1);
        match self {
            Self::In(key, values) => find(key).is_some_and(|it| values.contains(it)),
            Self::NotIn(key, values) => find(key).is_none_or(|it| !values.contains(it)),
            Self::Exists(key) => find(key).is_some(),
            Self::Missing(key) => find(key).is_none(),
        }
    }
}

/// Which objects a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    /// A path of fields, whether it must be equal, and the value.
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// Reads the two texts of a request.
    ///
    /// # Errors
    ///
    /// Fails when one of them is malformed.
    pub(crate) fn parse(labels: &str, fields: &str) -> ApiResult<Self> {
        let labels = split(labels)
            .into_iter()
            .map(|it| requirement(it.trim()))
            .collect::<ApiResult<_>>()?;
        let fields = fields
            .split(',')
            .filter(|it| !it.is_empty())
            .map(|it| {
                if let Some((path, value)) = it.split_once("!=") {
                    Ok((path.to_owned(), false, value.to_owned()))
                } else if let Some((path, value)) = it.split_once('=') {
                    let value = value.strip_prefix('=').unwrap_or(value);
                    Ok((path.to_owned(), true, value.to_owned()))
                } else {
                    Err(ApiError::bad_request(format!(
                        "invalid field selector: {it}"
                    )))
                }
            })
            .collect::<ApiResult<_>>()?;
        Ok(Self { labels, fields })
    }

    /// Returns the name when the request asks for one object by it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields
            .iter()
            .find(|it| it.0 == "metadata.name" && it.1)
            .map(|it| it.2.as_str())
    }

    /// Returns whether an object is asked for.
    pub(crate) fn matches(&self, stored: &Stored) -> bool {
        if !self.labels.iter().all(|it| it.holds(&stored.labels)) {
            return false;
        }
        let mut value = None;
        self.fields.iter().all(|(path, equal, wanted)| {
            let found = match path.as_str() {
                "metadata.name" => stored.name.clone(),
                "metadata.namespace" => stored.namespace.clone(),
                _ => {
                    let value = value.get_or_insert_with(|| stored.value());
                    match value.pointer(&format!("/{}", path.replace('.', "/"))) {
                        Some(Value::String(text)) => text.clone(),
                        Some(Value::Null) | None => String::new(),
                        Some(other) => other.to_string(),
                    }
                }
            };
            (found == *wanted) == *equal
        })
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|it| !it.trim().is_empty());
    parts
}

fn requirement(text: &str) -> ApiResult<Requirement> {
    let owned = |it: &str| it.trim().to_owned();
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Missing(owned(key)));
    }
    if let Some(values) = text.strip_suffix(')')
        && let Some((head, values)) = values.split_once('(')
    {
        let values = values.split(',').map(owned).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next()) {
            (Some(key), Some("in")) => Ok(Requirement::In(key.to_owned(), values)),
            (Some(key), Some("notin")) => Ok(Requirement::NotIn(key.to_owned(), values)),
            _ => Err(ApiError::bad_request(format!(
                "unable to parse requirement: {text}"
            ))),
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(owned(key), vec![owned(value)]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok(Requirement::In(owned(key), vec![owned(value)]));
    }
    Ok(Requirement::Exists(owned(text)))
}

/// Returns whether labels match a selector as objects hold it: `matchLabels` and
/// `matchExpressions`, or a plain map as in a service.
pub(crate) fn matches_object(selector: &Value, labels: &[(String, String)]) -> bool {
    from_object(selector).iter().all(|it| it.holds(labels))
}

fn from_object(selector: &Value) -> Vec<Requirement> {
    let is_plain =
        selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
    let labels = texts(selector, if is_plain { "" } else { "/matchLabels" });
    let mut requirements: Vec<Requirement> = labels
        .into_iter()
        .map(|(key, value)| Requirement::In(key, vec![value]))
        .collect();
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key").to_owned();
        let values = list(expression, "/values")
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect();
        requirements.push(match text(expression, "/operator") {
            "NotIn" => Requirement::NotIn(key, values),
            "Exists" => Requirement::Exists(key),
            "DoesNotExist" => Requirement::Missing(key),
            _ => Requirement::In(key, values),
        });
    }
    requirements
}

/// Returns a selector of an object as the text that requests carry.
pub(crate) fn to_text(selector: &Value) -> String {
    let parts: Vec<String> = from_object(selector)
        .into_iter()
        .map(|it| match it {
            Requirement::In(key, values) if values.len() == 1 => format!("{key}={}", values[0]),
            Requirement::In(key, values) => format!("{key} in ({})", values.join(",")),
            Requirement::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
            Requirement::Exists(key) => key,
            Requirement::Missing(key) => format!("!{key}"),
        })
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: Vec<_> = labels
            .iter()
            .map(|it| (it.0.to_owned(), it.1.to_owned()))
            .collect();
        Selector::parse(selector, "")
            .unwrap()
            .labels
            .iter()
            .all(|it| it.holds(&labels))
    }

    #[test]
    fn label_selectors_are_read_in_every_form() {
        let labels = [("app", "shop"), ("tier", "web")];
        for selector in [
            "app=shop",
            "app==shop,tier!=db",
            "app in (shop, x),tier",
            "!gone",
            "tier notin (db)",
            "",
        ] {
            assert!(holds(selector, &labels), "{selector}");
        }
        for selector in [
            "app=x",
            "app!=shop",
            "app in (x,y)",
            "gone",
            "!app",
            "tier notin (db,web)",
        ] {
            assert!(!holds(selector, &labels), "{selector}");
        }
    }

    #[test]
    fn a_field_selector_without_a_sign_is_an_error() {
        assert!(Selector::parse("", "metadata.name").is_err());
        assert_eq!(
            Selector::parse("", "metadata.name=a").unwrap().name(),
            Some("a")
        );
    }

    #[test]
    fn selectors_of_objects_and_texts_agree() {
        let selector = json!({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "In", "values": ["x", "y"]}]});
        assert_eq!(to_text(&selector), "a=1,b in (x,y)");
        assert_eq!(to_text(&json!({"app": "web"})), "app=web");
    }
}
