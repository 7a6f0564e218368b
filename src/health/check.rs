//! `dronebot healthcheck`: asks the probe of the bot on this machine, for images without curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How much of an answer is read.
const ENOUGH: u64 = 64 * 1024;

/// The liveness probe of a bot that listens here.
pub fn healthcheck_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/livez", SocketAddr::new(ip, listen.port()))
}

/// Asks once, without any runtime; each step within `timeout`.
///
/// # Errors
/// Anything but 200, as one line with what was answered.
pub fn healthcheck(url: &str, timeout: Duration) -> Result<(), String> {
    let parsed = url::Url::parse(url).map_err(|error| format!("{url} is not a URL: {error}"))?;
    let (Some(host), Some(port), "http") = (parsed.host_str(), parsed.port_or_known_default(), parsed.scheme()) else {
        return Err(format!("{url} is not an http URL"));
    };
    let (status, body) = get(host, port, parsed.path(), timeout).map_err(|error| format!("{url}: {error}"))?;
    let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if status == 200 { Ok(()) } else { Err(format!("{url} answered {status}: {body}")) }
}

fn get(host: &str, port: u16, path: &str, timeout: Duration) -> std::io::Result<(u16, String)> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    // an IPv6 host of a URL stands in brackets
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let address = (name, port).to_socket_addrs()?.next().ok_or_else(|| bad("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| bad("the answer is not HTTP"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| bad("the answer is not HTTP"))?, body.to_owned()))
}
