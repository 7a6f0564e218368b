//! Two hosts, and the network between them and everything else: network namespaces, each with a cable to a bridge on which
//! the sandbox and the proxies listen. A host is cut off by pulling its cable: packets vanish, nobody is told.

use super::node::skipped;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where a bot runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The network namespace; this one where there is none.
    pub netns: Option<String>,
    /// The address at which it can be reached.
    pub address: String,
    /// The folder for what it keeps, within the world's own; that one where there is none.
    pub folder: Option<&'static str>,
}

impl Default for Place {
    fn default() -> Self {
        Self { netns: None, address: "127.0.0.1".to_owned(), folder: None }
    }
}

/// How many hosts there are.
const HOSTS: usize = 2;

/// What the hosts call the machine on which the sandbox is: the bot asks one without TLS only where it is its own machine,
/// or a neighbour that is known by a bare name.
pub const NEIGHBOUR: &str = "outside";

/// Where `ip netns exec` finds what a namespace has of its own under `/etc`.
const OWN_ETC: &str = "/etc/netns";

/// The network of one test; it goes with the value.
#[derive(Debug)]
pub struct Net {
    /// The bridge; the hosts' names begin with its name.
    name: String,
    /// The first three numbers of all addresses.
    prefix: String,
}

impl Net {
    /// A network, or `None` after a SKIPPED line where there can be none.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU8 = AtomicU8::new(0);
        static MAKING: Mutex<()> = Mutex::new(());
        let _alone = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // other processes choose their addresses too
        let lock = File::create(super::target().join("networks.lock")).and_then(|file| file.lock().map(|()| file));
        let _alone_of_all = lock.expect("the networks are locked");
        if let Err(missing) = ip(&["netns", "list"]) {
            skipped("namespaces", &missing);
            return None;
        }
        sweep();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("db{}{}", std::process::id(), char::from(b'g' + number % 20));
        let net = Self { name, prefix: free_prefix(number) };
        match net.build() {
            Ok(()) => Some(net),
            Err(missing) => {
                skipped("namespaces", &missing);
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let (bridge, here) = (self.name.as_str(), format!("{}/24", self.address()));
        ip(&["link", "add", bridge, "type", "bridge"])?;
        ip(&["addr", "add", &here, "dev", bridge])?;
        ip(&["link", "set", bridge, "up"])?;
        for host in 0..HOSTS {
            let (cable, address) = (self.host(host), format!("{}/24", self.place(host).address));
            let netns = cable.as_str();
            ip(&["netns", "add", netns])?;
            ip(&["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", netns])?;
            ip(&["link", "set", &cable, "master", bridge, "up"])?;
            ip(&["-n", netns, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", netns, "link", "set", "eth0", "up"])?;
            ip(&["-n", netns, "link", "set", "lo", "up"])?;
            let own = Path::new(OWN_ETC).join(netns);
            let hosts = format!("127.0.0.1 localhost\n{} {NEIGHBOUR}\n", self.address());
            let written = std::fs::create_dir_all(&own).and_then(|()| std::fs::write(own.join("hosts"), hosts));
            written.map_err(|error| format!("{} cannot be written: {error}", own.display()))?;
        }
        Ok(())
    }

    /// The name of a host's namespace, and of its cable.
    fn host(&self, host: usize) -> String {
        format!("{}{host}", self.name)
    }

    /// The address of everything that is on no host.
    pub fn address(&self) -> String {
        format!("{}.1", self.prefix)
    }

    /// A host, from 0.
    pub fn place(&self, host: usize) -> Place {
        let folder = Some(["host-a", "host-b"][host]);
        Place { netns: Some(self.host(host)), address: format!("{}.{}", self.prefix, host + 2), folder }
    }

    /// A host can reach nobody, and nobody it.
    pub fn cut(&self, place: &Place) {
        ip(&["link", "set", place.netns.as_deref().expect("a host"), "down"]).expect("the cable is pulled");
    }

    /// It is back.
    pub fn mend(&self, place: &Place) {
        ip(&["link", "set", place.netns.as_deref().expect("a host"), "up"]).expect("the cable is plugged in");
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in 0..HOSTS {
            let _ = ip(&["link", "del", &self.host(host)]);
            let _ = ip(&["netns", "del", &self.host(host)]);
            let _ = std::fs::remove_dir_all(Path::new(OWN_ETC).join(self.host(host)));
        }
        let _ = ip(&["link", "del", &self.name]);
    }
}

/// The program `ip`, which may be outside of the usual PATH.
pub fn program() -> Result<&'static str, String> {
    let places = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"];
    let found = places.into_iter().find(|place| Path::new(place).exists());
    found.ok_or_else(|| "no program `ip`; install it (Debian: apt-get install iproute2)".to_owned())
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program()?).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("ip does not run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`ip {}` says: {complaint}; it needs root and CAP_NET_ADMIN", arguments.join(" ")))
}

/// A network of 10.0.0.0/8 that nobody here uses yet.
fn free_prefix(number: u8) -> String {
    let used = ip(&["-4", "route", "show", "table", "all"]).unwrap_or_default();
    let mut at = std::process::id().wrapping_mul(7).wrapping_add(u32::from(number) * 17);
    loop {
        let prefix = format!("10.{}.{}", 64 + (at / 256) % 128, at % 256);
        if !used.contains(&format!("{prefix}.")) {
            return prefix;
        }
        at += 1;
    }
}

/// Takes away what a test run has left that was killed.
fn sweep() {
    let of_dead = |name: &str| {
        let id: String = name.strip_prefix("db")?.chars().take_while(char::is_ascii_digit).collect();
        let is_ours = !id.is_empty() && name[2 + id.len()..].starts_with(|c: char| c.is_ascii_lowercase());
        (is_ours && !Path::new("/proc").join(&id).exists()).then(|| name.to_owned())
    };
    let spaces = ip(&["netns", "list"]).unwrap_or_default();
    for name in spaces.lines().filter_map(|line| of_dead(line.split(' ').next()?)) {
        let _ = ip(&["netns", "del", &name]);
        let _ = std::fs::remove_dir_all(Path::new(OWN_ETC).join(&name));
    }
    let links = ip(&["-o", "link", "show", "type", "bridge"]).unwrap_or_default();
    for name in links.lines().filter_map(|line| of_dead(line.split(": ").nth(1)?)) {
        let _ = ip(&["link", "del", &name]);
    }
}
