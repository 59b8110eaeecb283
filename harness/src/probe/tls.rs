//! TLS of a probe: whom it trusts, and what it saw.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::text::plain;

/// The name in the certificate that the embedded edge shows for names that nobody serves.
pub const NO_ROUTER_NAME: &str = "no-router.simmer.invalid";

/// Who may vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of this machine.
    System,
    /// These authorities and no others, as PEM.
    Ca(Vec<u8>),
    /// Anybody: at the task itself a certificate is seldom made for the name by which we come.
    Unchecked,
}

/// The given authorities cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificate authority cannot be used: {says}")]
pub struct TrustError {
    pub says: String,
}

/// What a certificate says of itself. Every text is cleaned and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// Up to ten.
    pub names: Vec<String>,
    pub not_before: String,
    pub not_after: String,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, issuer, names, not_before, not_after } = self;
        let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
        write!(
            f,
            "certificate `{subject}` for {names}, issued by `{issuer}`, valid {not_before} to {not_after}"
        )
    }
}

impl Certificate {
    /// Reads what can be read; a certificate that cannot be read at all gives `None`.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut names = Vec::new();
        if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
            for name in alternative.value.general_names.iter().take(10) {
                if let GeneralName::DNSName(name) = name {
                    names.push(plain(name, 100));
                } else if let GeneralName::IPAddress([a, b, c, d]) = name {
                    names.push(format!("{a}.{b}.{c}.{d}"));
                }
            }
        }
        let date = |time: x509_parser::time::ASN1Time| {
            let day = time.to_datetime();
            format!("{}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
        };
        Some(Self {
            subject: plain(&certificate.subject().to_string(), 120),
            issuer: plain(&certificate.issuer().to_string(), 120),
            names,
            not_before: date(certificate.validity().not_before),
            not_after: date(certificate.validity().not_after),
        })
    }
}

/// What the verifier of one handshake saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) certificate: Option<Certificate>,
    /// Why the certificate was refused.
    pub(super) refused: Option<String>,
    /// The embedded edge says that nobody serves the name. Trusted so far that its answer can be read.
    pub(super) no_router: bool,
}

/// Trusts as told, and remembers what it saw.
#[derive(Debug)]
pub(super) struct Watching {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

/// Makes the settings of one client; the verifier tells afterwards what it saw.
pub(super) fn client(trust: &Trust) -> Result<(Arc<ClientConfig>, Arc<Watching>), TrustError> {
    let provider = Arc::new(ring::default_provider());
    let inner = match trust {
        Trust::Unchecked => None,
        Trust::System | Trust::Ca(_) => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots(trust)?), Arc::clone(&provider));
            Some(verifier.build().map_err(|e| TrustError { says: e.to_string() })?)
        }
    };
    let watching =
        Arc::new(Watching { inner, provider: Arc::clone(&provider), seen: Mutex::new(Seen::default()) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TrustError { says: e.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&watching) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    // A resumed session shows no certificate, and a probe wants to see it each time.
    config.resumption = rustls::client::Resumption::disabled();
    Ok((Arc::new(config), watching))
}

/// Returns the settings of a client that takes any certificate.
pub(crate) fn unchecked() -> Arc<ClientConfig> {
    client(&Trust::Unchecked).expect("nothing is read, and ring has the usual versions of TLS").0
}

fn roots(trust: &Trust) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::Ca(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|e| TrustError { says: format!("it is not PEM ({e})") })?;
                roots.add(certificate).map_err(|e| TrustError { says: e.to_string() })?;
            }
        }
        Trust::Unchecked => {}
    }
    if roots.is_empty() {
        return Err(TrustError { says: "it holds no certificate".to_owned() });
    }
    Ok(roots)
}

impl Watching {
    /// Takes what was seen; the verifier starts anew.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(false) };
        let Err(error) = inner.verify_server_cert(leaf, between, name, &[], now) else { return Ok(false) };
        // Our own edge, vouched for by the same authority, with the name that means "nobody".
        let marker = ServerName::try_from(NO_ROUTER_NAME).map_err(|_| error.clone())?;
        if inner.verify_server_cert(leaf, between, &marker, &[], now).is_ok() {
            return Ok(true);
        }
        Err(error)
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.judge(leaf, between, name, now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.certificate = Certificate::read(leaf);
        match judged {
            Ok(no_router) => {
                seen.no_router = no_router;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                seen.refused = Some(words(&error));
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Returns why a certificate was refused.
#[expect(clippy::wildcard_enum_match_arm, reason = "other people's enum")]
fn words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(why) = error else { return plain(&error.to_string(), 200) };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer => "nobody whom we trust issued it".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        CertificateError::BadSignature => "its signature is wrong".to_owned(),
        CertificateError::Other(OtherError(inner)) => plain(&inner.to_string(), 200),
        other => plain(&format!("{other:?}"), 200),
    }
}
