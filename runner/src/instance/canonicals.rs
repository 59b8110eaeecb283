//! `[canonicals]` of `simmer.toml`: how many generations stay, how long, how large.

use std::path::Path;

use domain::retention::{LEAST, Retention};

use super::problem::{ConfigProblem, ConfigProblems, read_size};

/// The table as written.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCanonicals {
    keep: Option<usize>,
    keep_days: Option<u32>,
    keep_bytes: Option<String>,
}

pub(super) fn check_canonicals(raw: RawCanonicals, file: &Path) -> Result<Retention, ConfigProblems> {
    let RawCanonicals { keep, keep_days, keep_bytes } = raw;
    let mut problems = ConfigProblems::default();
    if let Some(keep) = keep.filter(|keep| *keep < LEAST) {
        let remedy = format!(
            "give the number of generations that stay, at least {LEAST}: the present one, and the one before it, \
             which is the way back"
        );
        problems.push(ConfigProblem::at_key(file, "canonicals.keep", format!("it is {keep}"), &remedy));
    }
    if keep_days == Some(0) {
        let remedy = "give the days for which a generation stays, or leave the key out";
        problems.push(ConfigProblem::at_key(file, "canonicals.keep_days", "it is 0", remedy));
    }
    let bytes = keep_bytes.as_deref().map(read_size).transpose().unwrap_or_else(|says| {
        let remedy = "write a number with `M`, `G` or `T`, such as \"50G\"";
        problems.push(ConfigProblem::at_key(file, "canonicals.keep_bytes", says, remedy));
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Retention { keep: keep.unwrap_or(Retention::default().keep), days: keep_days, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Retention, String> {
        let raw = toml::from_str(text).map_err(|error| error.to_string())?;
        check_canonicals(raw, Path::new("simmer.toml")).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(checked(""), Ok(Retention { keep: 3, days: None, bytes: None }));
        let all = "keep = 5\nkeep_days = 30\nkeep_bytes = \"50GB\"";
        assert_eq!(checked(all), Ok(Retention { keep: 5, days: Some(30), bytes: Some(50 << 30) }));
    }

    #[test]
    fn what_cannot_be_is_told_in_one_go() {
        insta::assert_snapshot!(checked("keep = 1\nkeep_days = 0\nkeep_bytes = \"50\"").unwrap_err(), @r#"
        simmer.toml: `canonicals.keep`: it is 1
          hint: give the number of generations that stay, at least 2: the present one, and the one before it, which is the way back
        simmer.toml: `canonicals.keep_days`: it is 0
          hint: give the days for which a generation stays, or leave the key out
        simmer.toml: `canonicals.keep_bytes`: `50` has no unit
          hint: write a number with `M`, `G` or `T`, such as "50G"
        "#);
        assert!(checked("kep = 3").unwrap_err().contains("unknown field `kep`"));
        assert!(checked("keep = -1").is_err() && checked("keep_bytes = 5").is_err());
    }
}
