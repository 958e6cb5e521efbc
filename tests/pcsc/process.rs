//! `kartud` as a technician runs it: a process that is ended with the test, or one that is waited for.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::office::{Rig, text, until};

/// `kartud` with these words, in English.
pub fn kartud(rig: &Rig, words: &[&str]) -> Command {
    let mut command = Command::new(&rig.kartud);
    command.args(words).env("LC_ALL", "C");
    command
}

/// Runs it to its end: its exit code, and what it said, both streams.
pub fn ran(rig: &Rig, words: &[&str]) -> (Option<i32>, String) {
    let output = kartud(rig, words).output().unwrap();
    (output.status.code(), text(&output))
}

/// A process at work.
pub struct Process(Child);

impl Process {
    /// What it says goes into `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let child = command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        Self(child.spawn().unwrap())
    }

    /// Starts it, and waits for what follows `mark` in the log, up to the next space or line.
    pub fn that_says(command: &mut Command, log: &Path, mark: &str) -> (Self, String) {
        let mut process = Self::start(command, log);
        let mut said = String::new();
        until(mark, || {
            let all = fs::read_to_string(log).unwrap();
            assert!(process.0.try_wait().unwrap().is_none(), "it has ended: {all}");
            let Some((_, rest)) = all.split_once(mark) else { return false };
            let whole = rest.split_once(char::is_whitespace);
            said = whole.map_or(String::new(), |(word, _)| word.to_owned());
            whole.is_some()
        });
        (process, said)
    }

    /// Tells it to end, and waits until it has.
    pub fn end(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success(), "it ends well when it is told to");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program said as JSON.
pub fn json_of(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", text(output)))
}
