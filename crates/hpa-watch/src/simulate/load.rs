//! The load of a simulation: a utilization per sync, or a total demand over time.

use std::path::Path;

use autoscaleops_core::Failure;
use serde_json::Value;

use crate::{recording, timeline::Timeline};

/// What a simulation plays.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// The average utilization in percent that the controller sees at each sync: exact.
    Utilization(Vec<i32>),
    /// The total demand in millicores from each second on: a model.
    Demand(Vec<(f64, f64)>),
}

impl Load {
    /// Reads a file, or an expression such as `2x2,370,123x5` (percent, a sync each) or
    /// `0:4,30:370,150:4` (seconds:millicores).
    ///
    /// # Errors
    ///
    /// Fails with the line of what cannot be read.
    pub fn read(text: &str, hpa: Option<&str>) -> Result<Self, Failure> {
        let path = Path::new(text);
        if path.is_file() {
            return Self::of_file(path, hpa);
        }
        Self::of_expression(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is neither a file nor a load"))
                .hint("a load is `2x2,370,123x5` (percent at each sync) or `0:4,30:370,150:4` (seconds:millicores)")
        })
    }

    fn of_expression(text: &str) -> Option<Self> {
        if text.contains(':') {
            let pairs: Option<Vec<(f64, f64)>> = text
                .split(',')
                .map(|pair| {
                    let (at, demand) = pair.trim().split_once(':')?;
                    Some((number(at)?, number(demand)?))
                })
                .collect();
            return pairs.filter(|pairs| ascending(pairs)).map(Self::Demand);
        }
        let mut series = Vec::new();
        for part in text.split(',') {
            let (value, times) = match part.trim().split_once(['x', '×']) {
                Some((value, times)) => (value, times.trim().parse().ok()?),
                None => (part, 1_usize),
            };
            let value: i32 = value.trim().parse().ok().filter(|value| *value >= 0)?;
            if times > 1_000_000 || series.len() > 10_000_000 {
                return None;
            }
            series.resize(series.len() + times, value);
        }
        (!series.is_empty()).then_some(Self::Utilization(series))
    }

    fn of_file(path: &Path, hpa: Option<&str>) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|err| {
            Failure::usage(format!("cannot read `{}`: {err}", path.display())).kind_of("io")
        })?;
        if text.trim_start().starts_with('{') {
            return match serde_json::from_str::<Value>(&text) {
                Ok(value) => of_json(&value).ok_or_else(|| {
                    Failure::usage("this JSON is no load").at(path, 1, 0).hint(
                        "a recording, a k6-run report or a Prometheus range-query result is one",
                    )
                }),
                Err(_) => of_recording(path, hpa),
            };
        }
        of_numbers(path, &text)
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

fn ascending(pairs: &[(f64, f64)]) -> bool {
    !pairs.is_empty() && pairs.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

/// One number a line, or `seconds,millicores` a line. A first line that is no number is a heading.
fn of_numbers(path: &Path, text: &str) -> Result<Load, Failure> {
    let problem = |line: usize, what: &str| Failure::usage(what).at(path, line, 0);
    let (mut series, mut pairs) = (Vec::new(), Vec::new());
    let mut is_first = true;
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let fields: Vec<&str> = content.split([',', ';', '\t']).map(str::trim).collect();
        let values: Option<Vec<f64>> = fields.iter().map(|field| number(field)).collect();
        match (values.as_deref(), is_first) {
            (Some([value]), _) => {
                #[expect(clippy::cast_possible_truncation, reason = "saturates")]
                series.push(value.floor() as i32);
            }
            (Some([at, demand]), _) => pairs.push((*at, *demand)),
            (None, true) => {}
            _ => {
                return Err(problem(
                    index + 1,
                    "neither one number (percent) nor two (seconds, millicores), zero or greater",
                ));
            }
        }
        is_first = false;
    }
    match (series.is_empty(), pairs.is_empty()) {
        (false, true) => Ok(Load::Utilization(series)),
        (true, false) if ascending(&pairs) => Ok(Load::Demand(pairs)),
        (true, false) => Err(problem(0, "the seconds do not rise from line to line")),
        (true, true) => Err(problem(0, "the file has no number")),
        (false, false) => Err(problem(0, "the file mixes lines of one number and of two")),
    }
}

/// The demand behind a recording: utilization times ready pods, in percent of one pod's request,
/// which stands for millicores where a request is 100m.
fn of_recording(path: &Path, hpa: Option<&str>) -> Result<Load, Failure> {
    let timeline = Timeline::of(&recording::read(path)?, hpa)?;
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for (at, point) in &timeline.points {
        let (Some(utilization), seconds) = (point.utilization, timeline.seconds(*at)) else {
            continue;
        };
        let demand =
            f64::from(utilization) * f64::from(point.ready.unwrap_or(point.current).max(1));
        match pairs.last_mut() {
            Some(last) if seconds <= last.0 => last.1 = demand,
            Some(last) if (last.1 - demand).abs() < f64::EPSILON => {}
            _ => pairs.push((seconds, demand)),
        }
    }
    if pairs.is_empty() {
        return Err(Failure::usage("the recording has no known utilization").at(path, 0, 0));
    }
    Ok(Load::Demand(pairs))
}

/// A Prometheus range-query result (cores in the first series), or a k6-run report with its rates.
fn of_json(value: &Value) -> Option<Load> {
    let series = value.pointer("/data/result/0/values")?.as_array()?;
    let mut pairs = Vec::new();
    let mut first = None;
    for pair in series {
        let at = pair.get(0)?.as_f64()?;
        let cores = number(pair.get(1)?.as_str()?)?;
        let start = *first.get_or_insert(at);
        pairs.push((at - start, cores * 1_000.0));
    }
    ascending(&pairs).then_some(Load::Demand(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_repeat_and_pair() {
        assert_eq!(
            Load::of_expression("2x2,370, 123x3"),
            Some(Load::Utilization(vec![2, 2, 370, 123, 123, 123]))
        );
        assert_eq!(
            Load::of_expression("0:4,30:370"),
            Some(Load::Demand(vec![(0.0, 4.0), (30.0, 370.0)]))
        );
        for text in ["", "a", "-1", "3:1,2:1", "1:x", "5x9999999999", "NaN:1"] {
            assert_eq!(Load::of_expression(text), None, "{text}");
        }
    }

    #[test]
    fn files_of_one_and_of_two_columns_are_told_apart() {
        let path = Path::new("load.csv");
        assert_eq!(
            of_numbers(path, "percent\n2\n\n370 # peak\n").unwrap(),
            Load::Utilization(vec![2, 370])
        );
        assert_eq!(
            of_numbers(path, "seconds,millicores\n0,4\n30.5,370\n").unwrap(),
            Load::Demand(vec![(0.0, 4.0), (30.5, 370.0)])
        );
        let failure = of_numbers(path, "2\nx\n").unwrap_err();
        assert!(failure.to_string().contains("load.csv:2"), "{failure}");
        assert!(of_numbers(path, "1\n2,3\n").is_err());
        assert!(of_numbers(path, "5,1\n5,2\n").is_err());
        assert!(of_numbers(path, "").is_err());
    }

    #[test]
    fn a_range_query_result_is_a_demand() {
        let value = serde_json::json!({"status": "success", "data": {"result": [
            {"metric": {}, "values": [[1000, "0.004"], [1015, "0.37"]]}
        ]}});
        assert_eq!(
            of_json(&value),
            Some(Load::Demand(vec![(0.0, 4.0), (15.0, 370.0)]))
        );
    }
}
