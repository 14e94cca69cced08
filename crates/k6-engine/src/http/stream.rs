//! A connection's bytes, plain or through TLS, counted where they meet the system.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// How many bytes went over the connections of a virtual user.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// Bytes written since they were last asked for.
    pub(super) sent: Rc<Cell<u64>>,
    /// Bytes read since they were last asked for.
    pub(super) received: Rc<Cell<u64>>,
}

/// A connection of the system.
pub(crate) struct Tcp {
    inner: TcpStream,
    /// Who is at its other end: asked once, not for each request.
    peer: Option<std::net::SocketAddr>,
    traffic: Traffic,
}

impl Tcp {
    pub(super) fn new(inner: TcpStream, traffic: Traffic) -> Self {
        Self {
            peer: inner.peer_addr().ok(),
            inner,
            traffic,
        }
    }
}

/// A connection's bytes.
pub(crate) enum Stream {
    Plain(Tcp),
    Tls(Box<TlsStream<Tcp>>),
}

/// What is known of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    pub(super) address: Option<std::net::SocketAddr>,
    /// `tls1.2`, `tls1.3`, or nothing.
    pub(super) version: &'static str,
    pub(super) cipher: String,
}

impl Stream {
    /// Returns whether an idle connection can be used: nothing to read, and no end.
    pub(super) fn is_alive(&self) -> bool {
        let mut byte = [0];
        match self {
            // Session tickets may arrive at any time, so bytes on an idle TLS connection are no fault.
            Self::Tls(_) => true,
            Self::Plain(tcp) => {
                matches!(tcp.inner.try_read(&mut byte), Err(err) if err.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }

    /// Returns whether both sides have agreed on HTTP/2.
    pub(super) fn speaks_h2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => &tcp.inner,
            Self::Tls(tls) => &tls.get_ref().0.inner,
        }
    }

    /// Returns both ends of the connection: this one, then the server's.
    pub(crate) fn ends(&self) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
        let tcp = self.tcp();
        Some((tcp.local_addr().ok()?, tcp.peer_addr().ok()?))
    }

    pub(super) fn peer(&self) -> Peer {
        let Self::Tls(tls) = self else {
            let Self::Plain(tcp) = self else {
                return Peer::default();
            };
            return Peer {
                address: tcp.peer,
                ..Peer::default()
            };
        };
        let (tcp, session) = tls.get_ref();
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "tls1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "tls1.3",
            _ => "",
        };
        let suite = session.negotiated_cipher_suite();
        let name = suite.and_then(|it| {
            it.suite()
                .as_str()
                .map(|it| it.replacen("TLS13_", "TLS_", 1))
        });
        Peer {
            address: tcp.peer,
            version,
            cipher: name.unwrap_or_default(),
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        let more = (buf.filled().len() - before) as u64;
        this.traffic
            .received
            .set(this.traffic.received.get() + more);
        polled
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &polled {
            let sent = &this.traffic.sent;
            sent.set(sent.get() + *count as u64);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
