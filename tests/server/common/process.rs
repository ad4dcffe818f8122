//! Clients that are processes of their own: the tests' executable, run again as one of its tests.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Tells a process that it is one, and what to do.
const ORDER: &str = "RL_TEST_ORDER";

/// Its standard output says so when it has done its part.
const DONE: &str = "the order is carried out";

/// A process that never outlives the test.
pub struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Runs `test` of this executable with an order: words for [`order`].
    pub fn start(test: &str, order: &[String]) -> Self {
        Self::start_by(Command::new(env::current_exe().unwrap()), test, order)
    }

    /// The same of one that may open so many files.
    pub fn start_with_files(test: &str, order: &[String], files: u64) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!(r#"ulimit -Sn {files} && exec "$0" "$@""#)]);
        command.arg(env::current_exe().unwrap());
        Self::start_by(command, test, order)
    }

    fn start_by(mut command: Command, test: &str, order: &[String]) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture"])
            .env(ORDER, order.join("\n"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits until it has called [`report`], and gives what that said.
    #[track_caller]
    pub fn reported(&mut self) -> Vec<String> {
        let lines = self.said.by_ref().lines().map_while(Result::ok);
        let mut said: Vec<String> = lines.take_while(|line| !line.ends_with(DONE)).collect();
        // What precedes are lines of the test harness itself.
        let begin = said.iter().position(|line| line.ends_with("report:")).expect("a report");
        said.split_off(begin + 1)
    }

    /// kill -9, also when the test fails.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The order of this process; none where the tests themselves run.
pub fn order() -> Option<Vec<String>> {
    Some(env::var(ORDER).ok()?.split('\n').map(str::to_owned).collect())
}

/// Tells the test that started this process what has come of its order.
pub fn report(lines: &[String]) {
    println!("\nreport:");
    for line in lines {
        println!("{line}");
    }
    println!("{DONE}");
}
