//! `verify_return`: whether a promotion shows that there is a way back.

use super::page::Section;

/// When a promotion shows that the release which the canonical stands on still starts on a copy of its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyReturn {
    Never,
    /// After an advance that failed.
    OnFailure,
    /// Also before the commit of one that did not: nothing moves forward before there is a way back.
    Always,
}

pub(super) fn verify_return(root: &Section<'_>) -> VerifyReturn {
    let why = "one more copy and one more start cost time; ask for it where the way back counts";
    match root.text_or("verify_return", "never", why).as_str() {
        "never" => VerifyReturn::Never,
        "on_failure" => VerifyReturn::OnFailure,
        "always" => VerifyReturn::Always,
        other => {
            let says = format!("`{other}` is no time to verify the return");
            root.wrong("verify_return", says, "write \"never\", \"on_failure\" or \"always\"");
            VerifyReturn::Never
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Overlay;
    use super::*;

    fn read(text: &str) -> Result<VerifyReturn, String> {
        let read = Overlay::check(text, Path::new("overlay.toml"), Path::new("."));
        read.map(|(overlay, _)| overlay.verify_return).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_way_back_is_shown_where_the_overlay_asks_for_it() {
        assert_eq!(read(""), Ok(VerifyReturn::Never));
        assert_eq!(read("verify_return = \"on_failure\""), Ok(VerifyReturn::OnFailure));
        assert_eq!(read("verify_return = \"always\""), Ok(VerifyReturn::Always));
        insta::assert_snapshot!(read("verify_return = \"sometimes\"").unwrap_err(), @r#"
        overlay.toml:1: `verify_return`: `sometimes` is no time to verify the return
          hint: write "never", "on_failure" or "always"
        "#);
    }
}
