//! Files that are written whole or not at all, and what goes to standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::Refusal;
use fencepost_reports::terminal;

pub use crate::shell::word as shell_word;

/// Files in the making: the temporary one, and what it will be. An interruption removes the former.
static UNFINISHED: Mutex<Vec<(PathBuf, PathBuf)>> = Mutex::new(Vec::new());
/// What kept standard output from taking what was printed.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);
/// Links that are followed from a name to a file.
const MOST_LINKS: u32 = 40;

/// A file in the making: it gets its name when it is whole. What is no file on a disk (a device, a pipe) is written as it
/// comes.
#[derive(Debug)]
pub struct WholeFile {
    /// As the user named it.
    path: PathBuf,
    place: Place,
    out: Option<BufWriter<File>>,
}

#[derive(Debug)]
enum Place {
    /// Beside its target, which it replaces. What is there already has permissions, which stay.
    Beside { temporary: PathBuf, target: PathBuf, permissions: Option<fs::Permissions> },
    /// Where it is.
    Direct,
}

/// Whether standard output is for the one document of `--json`.
static ONE_DOCUMENT: AtomicBool = AtomicBool::new(false);

/// From now on standard output is for one document: files that go there are refused.
pub fn keep_for_one_document() {
    ONE_DOCUMENT.store(true, Ordering::Relaxed);
}

/// Complains about a name that no file of a user should have, and about standard output where that is taken.
///
/// # Errors
/// It is such a name.
pub fn check_name(path: &Path) -> Result<(), Refusal> {
    if path == Path::new("-") {
        let message = "'-' is not taken for standard output: name /dev/stdout, or ./- for a file of that name";
        return Err(Refusal(format!("cannot write -: {message}")));
    }
    if ONE_DOCUMENT.load(Ordering::Relaxed) && fs::metadata(path).is_ok_and(|there| is_standard_output(&there)) {
        return Err(refusal(path, "with --json standard output has one document and nothing else; name a file"));
    }
    Ok(())
}

fn refusal(path: &Path, error: impl core::fmt::Display) -> Refusal {
    Refusal(format!("cannot write {}: {error}", path.display()))
}

impl WholeFile {
    /// Begins a file that will be `path`.
    ///
    /// # Errors
    /// It cannot or must not be written to.
    pub fn create(path: &Path) -> Result<WholeFile, Refusal> {
        check_name(path)?;
        let refuse = |error: io::Error| refusal(path, error);
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(refuse(error)),
        };
        if there.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(refusal(path, "it is a folder"));
        }
        if let Some(there) = &there {
            if let Some(stream) = standard_stream(there).map_err(refuse)? {
                return Ok(WholeFile {
                    path: path.to_path_buf(),
                    place: Place::Direct,
                    out: Some(BufWriter::new(stream)),
                });
            }
            if !there.is_file() {
                let device = OpenOptions::new().write(true).open(path).map_err(refuse)?;
                return Ok(WholeFile {
                    path: path.to_path_buf(),
                    place: Place::Direct,
                    out: Some(BufWriter::new(device)),
                });
            }
            if there.permissions().readonly() {
                return Err(refusal(path, "it is read-only; remove it, or give another name"));
            }
            // Whoever may not write to a file must not replace it either. This changes nothing in it.
            OpenOptions::new().append(true).open(path).map_err(refuse)?;
        }
        let target = follow(path).map_err(refuse)?;
        let Some(name) = target.file_name() else { return Err(refusal(path, "it names no file")) };
        if name.len() > 255 {
            return Err(refusal(path, "its name is longer than 255 bytes"));
        }
        let mut unfinished = UNFINISHED.lock().expect("nothing panics while it holds the list");
        if unfinished.iter().any(|(_, other)| *other == target) {
            return Err(refusal(path, "it is named twice; give each of them a name of its own"));
        }
        let (file, temporary) = temporary_beside(&target).map_err(refuse)?;
        unfinished.push((temporary.clone(), target.clone()));
        let permissions = there.map(|there| there.permissions());
        let place = Place::Beside { temporary, target, permissions };
        Ok(WholeFile { path: path.to_path_buf(), place, out: Some(BufWriter::new(file)) })
    }

    /// Writes out what is still in memory and lets go of the open file: it waits for its name.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn seal(&mut self) -> Result<(), Refusal> {
        let Some(out) = self.out.take() else { return Ok(()) };
        let refuse = |error: io::Error| refusal(&self.path, error);
        let file = out.into_inner().map_err(io::IntoInnerError::into_error).map_err(refuse)?;
        if let Place::Beside { permissions, .. } = &self.place {
            if let Some(permissions) = permissions {
                file.set_permissions(permissions.clone()).map_err(refuse)?;
            }
            file.sync_all().map_err(refuse)?;
        }
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// Something could not be written; what was at that path before is still there.
    pub fn finish(mut self) -> Result<(), Refusal> {
        self.seal()?;
        match &self.place {
            Place::Beside { temporary, target, .. } => {
                fs::rename(temporary, target).map_err(|error| refusal(&self.path, error))
            }
            Place::Direct => Ok(()),
        }
    }

    /// Writes a text and gives the file its name.
    ///
    /// # Errors
    /// As [`WholeFile::finish`].
    pub fn finish_with(mut self, text: &str) -> Result<(), Refusal> {
        self.write_all(text.as_bytes()).map_err(|error| refusal(&self.path, error))?;
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
        let Place::Beside { temporary, .. } = &self.place else { return };
        let _ = fs::remove_file(temporary);
        let unfinished = UNFINISHED.lock();
        unfinished.expect("nothing panics while it holds the list").retain(|(other, _)| other != temporary);
    }
}

/// A new file in the folder of `target`, so that it can be renamed to it.
fn temporary_beside(target: &Path) -> io::Result<(File, PathBuf)> {
    // Never the same twice: whoever is done with a name removes what bears it, and somebody else may be about to write.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!(".fencepost-{}-{number}.part", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            // A process of the same number may have been killed here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// The file that a name leads to, whether it is there or not. A link stays what it is.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_symlink() => {
                let to = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(to);
            }
            Ok(_) => return fs::canonicalize(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                return Ok(fs::canonicalize(folder)?.join(name));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links lead to it"))
}

/// Standard output or standard error, if that is what a name leads to: a second opening of the same file would begin at its
/// beginning, over what was printed.
/// Whether this is what standard output is, and a stream: what is discarded (`>/dev/null`) nobody can mix up.
#[cfg(unix)]
fn is_standard_output(there: &fs::Metadata) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;
    let place = |m: &fs::Metadata| (m.dev(), m.ino());
    let null = fs::metadata("/dev/null").ok();
    let own = io::stdout().as_fd().try_clone_to_owned().and_then(|stream| File::from(stream).metadata());
    own.is_ok_and(|own| place(&own) == place(there)) && null.is_none_or(|null| place(&null) != place(there))
}

#[cfg(not(unix))]
fn is_standard_output(_: &fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn standard_stream(there: &fs::Metadata) -> io::Result<Option<File>> {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;
    let (out, err) = (io::stdout(), io::stderr());
    for stream in [out.as_fd(), err.as_fd()] {
        let Ok(stream) = stream.try_clone_to_owned() else { continue };
        let stream = File::from(stream);
        if stream.metadata().is_ok_and(|own| own.dev() == there.dev() && own.ino() == there.ino()) {
            return Ok(Some(stream));
        }
    }
    Ok(None)
}

#[cfg(not(unix))]
fn standard_stream(_: &fs::Metadata) -> io::Result<Option<File>> {
    Ok(None)
}

/// Removes files in the making: the process is about to end.
pub fn remove_unfinished() {
    for (temporary, _) in UNFINISHED.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default() {
        let _ = fs::remove_file(temporary);
    }
}

/// Prints the one document of `--json`.
pub fn document(value: &serde_json::Value) {
    if !write_out(&terminal::json(&format!("{value:#}\n")))
        && let Some(verdict) = value["verdict"].as_str()
    {
        say(&format!("verdict: {verdict}"));
    }
}

/// Prints a text. This and [`say`] are the border: what a terminal obeys does not pass.
pub fn print(text: &str) {
    let text = &terminal::lines(text);
    if !write_out(text)
        && let Some(verdict) = text.lines().find(|line| line.starts_with("verdict: "))
    {
        say(verdict);
    }
}

/// Prints a text of the program's own, with its colours.
pub fn print_coloured(text: &str) {
    write_out(text);
}

/// Writes to standard output; what goes wrong is kept for [`exit_code`]. Returns whether somebody may still miss it: a
/// reader that has gone away (`| head`) has seen what it wanted.
fn write_out(text: &str) -> bool {
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return true };
    let gone = error.kind() == io::ErrorKind::BrokenPipe;
    FAILED.lock().expect("nothing panics while it holds the error").get_or_insert(error);
    gone
}

/// Says something on standard error; if nobody can hear it, that is that.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", terminal::lines(text));
}

/// The exit code of a command that ends with `code`: output that was lost is not success.
pub fn exit_code(code: u8) -> u8 {
    let failed = FAILED.lock().expect("nothing panics while it holds the error").take();
    match failed {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write to standard output: {error}"));
            if code == super::OK { super::BAD_INPUT } else { code }
        }
        _ => code,
    }
}

/// What went wrong with files while the result was still to be told: it is said after the result.
#[derive(Debug, Default)]
pub struct Troubles(Vec<String>);

impl Troubles {
    /// Keeps what went wrong, once.
    pub fn note<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Refusal(message)) => {
                if !self.0.contains(&message) {
                    self.0.push(message);
                }
                None
            }
        }
    }

    /// Adds them to a document.
    pub fn tell(&self, value: &mut serde_json::Value) {
        if !self.0.is_empty() {
            value["errors"] = self.0.clone().into();
        }
    }

    /// Says what went wrong, and the exit code: that of the result, unless that was success.
    pub fn exit_code(self, code: u8) -> u8 {
        for message in &self.0 {
            say(&format!("error: {message}"));
        }
        if code == super::OK && !self.0.is_empty() { super::BAD_INPUT } else { code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("fencepost-output-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_appears_when_it_is_whole_and_an_abandoned_one_leaves_what_was_there() {
        let folder = Folder::new("whole");
        let path = folder.0.join("capsule.json");
        WholeFile::create(&path).unwrap().finish_with("first").unwrap();
        let mut abandoned = WholeFile::create(&path).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        WholeFile::create(&path).unwrap().finish_with("second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(folder.names(), ["capsule.json"], "no temporary file stays");
    }

    #[test]
    fn two_outputs_of_one_name_are_refused() {
        let folder = Folder::new("twice");
        let first = WholeFile::create(&folder.0.join("page")).unwrap();
        let error = WholeFile::create(&folder.0.join("page")).unwrap_err();
        assert!(error.0.contains("named twice"), "{}", error.0);
        first.finish_with("x").unwrap();
        WholeFile::create(&folder.0.join("page")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_is_written() {
        let folder = Folder::new("link");
        fs::write(folder.0.join("target"), "old").unwrap();
        std::os::unix::fs::symlink("target", folder.0.join("link")).unwrap();
        std::os::unix::fs::symlink("later", folder.0.join("dangling")).unwrap();
        std::os::unix::fs::symlink("loop", folder.0.join("loop")).unwrap();
        for (name, target) in [("link", "target"), ("dangling", "later")] {
            WholeFile::create(&folder.0.join(name)).unwrap().finish_with("new").unwrap();
            assert!(fs::symlink_metadata(folder.0.join(name)).unwrap().is_symlink(), "{name}");
            assert_eq!(fs::read_to_string(folder.0.join(target)).unwrap(), "new");
        }
        assert!(WholeFile::create(&folder.0.join("loop")).is_err());
        assert_eq!(folder.names(), ["dangling", "later", "link", "loop", "target"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_a_read_only_file_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("permissions");
        let path = folder.0.join("page.html");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        WholeFile::create(&path).unwrap().finish_with("new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(WholeFile::create(&path).unwrap_err().0.contains("read-only"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(folder.names(), ["page.html"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_a_full_one_is_named() {
        WholeFile::create(Path::new("/dev/null")).unwrap().finish_with("x").unwrap();
        let error = WholeFile::create(Path::new("/dev/full")).unwrap().finish_with("x").unwrap_err();
        assert!(error.0.starts_with("cannot write /dev/full: "), "{}", error.0);
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
