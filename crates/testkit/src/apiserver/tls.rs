//! An authority for one server, and for the clients that it knows.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::{
    RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer,
    server::WebPkiClientVerifier,
};

/// What a server over TLS needs, and what its clients need, as PEM.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) authority: String,
    /// Certificate and key of a client, where the server asks for them.
    pub(super) client: Option<(String, String)>,
}

/// Makes an authority, and with it a server of `name`.
pub(super) fn identity(name: &str, asks_for_client: bool) -> Identity {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let common = "authority of a test";
    params.distinguished_name.push(DnType::CommonName, common);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf = |names: Vec<String>, common: &str, purpose| {
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let names = vec![name.to_owned()];
    let (server, server_key) = leaf(names, "server", ExtendedKeyUsagePurpose::ServerAuth);
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks_for_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let server_key = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
    let config = builder
        .with_single_cert(vec![server.der().clone()], server_key)
        .unwrap();
    let client = asks_for_client.then(|| {
        let (client, key) = leaf(Vec::new(), "a-person", ExtendedKeyUsagePurpose::ClientAuth);
        (client.pem(), key.serialize_pem())
    });
    Identity {
        config: Arc::new(config),
        authority: authority.pem(),
        client,
    }
}
