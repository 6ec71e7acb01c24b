//! Opening files that users name.

use std::fs::{File, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a regular file for reading.
///
/// Opening a FIFO waits until somebody writes to it, and a device may have no end. So anything else than a regular
/// file, or a link to one, is refused before it is opened.
///
/// # Errors
/// Fails as the file system does; with [`ErrorKind::InvalidInput`] for what is not a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    check(&path.metadata()?)?;
    let file = File::open(path)?;
    // It may have been replaced meanwhile.
    check(&file.metadata()?)?;
    Ok(file)
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let found = kind(metadata.file_type());
    let what = format!("a regular file expected, {found} found");
    Err(io::Error::new(ErrorKind::InvalidInput, what))
}

#[cfg(unix)]
fn kind(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(kind: FileType) -> &'static str {
    match kind.is_dir() {
        true => "a directory",
        false => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_refused_and_a_missing_file_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let error = open_regular(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("a directory found"), "{error}");
        let error = open_regular(&dir.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_a_device_and_links_to_them_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let mut refused = vec![(link, "a device"), ("/dev/zero".into(), "a device")];
        if made.is_ok_and(|status| status.success()) {
            refused.push((pipe, "a named pipe"));
        }
        for (path, kind) in refused {
            let error = open_regular(&path).unwrap_err();
            assert!(error.to_string().contains(kind), "{path:?}: {error}");
        }
    }
}
