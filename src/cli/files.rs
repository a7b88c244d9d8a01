//! The command's own files. Only the user can read them, and they are replaced atomically, so that
//! other processes see either the old file or the new one.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::failure::{Failure, Kind};

const FOLDER: &str = "ai-gateway-filter";

/// A file in the configuration folder (XDG Base Directory Specification).
pub(super) fn config_file(name: &str) -> Result<PathBuf, Failure> {
    below("XDG_CONFIG_HOME", ".config", name)
}

/// A file in the cache folder.
pub(super) fn cache_file(name: &str) -> Result<PathBuf, Failure> {
    below("XDG_CACHE_HOME", ".cache", name)
}

fn below(variable: &str, in_home: &str, name: &str) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let folder = absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(in_home)))
        .ok_or_else(|| {
            Failure::new(Kind::Failed, format!("neither HOME nor {variable} is set"))
                .hint("set one of them to the absolute path of a folder")
        })?;
    Ok(folder.join(FOLDER).join(name))
}

/// The file's content; `None` if the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

/// Writes a file with mode 0600, and creates missing folders with mode 0700.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    create_folder(path)?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let written = private(&new)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        Failure::file(path, &error)
    })
}

/// Removes a file if it exists.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(path, &error)),
        _ => Ok(()),
    }
}

/// Waits for the file's lock. The lock is held until the returned file is dropped.
pub(super) fn lock(path: &Path) -> Result<fs::File, Failure> {
    create_folder(path)?;
    let file = private(path).map_err(|error| Failure::file(path, &error))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| Failure::file(path, &error.into()))?;
    Ok(file)
}

fn private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn create_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::file(folder, &error))
}
