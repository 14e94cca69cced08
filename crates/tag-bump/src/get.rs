//! Prints what a file says now.

use std::path::Path;

use autoscaleops_core::{Failure, Report};
use autoscaleops_gitops::{Changed, look};

use crate::{
    bump::read,
    details::{BumpDetails, Place},
    order::{AddressArgs, address_of},
};

/// Returns the current value.
pub(crate) fn get(file: &Path, args: &AddressArgs) -> Result<Report<BumpDetails>, Failure> {
    let address = address_of(args, args.image.clone())?;
    let content = read(file)?;
    let found = look(&content, &address, args.document).map_err(|err| err.failure(file))?;
    if found.len() > 1 && !args.all {
        let err = autoscaleops_gitops::EditError::Ambiguous {
            what: address.to_string(),
            places: found
                .iter()
                .map(|it| autoscaleops_gitops::Place {
                    line: it.line,
                    column: it.column,
                })
                .collect(),
        };
        return Err(err.failure(file));
    }
    let values = found
        .into_iter()
        .map(|it| Changed {
            path: it.path,
            line: it.line,
            column: it.column,
            repository: it.repository,
            old: it.version.to_string(),
            new: it.version.to_string(),
            changed: false,
        })
        .collect();
    let details = BumpDetails {
        place: Place::Nowhere,
        ..BumpDetails::in_place(&file.display().to_string(), None, values, String::new())
    };
    let mut report = details.report();
    report.summary = match report.details.values.first() {
        Some(it) => format!("{}: {} is {}", it.file, it.value.path, it.value.new),
        None => String::new(),
    };
    Ok(report)
}
