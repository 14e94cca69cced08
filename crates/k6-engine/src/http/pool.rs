//! The connections of a virtual user: idle ones, and those that several requests share.

use super::{h2::Multiplexed, stream::Stream};

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

/// A connection with what was read from it too early.
pub(super) struct Connection {
    pub(super) key: Key,
    pub(super) stream: Stream,
    pub(super) buffer: Vec<u8>,
    pub(super) reused: bool,
    /// Whether a proxy stands between that reads requests itself.
    pub(super) by_proxy: bool,
}

/// A connection, or a share in one.
pub(super) enum Channel {
    /// HTTP/1.1: one request at a time.
    One(Connection),
    /// HTTP/2: many at once.
    Many(Multiplexed),
}

/// The connections of a virtual user, the last used first.
#[derive(Default)]
pub struct Pool {
    idle: Vec<Connection>,
    shared: Vec<(Key, Multiplexed)>,
}

/// k6 keeps this many.
const LIMIT: usize = 20;

impl Pool {
    pub(super) fn take(&mut self, key: &Key) -> Option<Channel> {
        self.shared.retain(|it| it.1.is_alive());
        if let Some((_, share)) = self.shared.iter().find(|it| it.0 == *key) {
            return Some(Channel::Many(share.again()));
        }
        while let Some(at) = self.idle.iter().rposition(|it| it.key == *key) {
            let mut connection = self.idle.swap_remove(at);
            if connection.stream.is_alive() {
                connection.reused = true;
                return Some(Channel::One(connection));
            }
        }
        None
    }

    pub(super) fn put(&mut self, connection: Connection) {
        if self.idle.len() >= LIMIT {
            self.idle.remove(0);
        }
        self.idle.push(connection);
    }

    /// Lets later requests have a share in a connection.
    pub(super) fn share(&mut self, key: &Key, connection: &Multiplexed) {
        if self.shared.len() >= LIMIT {
            self.shared.remove(0);
        }
        self.shared.push((key.clone(), connection.again()));
    }

    /// Gives up a connection that several requests share.
    pub(super) fn forget(&mut self, connection: &Multiplexed) {
        self.shared.retain(|it| !it.1.is_same(connection));
    }

    /// Closes all connections that no request uses.
    pub fn clear(&mut self) {
        self.idle.clear();
        self.shared.clear();
    }
}
