//! The load of a simulation: a utilization per sync, or a total demand over time.

use std::{collections::BTreeMap, path::Path, time::Duration};

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

/// What is known of the workload where a load is told in other units than CPU.
#[derive(Clone, Copy, Debug)]
pub struct Units<'a> {
    /// The autoscaler, where a recording is of several.
    pub hpa: Option<&'a str>,
    /// The CPU request of a pod in millicores.
    pub request: i64,
    /// The CPU time that a request of a load test takes.
    pub cpu_per_request: Option<Duration>,
}

impl Default for Units<'_> {
    fn default() -> Self {
        Self {
            hpa: None,
            request: 100,
            cpu_per_request: None,
        }
    }
}

impl Load {
    /// Reads a file, or an expression such as `2x2,370,123x5` (percent, a sync each) or
    /// `0:4,30:370,150:4` (seconds:millicores).
    ///
    /// # Errors
    ///
    /// Fails with the line of what cannot be read.
    pub fn read(text: &str, units: Units<'_>) -> Result<Self, Failure> {
        let path = Path::new(text);
        if path.is_file() {
            return Self::of_file(path, units);
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

    fn of_file(path: &Path, units: Units<'_>) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|err| {
            Failure::usage(format!("cannot read `{}`: {err}", path.display())).kind_of("io")
        })?;
        if !text.trim_start().starts_with(['{', '[']) {
            return of_numbers(path, &text);
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(value) if value["tool"] == "k6-run" => of_load_test(path, &value, units),
            Ok(value) => of_range_query(&value).ok_or_else(|| {
                Failure::usage("this JSON is no load").at(path, 1, 0).hint(
                    "a recording, a report of k6-run or the result of a Prometheus range query is one",
                )
            }),
            Err(_) => of_recording(path, units),
        }
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

/// The demand behind a recording: utilization times ready pods times the request of a pod.
fn of_recording(path: &Path, units: Units<'_>) -> Result<Load, Failure> {
    let timeline = Timeline::of(&recording::read(path)?, units.hpa)?;
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    #[expect(clippy::cast_precision_loss, reason = "millicores")]
    let percent = units.request as f64 / 100.0;
    for (at, point) in &timeline.points {
        let (Some(utilization), seconds) = (point.utilization, timeline.seconds(*at)) else {
            continue;
        };
        let pods = point.ready.unwrap_or(point.current).max(1);
        let demand = f64::from(utilization) * percent * f64::from(pods);
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

/// The demand of a load test: the requests a second of a k6-run report, each of which takes some CPU
/// time. Afterwards there is none.
fn of_load_test(path: &Path, report: &Value, units: Units<'_>) -> Result<Load, Failure> {
    let problem = |what: &str| Failure::usage(what).at(path, 0, 0);
    let Some(cost) = units.cpu_per_request else {
        return Err(problem("a load test says nothing of CPU")
            .hint("say with `--cpu-per-request 37ms` how much CPU time a request takes"));
    };
    let millicores = cost.as_secs_f64() * 1_000.0;
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    let mut begin = 0.0;
    for point in report["details"]["timeline"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let (Some(end), Some(rate)) = (point["at"].as_f64(), point["requests"].as_f64()) else {
            return Err(problem(
                "a point of the report's timeline has no `at` and `requests`",
            ));
        };
        if end > begin {
            pairs.push((begin, rate.max(0.0) * millicores));
            begin = end;
        }
    }
    if pairs.is_empty() {
        return Err(problem("the report has no timeline of the load"));
    }
    pairs.push((begin, 0.0));
    Ok(Load::Demand(pairs))
}

/// The result of a Prometheus range query in cores, as the API or promtool gives it. Several series,
/// such as one a pod, are one demand.
fn of_range_query(value: &Value) -> Option<Load> {
    let series = value.pointer("/data/result").unwrap_or(value).as_array()?;
    let mut demand: BTreeMap<i64, f64> = BTreeMap::new();
    for one in series {
        for pair in one["values"].as_array()? {
            #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
            let at = (pair.get(0)?.as_f64()? * 1_000.0).round() as i64;
            // Prometheus has `NaN` where there is nothing.
            let cores = number(pair.get(1)?.as_str()?).unwrap_or(0.0);
            *demand.entry(at).or_default() += cores * 1_000.0;
        }
    }
    let start = *demand.first_key_value()?.0;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a query")]
    let pairs = demand
        .into_iter()
        .map(|(at, millicores)| ((at - start) as f64 / 1_000.0, millicores));
    Some(Load::Demand(pairs.collect()))
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
    fn a_range_query_is_the_sum_of_its_series() {
        let series = serde_json::json!([
            {"metric": {"pod": "a"}, "values": [[1000, "0.004"], [1015, "0.3"]]},
            {"metric": {"pod": "b"}, "values": [[1015.0, "0.07"], [1030, "NaN"]]},
        ]);
        let expected = Load::Demand(vec![(0.0, 4.0), (15.0, 370.0), (30.0, 0.0)]);
        let api = serde_json::json!({"status": "success", "data": {"resultType": "matrix", "result": series}});
        assert_eq!(of_range_query(&api), Some(expected.clone()));
        assert_eq!(of_range_query(&series), Some(expected));
        for none in ["{}", "[]", "[1]", r#"{"data": {"result": []}}"#] {
            assert_eq!(
                of_range_query(&serde_json::from_str(none).unwrap()),
                None,
                "{none}"
            );
        }
    }

    #[test]
    fn a_load_test_is_a_demand_by_the_cpu_of_its_requests() {
        let report = serde_json::json!({"tool": "k6-run", "details": {"timeline": [
            {"at": 1.0, "requests": 10.0}, {"at": 2.0, "requests": 4.5}, {"at": 2.0, "requests": 0.0},
        ]}});
        let units = |cost| Units {
            cpu_per_request: cost,
            ..Units::default()
        };
        let path = Path::new("load.json");
        assert_eq!(
            of_load_test(path, &report, units(Some(Duration::from_millis(40)))).unwrap(),
            Load::Demand(vec![(0.0, 400.0), (1.0, 180.0), (2.0, 0.0)])
        );
        let failure = of_load_test(path, &report, units(None)).unwrap_err();
        assert!(failure.remedy().unwrap().contains("--cpu-per-request"));
        let empty = serde_json::json!({"tool": "k6-run"});
        assert!(of_load_test(path, &empty, units(Some(Duration::from_secs(1)))).is_err());
    }
}
