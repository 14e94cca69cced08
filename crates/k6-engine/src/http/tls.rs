//! TLS: whom to trust, who one is, which versions and cipher suites.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};

use crate::options::Options;

/// The configuration of TLS, shared by all virtual users.
#[derive(Clone, Debug)]
pub struct Tls(pub(super) Arc<ClientConfig>, OnceLock<Arc<ClientConfig>>);

impl Tls {
    /// Returns a configuration that trusts the system's authorities and those in `authorities`, or
    /// everyone when the options ask for `insecureSkipTLSVerify`.
    ///
    /// # Errors
    ///
    /// Fails when `authorities` or the certificates of the options cannot be read as PEM, and on
    /// versions and cipher suites that are not built in.
    pub fn new(options: &Options, authorities: Option<&Path>) -> Result<Self, String> {
        let mut provider = rustls::crypto::ring::default_provider();
        if let Some(names) = options
            .tls_cipher_suites
            .as_ref()
            .filter(|it| !it.is_empty())
        {
            let wanted = |it: &rustls::SupportedCipherSuite| {
                // As in Go, the suites of TLS 1.3 are not chosen from.
                it.tls13().is_some()
                    || names
                        .iter()
                        .any(|name| it.suite().as_str() == Some(name.as_str()))
            };
            provider.cipher_suites.retain(wanted);
        }
        let provider = Arc::new(provider);
        let versions = versions(options)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|err| format!("cannot set up TLS: {err}"))?;
        let builder = if options.insecure_skip_tls_verify == Some(true) {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(Arc::clone(&provider))))
        } else {
            builder.with_root_certificates(roots(authorities)?)
        };
        let identities = identities(options, &provider)?;
        let mut any = if identities.0.is_empty() {
            builder.with_no_client_auth()
        } else {
            builder.with_client_cert_resolver(Arc::new(identities))
        };
        any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(any), OnceLock::new()))
    }

    /// Returns the configuration for what there is in HTTP/1.1 alone.
    pub(super) fn one(&self) -> &Arc<ClientConfig> {
        self.1.get_or_init(|| {
            let mut one = ClientConfig::clone(&self.0);
            one.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(one)
        })
    }
}

/// Returns whether a cipher suite is built in.
pub(crate) fn has_suite(name: &str) -> bool {
    let mut all = rustls::crypto::ring::ALL_CIPHER_SUITES.iter();
    all.any(|it| {
        let own = it.suite().as_str().unwrap_or_default();
        own == name || own.replacen("TLS13_", "TLS_", 1) == name
    })
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authorities {
        let problem =
            |err: &dyn std::fmt::Display| format!("cannot read `{}`: {err}", path.display());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|err| problem(&err))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|err| problem(&err))?;
            roots.add(certificate).map_err(|err| problem(&err))?;
        }
    }
    Ok(roots)
}

fn versions(options: &Options) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let place = |name: &str| match name {
        "ssl3.0" => Ok(0),
        "tls1.0" => Ok(1),
        "tls1.1" => Ok(2),
        "tls1.2" => Ok(3),
        "tls1.3" => Ok(4),
        other => Err(format!("there is no version of TLS `{other}`")),
    };
    let (least, most) = match &options.tls_version {
        Some(told) => (place(told.least())?, place(told.most())?),
        None => (0, 4),
    };
    let known = [(3, &rustls::version::TLS12), (4, &rustls::version::TLS13)];
    let versions: Vec<_> = known
        .into_iter()
        .filter(|it| (least..=most).contains(&it.0))
        .map(|it| it.1)
        .collect();
    if versions.is_empty() {
        return Err("the option `tlsVersion` leaves neither TLS 1.2 nor 1.3".to_owned());
    }
    Ok(versions)
}

fn identities(options: &Options, provider: &CryptoProvider) -> Result<Identities, String> {
    let mut identities = Vec::new();
    for (place, told) in options.tls_auth.iter().flatten().enumerate() {
        let problem = |what: &str, err: &dyn std::fmt::Display| {
            format!("the {what} of `tlsAuth[{place}]` cannot be used: {err}")
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(told.cert.as_bytes())
                .collect::<Result<_, pem::Error>>()
                .map_err(|err| problem("certificate", &err))?;
        if chain.is_empty() {
            return Err(problem("certificate", &"there is none in it"));
        }
        let key = PrivateKeyDer::from_pem_slice(told.key.as_bytes())
            .map_err(|err| problem("key", &err))?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|err| problem("key", &err))?;
        identities.push(Arc::new(CertifiedKey::new(chain, key)));
    }
    Ok(Identities(identities))
}

/// The client's certificates. The first that a server can check is shown to it.
#[derive(Debug)]
struct Identities(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for Identities {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let usable = |it: &&Arc<CertifiedKey>| {
            let issued = authorities.is_empty()
                || it
                    .cert
                    .iter()
                    .any(|one| authorities.iter().any(|name| holds(one, name)));
            issued && it.key.choose_scheme(schemes).is_some()
        };
        self.0.iter().find(usable).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Returns whether a certificate holds the name of an authority: as its issuer, or as its own.
fn holds(certificate: &CertificateDer<'_>, name: &[u8]) -> bool {
    !name.is_empty() && certificate.windows(name.len()).any(|it| it == name)
}

/// Takes every certificate, as a script asks for with `insecureSkipTLSVerify`.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
