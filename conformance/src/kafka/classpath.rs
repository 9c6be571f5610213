//! Fetches a release of Apache Kafka with ordinary Maven.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A release on this machine.
#[derive(Clone, Debug)]
pub struct Release {
    /// Directory of its jars.
    pub jars: PathBuf,
    /// Its version, as its own jar's name says.
    pub version: String,
}

/// The goal that copies a pom's runtime classpath into a directory.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies";

fn version_in(jars: &Path) -> Option<String> {
    let names = std::fs::read_dir(jars).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut names = names.filter_map(|n| Some(n.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?.to_string()));
    names.next()
}

/// The release of a line (a directory in `conformance/kafka` with a `pom.xml`), fetched if it is not there yet.
///
/// # Errors
/// Maven is missing, or fails; with what it wrote.
pub fn fetch(line: &str) -> Result<Release, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pom = here.join("kafka").join(line).join("pom.xml");
    if !pom.is_file() {
        return Err(format!("there is no line '{line}' of Apache Kafka: {} is missing", pom.display()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from);
    let jars = target.join("kafka").join(line);
    let newer = |a: &Path, b: &Path| Some(a.metadata().ok()?.modified().ok()? > b.metadata().ok()?.modified().ok()?);
    if newer(&pom, &jars) != Some(true)
        && let Some(version) = version_in(&jars)
    {
        return Ok(Release { jars, version });
    }
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg(COPY)
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("Maven (mvn) cannot be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("Maven failed:\n{}", String::from_utf8_lossy(&output.stdout)));
    }
    let version = version_in(&jars).ok_or("Maven copied no kafka_2.13 jar")?;
    Ok(Release { jars, version })
}
