//! Files that are written whole or not at all, and what goes to standard output.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::Refusal;
pub use crate::shell::word as shell_word;

/// Temporary files that an interruption has to remove.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file in the making: it gets its name when it is whole.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins a file that will be `path`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn create(path: &Path) -> Result<WholeFile, Refusal> {
        let refuse = |error: io::Error| Refusal(format!("cannot write {}: {error}", path.display()));
        let Some(name) = path.file_name() else {
            return Err(Refusal(format!("cannot write {}: it names no file", path.display())));
        };
        if path.is_dir() {
            return Err(Refusal(format!("cannot write {}: it is a folder", path.display())));
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(hidden);
        let file = File::create(&temporary).map_err(refuse)?;
        UNFINISHED.lock().expect("nothing panics while it holds the list").push(temporary.clone());
        Ok(WholeFile { path: path.to_path_buf(), temporary, out: Some(BufWriter::new(file)) })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// Something could not be written; what was at that path before is still there.
    pub fn finish(mut self) -> Result<(), Refusal> {
        let out = self.out.take().expect("a file is finished once");
        let written = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&self.temporary, &self.path));
        renamed.map_err(|error| Refusal(format!("cannot write {}: {error}", self.path.display())))
    }
}

impl WholeFile {
    /// Writes a text and gives the file its name.
    ///
    /// # Errors
    /// As [`WholeFile::finish`].
    pub fn finish_with(mut self, text: &str) -> Result<(), Refusal> {
        let path = self.path.clone();
        self.write_all(text.as_bytes()).map_err(|e| Refusal(format!("cannot write {}: {e}", path.display())))?;
        self.finish()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().expect("the file is not finished").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().expect("the file is not finished").flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
        UNFINISHED.lock().expect("nothing panics while it holds the list").retain(|path| *path != self.temporary);
    }
}

/// Removes files in the making: the process is about to end.
pub fn remove_unfinished() {
    for path in UNFINISHED.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default() {
        let _ = fs::remove_file(path);
    }
}

/// Prints the one document of `--json`.
pub fn document(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

/// Prints a text; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_whole_and_an_abandoned_one_leaves_what_was_there() {
        let folder = std::env::temp_dir().join(format!("fencepost-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("capsule.json");
        WholeFile::create(&path).unwrap().finish_with("first").unwrap();
        let mut abandoned = WholeFile::create(&path).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        WholeFile::create(&path).unwrap().finish_with("second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
        fs::remove_dir_all(&folder).unwrap();
    }
}
