//! The parts of a task: environment, health, resources, restarts, limits.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use crate::model;
use crate::specs::{
    DiscreteResource, DnsConfig, GenericResource, Healthcheck, Limit, Reservation, Resources, RestartPolicy,
    Ulimit,
};

const BILLION: i128 = 1_000_000_000;
/// Every capability there is.
const ALL: &str = "ALL";
/// Means something in an update by hand only; ignored here as Docker does.
const RESET: &str = "RESET";

/// Returns `NAME=value`, or `NAME` where there is no value, in the order of their bytes.
pub(super) fn environment(written: &BTreeMap<String, Option<String>>) -> Vec<String> {
    let mut lines: Vec<_> = written
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect();
    // Not the order of the names: `A1=` comes before `A=`.
    lines.sort();
    lines
}

/// Turns `name:address` into `address name`. What has no colon is dropped, as Docker does.
pub(super) fn hosts(written: &[String]) -> Vec<String> {
    let pairs = written.iter().filter_map(|host| host.split_once(':'));
    pairs.map(|(name, address)| format!("{address} {name}")).collect()
}

/// Returns the name resolution, if the file says anything about it.
pub(super) fn dns_config(service: &model::Service) -> Option<DnsConfig> {
    let (nameservers, search) = (service.dns.clone(), service.dns_search.clone());
    (!nameservers.is_empty() || !search.is_empty()).then_some(DnsConfig { nameservers, search })
}

/// Converts the limits of processes, ordered by name.
pub(super) fn ulimits(written: &BTreeMap<String, model::Ulimit>) -> Vec<Ulimit> {
    written
        .iter()
        .map(|(name, limit)| {
            // A null is refused before it comes here.
            let model::Ulimit { single, soft, hard, is_null: _ } = *limit;
            let (soft, hard) = if single == 0 { (soft, hard) } else { (single, single) };
            Ulimit { name: name.clone(), hard, soft }
        })
        .collect()
}

/// Converts a health check; `disable` becomes the test `NONE`.
pub(super) fn healthcheck(
    at: &str,
    written: Option<&model::Healthcheck>,
    found: &mut Found<'_>,
) -> Option<Healthcheck> {
    let model::Healthcheck { test, timeout, interval, retries, start_period, start_interval, disable } =
        written?;
    if *disable {
        if !test.is_empty() {
            found.add(
                format!("{at}.healthcheck"),
                "a check cannot have a `test` and be disabled",
                "remove `test` or `disable`",
            );
        }
        return Some(Healthcheck { test: vec!["NONE".into()], ..Healthcheck::default() });
    }
    let nanos = |time: &Option<model::Duration>| time.map_or(0, model::Duration::nanos);
    Some(Healthcheck {
        test: test.clone(),
        interval: nanos(interval),
        timeout: nanos(timeout),
        start_period: nanos(start_period),
        start_interval: nanos(start_interval),
        // Docker narrows the number in the same way.
        retries: retries.unwrap_or(0).cast_signed(),
    })
}

/// Converts `deploy.restart_policy`, or `restart` where there is none.
pub(super) fn restart_policy(
    at: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> Option<RestartPolicy> {
    if let Some(written) = &service.deploy.restart_policy {
        let model::RestartPolicy { condition, delay, max_attempts, window } = written;
        return Some(RestartPolicy {
            condition: condition.clone(),
            delay: delay.map(model::Duration::nanos),
            max_attempts: *max_attempts,
            window: window.map(model::Duration::nanos),
        });
    }
    let restart = &service.restart;
    let mut bad = |says: String| {
        found.add(
            format!("{at}.restart"),
            says,
            "use no, always, unless-stopped or on-failure[:times], or `deploy.restart_policy`",
        );
        None
    };
    if restart.is_empty() {
        return None;
    }
    let (name, times) = restart.split_once(':').unwrap_or((restart, ""));
    if name.is_empty() {
        return bad(format!("`{restart}` has no policy before the colon"));
    }
    let Ok(times) = (if times.is_empty() { Ok(0) } else { times.parse::<i64>() }) else {
        return bad(format!("`{times}` is not a number of attempts"));
    };
    let (condition, max_attempts) = match name {
        "no" => return None,
        // The number of attempts is dropped, as Docker does.
        "always" | "unless-stopped" => ("any", None),
        // Docker takes -1 for the largest number there is.
        "on-failure" => ("on-failure", Some(times.cast_unsigned())),
        unknown => return bad(format!("`{unknown}` is not a restart policy")),
    };
    Some(RestartPolicy { condition: condition.into(), max_attempts, ..RestartPolicy::default() })
}

/// Converts `deploy.resources`.
pub(super) fn resources(at: &str, written: &model::Resources, found: &mut Found<'_>) -> Resources {
    let at = format!("{at}.deploy.resources");
    let limits = written.limits.as_ref().map(|limits| Limit {
        nano_cpus: nano_cpus(&format!("{at}.limits.cpus"), &limits.cpus, found),
        memory_bytes: limits.memory.0,
        pids: limits.pids,
    });
    let reservations = written.reservations.as_ref().map(|reserved| Reservation {
        nano_cpus: nano_cpus(&format!("{at}.reservations.cpus"), &reserved.cpus, found),
        memory_bytes: reserved.memory.0,
        generic_resources: reserved
            .generic_resources
            .iter()
            .map(|resource| GenericResource {
                discrete_resource_spec: resource
                    .discrete_resource_spec
                    .as_ref()
                    .map(|d| DiscreteResource { kind: d.kind.clone(), value: d.value }),
            })
            .collect(),
    });
    Resources { limits, reservations }
}

fn nano_cpus(key: &str, written: &str, found: &mut Found<'_>) -> i64 {
    if written.is_empty() {
        return 0;
    }
    let says = match billionths(written) {
        Billionths::Whole(nanos) => return nanos,
        Billionths::TooFine => format!("`{written}` CPUs are more precise than a billionth"),
        Billionths::NotANumber => format!("`{written}` is not a number of CPUs"),
    };
    found.add(key.to_owned(), says, "write a decimal number, such as `\"0.5\"`");
    0
}

#[derive(Debug, PartialEq, Eq)]
enum Billionths {
    Whole(i64),
    TooFine,
    NotANumber,
}

/// Reads a decimal (`0.5`, `1e-1`) or a fraction (`1/2`), exactly, and counts its billionths. What does not
/// fit into 64 bits loses its upper part, as in Docker. Hexadecimal numbers, which Docker takes, are refused.
fn billionths(text: &str) -> Billionths {
    let (top, bottom) = text.split_once('/').map_or((text, None), |(top, bottom)| (top, Some(bottom)));
    let Some((mantissa, exponent)) = decimal(top, bottom.is_some()) else { return Billionths::NotANumber };
    let bottom = match bottom.map_or(Ok(1), str::parse::<u64>) {
        Ok(bottom) if bottom > 0 && !text.contains("/+") => i128::from(bottom),
        Ok(_) | Err(_) => return Billionths::NotANumber,
    };
    let all = mantissa * BILLION;
    let all = match u32::try_from(exponent) {
        #[expect(clippy::cast_possible_truncation, reason = "as Docker does")]
        Ok(up) => i128::from((all as i64).wrapping_mul(10_i64.wrapping_pow(up))),
        Err(_) => match 10_i128.checked_pow(exponent.unsigned_abs()) {
            Some(power) if all % power == 0 => all / power,
            _ if all == 0 => 0,
            Some(_) | None => return Billionths::TooFine,
        },
    };
    if all % bottom != 0 {
        return Billionths::TooFine;
    }
    #[expect(clippy::cast_possible_truncation, reason = "as Docker does")]
    Billionths::Whole((all / bottom) as i64)
}

/// Reads a number as digits and a power of ten.
fn decimal(text: &str, is_fraction: bool) -> Option<(i128, i32)> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.parse::<i32>().ok()?)),
        None => (text, None),
    };
    if is_fraction && (exponent.is_some() || number.contains('.')) {
        return None;
    }
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if unsigned.is_empty() && part.is_empty() {
        return None;
    }
    let part = part.trim_end_matches('0');
    let digits = format!("{unsigned}{part}");
    let digits = digits.trim_start_matches('0');
    // 18 digits stay far from the end of 128 bits after all scaling.
    if digits.len() > 18 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.unwrap_or(0).checked_sub(i32::try_from(part.len()).ok()?)?;
    let number: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some((if whole.starts_with('-') { -number } else { number }, exponent))
}

/// Returns what is added and what is dropped: in capitals, with `CAP_`, sorted, each once. `ALL` stands for
/// all others, and what is added is not dropped.
pub(super) fn capabilities(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let (add, mut drop) = (capability_set(add), capability_set(drop));
    drop.retain(|capability| !add.contains(capability));
    let listed = |set: BTreeSet<String>| set.into_iter().filter(|c| c != RESET).collect();
    (listed(add), listed(drop))
}

fn capability_set(written: &[String]) -> BTreeSet<String> {
    let set: BTreeSet<_> = written
        .iter()
        .map(|capability| {
            let name = capability.trim().to_uppercase();
            match name.as_str() {
                ALL | RESET => name,
                prefixed if prefixed.starts_with("CAP_") => name,
                _ => format!("CAP_{name}"),
            }
        })
        .collect();
    if set.contains(ALL) { [ALL.to_owned()].into() } else { set }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_counted_exactly() {
        for (text, nanos) in [
            ("0.5", 500_000_000),
            ("2", 2_000_000_000),
            ("1e-1", 100_000_000),
            ("1/4", 250_000_000),
            (".25", 250_000_000),
            ("0", 0),
            ("1.", 1_000_000_000),
            ("-1", -1_000_000_000),
            ("0.50000000000000000000", 500_000_000),
            ("1e400", 0),
            ("99999999999", 7_766_279_630_452_241_920),
        ] {
            assert_eq!(billionths(text), Billionths::Whole(nanos), "{text}");
        }
        assert_eq!(billionths("0.0000000001"), Billionths::TooFine);
        assert_eq!(billionths("1/3"), Billionths::TooFine);
        for text in ["", "half", "1/0", "1.2.3", "1/+2", "1.5/2", "e1", "inf", "."] {
            assert_eq!(billionths(text), Billionths::NotANumber, "{text}");
        }
        assert_eq!(billionths("1e-99"), Billionths::TooFine);
    }

    #[test]
    fn what_is_added_is_not_dropped_and_all_stands_for_all() {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            capabilities(&list(&["net_admin", "CAP_NET_ADMIN"]), &list(&["ALL", "chown"])),
            (list(&["CAP_NET_ADMIN"]), list(&["ALL"]))
        );
        assert_eq!(capabilities(&list(&["all"]), &list(&["ALL"])), (list(&["ALL"]), vec![]));
        assert_eq!(
            capabilities(&list(&["chown"]), &list(&["chown", "RESET"])),
            (list(&["CAP_CHOWN"]), vec![])
        );
    }

    #[test]
    fn variables_are_sorted_as_whole_lines() {
        let written =
            [("A".to_owned(), Some("1".to_owned())), ("A1".into(), Some(String::new())), ("B".into(), None)];
        assert_eq!(environment(&written.into()), ["A1=", "A=1", "B"]);
    }
}
