//! The HTTP client of cloud stores: `ureq` on threads of the runtime. Retries are those of `object_store`.

use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, RetryConfig};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::header::CONTENT_LENGTH;
use ureq::http::request::Parts;
use ureq::http::{Method, Request};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for a request of at most a few MiB, and its answer.
const REQUEST: Duration = Duration::from_secs(60);
/// Maximum size of an answer in bytes: pieces of objects and lists are much smaller.
const MAX_ANSWER: u64 = 512 << 20;

/// How often a request is tried again.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(30),
    }
}

/// Makes the client.
#[derive(Debug)]
pub(crate) struct Transport;

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allow_http = options.get_config_value(&ClientConfigKey::AllowHttp);
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(allow_http.as_deref() != Some("true"))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(REQUEST))
            .build();
        Ok(HttpClient::new(Client(config.new_agent())))
    }
}

#[derive(Debug)]
struct Client(Agent);

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let agent = self.0.clone();
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let sent = tokio::task::spawn_blocking(move || send(&agent, parts, &bytes));
        let sent = sent.await;
        sent.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?
    }
}

fn send(agent: &Agent, mut parts: Parts, bytes: &[u8]) -> Result<HttpResponse, HttpError> {
    // `ureq` writes it by the length of the body.
    parts.headers.remove(CONTENT_LENGTH);
    let has_body = !bytes.is_empty() || matches!(parts.method, Method::PUT | Method::POST);
    let answer = match has_body {
        true => agent.run(Request::from_parts(parts, bytes)),
        false => agent.run(Request::from_parts(parts, ())),
    };
    let (parts, mut body) = answer.map_err(failed)?.into_parts();
    let bytes = body.with_config().limit(MAX_ANSWER).read_to_vec();
    let bytes = bytes.map_err(failed)?;
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

/// The error as `object_store` judges whether to try again.
fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
            ErrorKind::TimedOut => HttpErrorKind::Timeout,
            _ => HttpErrorKind::Interrupted,
        },
        ureq::Error::Protocol(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
