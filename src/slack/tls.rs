//! TLS for Slack: rustls on ring, with the machine's own certificate authorities. Built once, when the first https
//! address is dialled; a bot that talks to a plain-http sandbox never loads any of it.

use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

static SHARED: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);

/// Why no TLS connection can be made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("tls cannot be set up: {0}")]
pub(super) struct TlsError(String);

/// The process's TLS configuration. A failure is not remembered: certificates may be mounted later.
pub(super) fn client_config() -> Result<Arc<ClientConfig>, TlsError> {
    let mut shared = SHARED.lock();
    if let Some(config) = shared.as_ref() {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(with_roots(native_roots()?)?);
    *shared = Some(Arc::clone(&config));
    Ok(config)
}

fn native_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let cause = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError(format!("no certificate authorities on this machine ({cause})")));
    }
    if ignored > 0 {
        tracing::debug!(added, ignored, "some certificate authorities cannot be read");
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 on ring. Offers http/1.1 only: awc cannot open a WebSocket over h2.
pub(super) fn with_roots(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_1_1_is_offered() {
        let config = with_roots(RootCertStore::empty()).expect("ring is built in");
        assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
