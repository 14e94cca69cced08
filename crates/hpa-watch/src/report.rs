//! Writes a recording as a page, pictures, a table or test results.

use std::path::{Path, PathBuf};

use autoscaleops_core::{Failure, Report, Subject, Verdict, file};

use crate::{
    chart::{self, Theme},
    details::{Details, Written},
    expectation::{Evidence, ExpectationArgs, Expectations},
    export, recording,
    timeline::Timeline,
};

/// Options of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// Recording
    pub file: PathBuf,

    /// Autoscaler, where the recording is of several
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Page to write, with the chart and the data in it
    #[arg(long, value_name = "PATH")]
    pub html: Option<PathBuf>,

    /// Picture to write
    #[arg(long, value_name = "PATH")]
    pub svg: Option<PathBuf>,

    /// Picture to write
    #[arg(long, value_name = "PATH")]
    pub png: Option<PathBuf>,

    /// Table to write
    #[arg(long, value_name = "PATH")]
    pub csv: Option<PathBuf>,

    /// Test results to write, for the expectations given
    #[arg(long, value_name = "PATH")]
    pub junit: Option<PathBuf>,

    /// Width of the pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 960, value_parser = clap::value_parser!(u16).range(320..=4000))]
    pub width: u16,

    /// Make the picture of `--png` dark
    #[arg(long)]
    pub dark: bool,

    #[command(flatten)]
    pub(crate) expectations: ExpectationArgs,
}

/// Runs `report`.
///
/// # Errors
///
/// Fails when the recording cannot be read or a file cannot be written.
pub fn run(args: &ReportArgs, expectations: &Expectations) -> anyhow::Result<Report<Details>> {
    let lines = recording::read(&args.file)?;
    let timeline = Timeline::of(&lines, args.name.as_deref())?;
    if timeline.points.is_empty() {
        return Err(
            Failure::undecided("empty", "the recording has seen no autoscaler")
                .at(&args.file, 0, 0)
                .into(),
        );
    }
    let outcomes = expectations.judge(&timeline, Evidence::Complete);
    let path = timeline.path();
    let seconds = timeline.seconds(timeline.end);
    let width = f64::from(args.width);
    let mut files = Vec::new();
    let mut put = |path: &Option<PathBuf>, bytes: &dyn Fn() -> anyhow::Result<Vec<u8>>| {
        let Some(path) = path else {
            return Ok(());
        };
        write(path, &bytes()?)?;
        files.push(path.display().to_string());
        anyhow::Ok(())
    };
    put(&args.html, &|| {
        let text = std::fs::read_to_string(&args.file).unwrap_or_default();
        Ok(export::html(&timeline, &outcomes, &text).into_bytes())
    })?;
    put(&args.svg, &|| {
        Ok(chart::svg(&timeline, width, Theme::Auto).into_bytes())
    })?;
    put(&args.png, &|| {
        let theme = if args.dark { Theme::Dark } else { Theme::Light };
        Ok(export::png(&timeline, width, theme)?)
    })?;
    put(&args.csv, &|| Ok(export::csv(&timeline).into_bytes()))?;
    put(&args.junit, &|| {
        Ok(export::junit(&timeline.hpa, &path, seconds, &outcomes).into_bytes())
    })?;
    let summary = format!("{} went {path} in {seconds:.0} s", timeline.hpa);
    let details = Written {
        path: path.clone(),
        story: export::story(&timeline),
        files,
    };
    Ok(
        Report::new(Verdict::Pass, summary, Details::Written(details))
            .subject(Subject::new("hpa", timeline.hpa.clone()))
            .output("path", path)
            .output("reversals", timeline.reversals()),
    )
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    file::replace(path, bytes).map_err(|err| Failure::error("io", err.to_string()))
}
