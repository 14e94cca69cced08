//! The API server of the tests with many autoscalers, a given number of which change each second
//! once somebody watches: `apiserver FOLDER AUTOSCALERS CHANGES_PER_SECOND SECONDS`.
//!
//! Prints the path of a kubeconfig, and at the end how many changes there were.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for benchmarks"
)]

use std::{
    env,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use autoscaleops_testkit::{
    ApiServer,
    apiserver::objects::{hpa, observe},
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, number, rate, seconds] = arguments.as_slice() else {
        panic!("FOLDER AUTOSCALERS CHANGES_PER_SECOND SECONDS");
    };
    let (number, rate): (usize, u32) = (number.parse().unwrap(), rate.parse().unwrap());
    let seconds: u32 = seconds.parse().unwrap();
    let server = ApiServer::start();
    let name = |index: usize| {
        (
            format!("team-{:03}", index % 100),
            format!("app-{index:05}"),
        )
    };
    for index in 0..number {
        let (namespace, name) = name(index);
        let mut one = hpa(&namespace, &name, (1, 9));
        observe(&mut one, 1, 1, 1);
        server.put(one);
    }
    println!("{}", server.kubeconfig(Path::new(folder)).display());
    while !server.requests().iter().any(|line| line.contains("watch=")) {
        thread::sleep(Duration::from_millis(20));
    }
    let begin = Instant::now();
    let mut percents = vec![1; number];
    for change in 0..rate * seconds {
        let due = begin + Duration::from_secs(1) * change / rate;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let index = change as usize * 7 % number;
        percents[index] += 1;
        let (namespace, name) = name(index);
        server.change(
            "HorizontalPodAutoscaler",
            &format!("{namespace}/{name}"),
            |one| {
                observe(one, 1, 1, percents[index]);
            },
        );
    }
    println!("{} changes", rate * seconds);
    // The last changes are still on their way.
    thread::sleep(Duration::from_secs(2));
}
