//! One process of Apache Kafka.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::classpath::Release;

/// A node: its directory, and its process while it runs. The process ends with the value, whatever happens.
#[derive(Debug)]
pub(super) struct Node {
    pub port: u16,
    directory: PathBuf,
    release: Release,
    process: Option<Child>,
}

fn java(release: &Release) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]);
    command.arg("-cp").arg(release.jars.join("*")).stdin(Stdio::null());
    command
}

impl Node {
    /// Formats the storage of a new node whose `server.properties` are given.
    pub fn format(
        release: &Release,
        directory: &Path,
        port: u16,
        cluster_id: &str,
        properties: &str,
        features: &[String],
    ) -> Result<Node, String> {
        fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let file = directory.join("server.properties");
        let data = directory.join("data");
        let text = format!("{properties}log.dirs={}\n", data.display());
        fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut command = java(release);
        command.arg("kafka.tools.StorageTool").args(["format", "-t", cluster_id, "-c"]).arg(&file);
        for feature in features {
            command.arg("--feature").arg(feature);
        }
        let output = command.output().map_err(|e| format!("java cannot be started: {e}"))?;
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            return Err(format!("the storage tool failed:\n{}", String::from_utf8_lossy(&text)));
        }
        Ok(Node { port, directory: directory.to_path_buf(), release: release.clone(), process: None })
    }

    fn log(&self) -> PathBuf {
        self.directory.join("kafka.log")
    }

    pub fn start(&mut self) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.log()).map_err(|e| e.to_string())?;
        let copy = log.try_clone().map_err(|e| e.to_string())?;
        let mut command = java(&self.release);
        command.arg("kafka.Kafka").arg(self.directory.join("server.properties")).stdout(log).stderr(copy);
        self.process = Some(command.spawn().map_err(|e| format!("java cannot be started: {e}"))?);
        Ok(())
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// What its log ends with.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Whether the process ended by itself.
    pub fn has_died(&mut self) -> bool {
        self.process.as_mut().is_some_and(|p| matches!(p.try_wait(), Ok(Some(_))))
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if the process is gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Asks the process to shut down and waits until it has.
    pub fn shut_down(&mut self) -> Result<(), String> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let asked = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(60);
        while asked.is_ok() && Instant::now() < deadline {
            if matches!(process.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.process = Some(process);
        self.kill();
        Err(format!("a broker did not shut down within 60 s:\n{}", self.last_words()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
