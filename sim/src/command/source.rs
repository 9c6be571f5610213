//! Scenarios by name or path, and the files that they name.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Refusal;
use crate::scenario::{Choice, Scenario, builtin};

/// Where the text of a scenario comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is part of the binary; the full name.
    BuiltIn(&'static str, &'static str),
    /// A file.
    File(PathBuf),
}

/// Bytes of a file that is read as a whole, at most.
const MOST_BYTES: u64 = 256 << 20;

/// Reads a text file.
///
/// # Errors
/// It cannot be read, is too large, or is not UTF-8 (the line is named).
pub fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let length = file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if length as u64 > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes, which is the most that Fencepost reads"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is UTF-16 text; save it as UTF-8".to_string());
    }
    // Some editors begin UTF-8 with a mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8 text")
    })
}

/// Finds a scenario.
///
/// # Errors
/// There is none of that name, or several.
pub fn find(what: &str) -> Result<Place, Refusal> {
    let path = Path::new(what);
    if path.extension().is_some_and(|e| e == "toml") {
        return Ok(Place::File(path.to_path_buf()));
    }
    builtin::find(what).map(|(name, text)| Place::BuiltIn(name, text)).map_err(Refusal)
}

/// Reads and checks a scenario.
///
/// # Errors
/// What is wrong with it.
pub fn load(place: &Place, choice: Choice) -> Result<Scenario, Refusal> {
    match place {
        Place::BuiltIn(name, text) => {
            Ok(Scenario::load(name, text, choice, &mut |path| builtin::read_file(name, path))?)
        }
        Place::File(path) => {
            let name = path.display().to_string();
            let text = read_text(path).map_err(|m| Refusal(format!("cannot read {name}: {m}")))?;
            let folder = path.parent().unwrap_or(Path::new(""));
            Ok(Scenario::load(&name, &text, choice, &mut |file| read_text(&folder.join(file)))?)
        }
    }
}

/// All capsules below a folder, in order.
///
/// # Errors
/// A folder cannot be read.
pub fn capsules_in_folder(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let mut files = Vec::new();
    below(folder, &mut files)?;
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    Ok(files)
}

/// All files below a folder, in order.
fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Refusal> {
    let refuse = |error: std::io::Error| Refusal(format!("cannot read {}: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        paths.push(entry.map_err(refuse)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() { below(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// All scenarios below a folder, in order; lessons (`.lesson.toml`) are none.
///
/// # Errors
/// A folder cannot be read.
pub fn in_folder(folder: &Path) -> Result<Vec<Place>, Refusal> {
    let mut files = Vec::new();
    below(folder, &mut files)?;
    let lesson = |path: &Path| path.to_string_lossy().ends_with(".lesson.toml");
    files.retain(|path| path.extension().is_some_and(|e| e == "toml") && !lesson(path));
    Ok(files.into_iter().map(Place::File).collect())
}
