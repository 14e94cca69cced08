//! Values named by a marker, changed in any text.

use crate::{
    address::{NewValue, Version, join_reference, split_reference},
    edit::{Changed, Edit, Found, only_one},
    error::EditError,
    find::Role,
    marker::{self, Marked},
    yaml::{
        self,
        respell::{Splice, splice},
    },
};

/// Returns a marked value as it stands.
pub(super) fn found(text: &str, name: &str, marked: &Marked) -> Found {
    let value = &text[marked.range.clone()];
    let (repository, version) = match marked.role {
        Role::Reference => split_reference(value)
            .map_or((None, Version::default()), |(name, version)| {
                (Some(name.to_owned()), version)
            }),
        Role::Digest => (
            None,
            Version {
                tag: String::new(),
                digest: Some(value.to_owned()),
            },
        ),
        Role::Version => (None, Version::of(value)),
    };
    Found {
        path: format!("marker {name}"),
        line: marked.place.line,
        column: marked.place.column,
        repository,
        version,
        text: value.to_owned(),
    }
}

/// Changes the values with the marker `name`, and reads them again to prove it.
pub(super) fn apply(
    text: &str,
    edit: &Edit,
    name: &str,
) -> Result<(String, Vec<Changed>), EditError> {
    let hits = marker::find(text, name)?;
    only_one(edit, &hits, |it| it.place)?;
    let mut splices = Vec::new();
    let mut values = Vec::new();
    for marked in &hits {
        let it = found(text, name, marked);
        let new = it.version.becoming(&edit.value);
        let value = match (&edit.value, marked.role, &it.repository) {
            (NewValue::Text(text), ..) => text.clone(),
            (_, Role::Reference, Some(repository)) => join_reference(repository, &new),
            (_, Role::Digest, _) => new.digest.clone().unwrap_or_else(|| it.text.clone()),
            _ => new.to_string(),
        };
        if value != it.text {
            let value = &value;
            splices.push(Splice {
                range: marked.range.clone(),
                with: marked.respell(value)?,
            });
        }
        values.push(Changed {
            path: it.path,
            line: it.line,
            column: it.column,
            repository: it.repository,
            old: it.version.to_string(),
            new: new.to_string(),
            changed: value != it.text,
        });
    }
    let changed = splice(text, &splices);
    // The same proof as for YAML: read again, every marked value says what was wanted.
    let after = marker::find(&changed, name)?;
    let says: Vec<String> = after
        .iter()
        .map(|it| found(&changed, name, it).version.to_string())
        .collect();
    let wanted: Vec<String> = values.iter().map(|it| it.new.clone()).collect();
    if says != wanted {
        return Err(EditError::Unproven {
            reason: format!("the marked lines would say {says:?}"),
        });
    }
    // In a YAML file the marked line must also still mean the same to YAML, but for the value.
    if let (Ok(before), Ok(after)) = (yaml::scan(text), yaml::scan(&changed))
        && before.shapes.len() != after.shapes.len()
    {
        return Err(EditError::Unproven {
            reason: "the result has another structure".to_owned(),
        });
    }
    Ok((changed, values))
}
