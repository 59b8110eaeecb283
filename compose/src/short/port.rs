//! Ports as in `8080:80`, `127.0.0.1:53:53/udp`, `9000-9002:90-92`, `8000-8009:80`.

use std::net::IpAddr;

use crate::model::Port;

/// Reads a short form, which may stand for several ports. An address is checked and then ignored, as by the CLI.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Vec<Port>, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (address, published, target) = match parts.as_slice() {
        [target] => (String::new(), "", *target),
        [published, target] => (String::new(), *published, *target),
        [address @ .., published, target] => (address.join(":"), *published, *target),
        [] => (String::new(), "", ""),
    };
    let (protocol, target) = split_protocol(target);
    check_address(&address)?;
    if target.is_empty() {
        return Err(format!("no port specified: `{text}`"));
    }
    let targets = range(target).ok_or_else(|| format!("invalid container port `{target}`"))?;
    let published = match published {
        "" => None,
        text => Some(range(text).ok_or_else(|| format!("invalid published port `{text}`"))?),
    };
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid protocol `{protocol}`"));
    }
    let port = |target: u16, published: u16| Port {
        mode: "ingress".to_owned(),
        target: u32::from(target),
        published: u32::from(published),
        protocol: protocol.clone(),
    };
    let width = |(first, last): (u16, u16)| last - first;
    let mut ports: Vec<Port> = match published {
        None => (targets.0..=targets.1).map(|target| port(target, 0)).collect(),
        Some(published) if width(published) == width(targets) => {
            (targets.0..=targets.1).zip(published.0..=published.1).map(|(t, p)| port(t, p)).collect()
        }
        Some(published) if width(targets) == 0 => {
            (published.0..=published.1).map(|published| port(targets.0, published)).collect()
        }
        Some(_) => return Err("the ranges of published and container ports differ in length".to_owned()),
    };
    // The CLI sorts by the target as a text, so that 10 comes before 9.
    ports.sort_by_key(|port| port.target.to_string());
    Ok(ports)
}

fn split_protocol(text: &str) -> (&str, &str) {
    let mut parts = text.split('/');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("", _) => ("", ""),
        (port, None | Some("")) => ("tcp", port),
        (port, Some(protocol)) => (protocol, port),
    }
}

fn check_address(address: &str) -> Result<(), String> {
    if address.is_empty() {
        return Ok(());
    }
    let bare = match address.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').unwrap_or(address),
        None => address,
    };
    match bare.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) if bare.is_empty() && address == "[]" => Ok(()),
        Err(_) => Err(format!("invalid IP address `{address}`")),
    }
}

/// Reads `80` or `80-89`.
fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let first = number(parts.next()?)?;
    let last = match parts.next() {
        Some(last) => number(last)?,
        None => first,
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let ports = parse(text).unwrap();
        let shown: Vec<_> =
            ports.iter().map(|p| format!("{}:{}/{}", p.published, p.target, p.protocol)).collect();
        shown.join(" ")
    }

    #[test]
    fn each_form_is_read() {
        for (text, ports) in [
            ("80", "0:80/tcp"),
            ("8080:80", "8080:80/tcp"),
            (":80", "0:80/tcp"),
            ("1.2.3.4:8080:80/UDP", "8080:80/udp"),
            ("[::1]:8080:80", "8080:80/tcp"),
            ("::1::80", "0:80/tcp"),
            ("90-91:80-81", "90:80/tcp 91:81/tcp"),
            ("90-91:80", "90:80/tcp 91:80/tcp"),
            ("9-11", "0:10/tcp 0:11/tcp 0:9/tcp"),
            ("80/", "0:80/tcp"),
            ("0", "0:0/tcp"),
        ] {
            assert_eq!(shown(text), ports, "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for text in [
            "",
            "a",
            "80:",
            "70000",
            "-1",
            "81-80",
            "80/icmp",
            "/tcp",
            "90-92:80-81",
            "host:80:80",
            " 80",
            "1.2.3.4.5:1:1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"([0-9]{1,6}|[-:/.\[\]]|tcp|udp|\PC){0,10}") {
            drop(parse(&text));
        }
    }
}
