//! Addresses of stores: a text to a client.

use crate::error::RemoteError;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::files::{FileSystem, IoAction, OsFiles};

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A bucket and a prefix in it.
    Cloud {
        scheme: &'static str,
        bucket: String,
        prefix: String,
    },
}

impl Address {
    /// Reads `s3://bucket/prefix`, `file:///path` or a plain path.
    pub(crate) fn parse(url: &str) -> Result<Self, RemoteError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return match url.is_empty() {
                true => Err(refused(
                    url,
                    "it is empty; give a path, or s3://bucket/prefix",
                )),
                false => Ok(Self::Directory(PathBuf::from(url))),
            };
        };
        if rest.contains('@') || rest.contains('?') || rest.contains('#') {
            let what = "it has credentials or parameters; set those in the environment, such as AWS_ACCESS_KEY_ID";
            return Err(refused(url, what));
        }
        let scheme = match scheme {
            "file" => {
                let path = rest.starts_with('/').then(|| PathBuf::from(rest));
                let what = "it names a host; write file:///path";
                return path.map(Self::Directory).ok_or_else(|| refused(url, what));
            }
            "s3" | "s3a" => "s3",
            "gs" => "gs",
            "az" | "azure" => "az",
            _ => {
                let what = format!(
                    "there is no store {scheme:?}; there are s3, gs, az, file and plain paths"
                );
                return Err(refused(url, what));
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        if bucket.is_empty() {
            return Err(refused(
                url,
                format!("it names no bucket; write {scheme}://bucket/prefix"),
            ));
        }
        let parts = prefix.split('/');
        if !prefix.is_empty() && parts.clone().any(|part| matches!(part, "" | "." | "..")) {
            return Err(refused(url, "its prefix has empty or relative parts"));
        }
        Ok(Self::Cloud {
            scheme,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// The address as errors and state files name it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Directory(path) => path.display().to_string(),
            Self::Cloud {
                scheme,
                bucket,
                prefix,
            } => match prefix.is_empty() {
                true => format!("{scheme}://{bucket}"),
                false => format!("{scheme}://{bucket}/{prefix}"),
            },
        }
    }

    /// A client of the store. `create` makes a directory that does not exist.
    pub(crate) fn connect(&self, create: bool) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        match self {
            Self::Directory(path) => directory(path, create),
            Self::Cloud {
                scheme,
                bucket,
                prefix,
            } => {
                let store = cloud(scheme, bucket, &self.name())?;
                Ok(match prefix.is_empty() {
                    true => store,
                    false => Arc::new(PrefixStore::new(store, ObjectPath::from(prefix.as_str()))),
                })
            }
        }
    }
}

fn refused(url: &str, what: impl Into<String>) -> RemoteError {
    // What stands before an `@` and behind a `?` may be secret.
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    let shown = match (shown.split_once("://"), shown.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => shown.to_owned(),
    };
    RemoteError::Url {
        url: shown,
        what: what.into(),
    }
}

fn directory(path: &Path, create: bool) -> Result<Arc<dyn ObjectStore>, RemoteError> {
    if create {
        let made = OsFiles::MAPPED.create_dir_all(path);
        made.map_err(RemoteError::file(IoAction::CreateDirectory, path))?;
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(|_| {
        let what = "there is no such directory; push a database there first";
        refused(&path.display().to_string(), what)
    })?;
    // What a head names must be durable before the head is.
    Ok(Arc::new(store.with_fsync(true)))
}

#[cfg(feature = "s3")]
fn cloud(scheme: &str, bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, RemoteError> {
    use crate::transport::Transport;
    use object_store::aws::AmazonS3Builder;
    match scheme {
        "s3" => {
            let builder = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_retry(crate::transport::retries())
                .with_http_connector(Transport);
            let store = builder
                .build()
                .map_err(|error| refused(name, crate::redact::message(&error)))?;
            Ok(Arc::new(store))
        }
        _ => Err(unsupported(scheme, name)),
    }
}

#[cfg(not(feature = "s3"))]
fn cloud(scheme: &str, _bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, RemoteError> {
    Err(unsupported(scheme, name))
}

fn unsupported(scheme: &str, name: &str) -> RemoteError {
    refused(name, format!("this build has no client for {scheme:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_directory_or_a_bucket_and_a_prefix() {
        let cloud = |scheme, bucket: &str, prefix: &str| Address::Cloud {
            scheme,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        };
        let parse = |url| Address::parse(url).unwrap();
        assert_eq!(parse("s3://b/shops/eu/"), cloud("s3", "b", "shops/eu"));
        assert_eq!(parse("s3://b").name(), "s3://b");
        assert_eq!(parse("file:///srv/x"), Address::Directory("/srv/x".into()));
        assert_eq!(parse("srv/x"), Address::Directory("srv/x".into()));
    }

    #[test]
    fn an_address_with_credentials_is_refused_without_repeating_them() {
        for url in [
            "s3://AKIA:hunter2@b/x",
            "s3://b/x?secret=hunter2",
            "s3://b/x#hunter2",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        for url in [
            "",
            "ftp://x/y",
            "s3:///x",
            "s3://b/a//b",
            "s3://b/../c",
            "file://host/x",
        ] {
            assert!(
                matches!(Address::parse(url), Err(RemoteError::Url { .. })),
                "{url}"
            );
        }
    }
}
