//! A certificate authority of our own, kept in the state folder, and certificates for the names that are routed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::probe::NO_ROUTER_NAME;

/// How long the authority is good for. Whoever imported it does so again after that.
const AUTHORITY_DAYS: i64 = 3650;
/// An authority that ends sooner is replaced.
const AUTHORITY_LEFT_DAYS: i64 = 120;
/// How long a certificate of a name is good for.
const LEAF_DAYS: i64 = 90;
/// Made anew when this is left; an edge may run for months.
const LEAF_LEFT_DAYS: i64 = 30;
/// Most certificates that are kept. More names than that are not routed at once.
const LEAVES: usize = 1000;

/// The authority cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("could not {doing} `{path}`", path = path.display())]
    Disk { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("a certificate could not be made")]
    Making(#[source] rcgen::Error),
}

/// A certificate, and until when it is shown.
type Leaf = (Arc<CertifiedKey>, DateTime<Utc>);

/// Issues certificates.
pub(super) struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    leaves: Mutex<HashMap<String, Leaf>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Opens the authority of a folder, or makes one there. One process at a time.
    pub(super) fn open(folder: &Path) -> Result<Self, AuthorityError> {
        fs::create_dir_all(folder).map_err(disk("create", folder))?;
        let place = folder.join("ca.lock");
        let lock = File::create(&place).map_err(disk("create", &place))?;
        lock.lock().map_err(disk("lock", &place))?;
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        if let Some(authority) = Self::load(&certificate, &key) {
            return Ok(authority);
        }
        let (pem, key_pem) = make().map_err(AuthorityError::Making)?;
        // The key first: a certificate without its key would be loaded by nobody, and replaced.
        write(&key, key_pem.as_bytes(), 0o600)?;
        write(&certificate, pem.as_bytes(), 0o644)?;
        Self::load(&certificate, &key).ok_or(AuthorityError::Disk {
            doing: "read back",
            path: certificate,
            source: std::io::ErrorKind::InvalidData.into(),
        })
    }

    /// Reads what is there; anything that cannot be used gives `None`.
    fn load(certificate: &Path, key: &Path) -> Option<Self> {
        let pem = fs::read_to_string(certificate).ok()?;
        let key = KeyPair::from_pem(&fs::read_to_string(key).ok()?).ok()?;
        let der =
            <CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, read) = X509Certificate::from_der(&der).ok()?;
        let ends = DateTime::from_timestamp(read.validity().not_after.timestamp(), 0)?;
        let fits = read.public_key().subject_public_key.data == key.public_key_raw();
        if !fits || ends < Utc::now() + TimeDelta::days(AUTHORITY_LEFT_DAYS) {
            return None;
        }
        let issuer = Issuer::from_ca_cert_pem(&pem, key).ok()?;
        Some(Self { pem, der, issuer, leaves: Mutex::new(HashMap::new()) })
    }

    /// Returns the authority's certificate, for clients.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the certificate that says that nobody serves a name.
    pub(super) fn nobody(&self) -> Option<Arc<CertifiedKey>> {
        self.leaf(NO_ROUTER_NAME)
    }

    /// Returns the certificate of a name, made on the first demand.
    pub(super) fn leaf(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let now = Utc::now();
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((leaf, until)) = leaves.get(name)
            && now < *until
        {
            return Some(Arc::clone(leaf));
        }
        let leaf = match self.issue(name, now) {
            Ok(leaf) => Arc::new(leaf),
            Err(error) => {
                tracing::warn!(name, %error, "certificate could not be made");
                return None;
            }
        };
        if LEAVES <= leaves.len() {
            leaves.clear();
        }
        let until = now + TimeDelta::days(LEAF_DAYS - LEAF_LEFT_DAYS);
        leaves.insert(name.to_owned(), (Arc::clone(&leaf), until));
        Some(leaf)
    }

    fn issue(&self, name: &str, now: DateTime<Utc>) -> Result<CertifiedKey, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::DnsName(name.to_owned().try_into()?)];
        // Common names end at 64 characters; names of clients stand in the line above.
        params.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        span(&mut params, now, LEAF_DAYS);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = ring::sign::any_supported_type(&der).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone(), self.der.clone()], key))
    }
}

fn make() -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Simmer local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    span(&mut params, Utc::now(), AUTHORITY_DAYS);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Sets from when to when a certificate is good; from the day before, so that a clock may be a little off.
fn span(params: &mut CertificateParams, now: DateTime<Utc>, days: i64) {
    let day = |at: DateTime<Utc>| {
        let (month, day) = (at.month(), at.day());
        // Both fit: a month has at most 31 days and a year 12 months.
        rcgen::date_time_ymd(at.year(), u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
    };
    params.not_before = day(now - TimeDelta::days(1));
    params.not_after = day(now + TimeDelta::days(days));
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let new = path.with_extension("new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .map_err(disk("create", &new))?;
    file.write_all(content).map_err(disk("write", &new))?;
    file.sync_all().map_err(disk("write", &new))?;
    fs::rename(&new, path).map_err(disk("rename to", path))
}

fn disk(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::Disk { doing, path, source }
}
