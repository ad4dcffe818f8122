//! Clients in processes of their own: each process runs the tests' executable again, as one of its tests.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The environment variable that marks a process as a client, and holds its order.
const ORDER: &str = "RL_TEST_ORDER";

/// The line that a process prints after it has carried out its order.
const DONE: &str = "the order is carried out";

/// A process that never outlives the test.
pub struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Runs `test` of this executable with an order. The process reads the order with [`order`].
    pub fn start(test: &str, order: &[String]) -> Self {
        Self::start_by(Command::new(env::current_exe().unwrap()), test, order)
    }

    /// Runs `test` in a process that may open `files` files.
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

    /// Waits until the process calls [`report`], and returns the reported lines.
    #[track_caller]
    pub fn reported(&mut self) -> Vec<String> {
        let lines = self.said.by_ref().lines().map_while(Result::ok);
        let mut said: Vec<String> = lines.take_while(|line| !line.ends_with(DONE)).collect();
        // The test harness prints its own lines first.
        let begin = said.iter().position(|line| line.ends_with("report:")).expect("a report");
        said.split_off(begin + 1)
    }

    /// Kills the process with kill -9. Dropping it does the same, so it also ends if the test fails.
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

/// Returns the order of this process. `None` in the process that runs the tests.
pub fn order() -> Option<Vec<String>> {
    Some(env::var(ORDER).ok()?.split('\n').map(str::to_owned).collect())
}

/// Reports the results of an order to the test that started this process.
pub fn report(lines: &[String]) {
    println!("\nreport:");
    for line in lines {
        println!("{line}");
    }
    println!("{DONE}");
}
