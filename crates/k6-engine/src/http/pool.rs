//! The idle connections of a virtual user.

use super::stream::Stream;

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
}

/// The idle connections of a virtual user, the last used first.
#[derive(Default)]
pub struct Pool {
    idle: Vec<Connection>,
}

/// k6 keeps this many.
const LIMIT: usize = 20;

impl Pool {
    pub(super) fn take(&mut self, key: &Key) -> Option<Connection> {
        while let Some(at) = self.idle.iter().rposition(|it| it.key == *key) {
            let mut connection = self.idle.swap_remove(at);
            if connection.stream.is_alive() {
                connection.reused = true;
                return Some(connection);
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

    /// Closes all connections.
    pub fn clear(&mut self) {
        self.idle.clear();
    }
}
