//! What all clients of a run share: whom to trust, where names lead, what stands in front of servers.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    path::PathBuf,
    sync::Mutex,
};

use super::{Proxies, Tls};
use crate::options::{Options, text_of};

/// What the machine, not the script, says of the network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Authorities to trust besides the system's, in PEM.
    pub authorities: Option<PathBuf>,
    /// The proxies of the environment.
    pub proxies: Proxies,
}

/// What all clients of a run share.
pub struct Shared {
    /// Whom to trust, and who one is.
    pub(super) tls: Tls,
    /// What stands in `User-Agent`.
    pub(super) user_agent: String,
    /// Whether every request gets a connection of its own.
    pub(super) no_reuse: bool,
    /// Names that lead elsewhere.
    pub(super) hosts: BTreeMap<String, String>,
    /// Names that are not called: `*.example.org` or whole.
    pub(super) blocked: Vec<String>,
    /// Addresses that are not called.
    pub(super) blocked_ranges: Vec<Range>,
    /// What stands between.
    pub(super) proxies: Proxies,
    /// Addresses that have been looked up.
    pub(super) resolved: Mutex<HashMap<String, Vec<IpAddr>>>,
}

impl Shared {
    /// Reads what the options say of connections.
    ///
    /// # Errors
    ///
    /// Fails on certificates and keys that cannot be used, and on ranges of addresses that are none.
    pub fn new(options: &Options, user_agent: &str, network: &Network) -> Result<Self, String> {
        let ranges = options.blacklist_ips.iter().flatten();
        let hosts = options.hosts.iter().flatten();
        Ok(Self {
            tls: Tls::new(options, network.authorities.as_deref())?,
            user_agent: options
                .user_agent
                .clone()
                .unwrap_or_else(|| user_agent.to_owned()),
            no_reuse: options.no_connection_reuse == Some(true),
            hosts: hosts
                .map(|(name, target)| (name.clone(), text_of(target)))
                .collect(),
            blocked: options.block_hostnames.clone().unwrap_or_default(),
            blocked_ranges: ranges
                .map(|it| Range::parse(it))
                .collect::<Result<_, _>>()?,
            proxies: network.proxies.clone(),
            resolved: Mutex::default(),
        })
    }
}

/// A range of addresses, as `10.0.0.0/8`, or one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    start: IpAddr,
    bits: u32,
}

impl Range {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of addresses, as 10.0.0.0/8 is one");
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let start: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if start.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            "" => most,
            other => other.trim().parse().map_err(|_| wrong())?,
        };
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { start, bits })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.start, address.to_canonical()) {
            (IpAddr::V4(start), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                start.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(start), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                start.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_alone() {
        let inside = |range: &str, address: &str| {
            Range::parse(range)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("0.0.0.0/0", "1.2.3.4"));
        assert!(inside("127.0.0.1", "127.0.0.1"));
        assert!(!inside("127.0.0.1", "127.0.0.2"));
        assert!(inside("fd00::/8", "fd12::1"));
        assert!(inside("10.0.0.0/8", "::ffff:10.0.0.1"));
        for wrong in ["", "10.0.0.0/33", "x/8", "::/129"] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }
}
