//! A temporary folder for one session of a client. Only the user can read it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ai_gateway_core::http::encoding::hex;

use crate::failure::Failure;

const RANDOM: &str = "/dev/urandom";

pub(super) struct SessionFolder {
    path: PathBuf,
    secret: String,
}

impl SessionFolder {
    /// Creates it in the user's runtime folder, or else in the folder for temporary files.
    pub(super) fn create() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        fs::File::open(RANDOM)
            .and_then(|mut random| random.read_exact(&mut bytes))
            .map_err(|error| Failure::file(Path::new(RANDOM), &error))?;
        let hex = hex(&bytes);
        let (name, secret) = hex.split_at(16);
        let parent = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let parent = parent
            .filter(|parent| parent.is_dir())
            .unwrap_or_else(std::env::temp_dir);
        let path = parent.join(format!("ai-gateway-filter-{name}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::file(&path, &error))?;
        Ok(Self {
            path,
            secret: secret.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A random secret, which is independent of the folder's name.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, path: &Path, content: &str) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        if let Some(parent) = path.parent() {
            let mut folders = DirBuilder::new();
            folders
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(failed)
    }
}

impl Drop for SessionFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
