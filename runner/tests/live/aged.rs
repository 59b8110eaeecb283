//! Green cold, red on data that aged: the canonical is left whole, and its release still starts.

use crate::warm::{Given, Soak, bytes_of, carried, ground, is_green_cold, shown, standings, volumes};

/// A release that is green cold is refused by data of an older one. Asserts that nothing happened to the canonical;
/// returns story and result of the promotion.
fn refused_by_its_data(shelf: &str, recipe: &str, old: &str, new: &str, says: &str) -> String {
    let ground = ground(shelf, recipe, Soak::Short);
    let _given = Given(&ground, recipe);
    let born = carried(&ground, recipe, old);
    let committed = volumes(&ground, "-g1");
    let bytes = bytes_of(&committed);

    is_green_cold(&ground, recipe, new);
    let red = ground.simmer(&["promote", recipe, "--ref", new]);
    assert_eq!(red.exit, 1, "{}{}", red.stdout, red.stderr);
    assert!(red.stdout.contains(&format!("not promoted: {recipe} {new} failed: ")), "{}", red.stdout);
    assert!(red.stderr.contains(says), "the line is quoted: {}", red.stderr);

    let after = shown(&ground, recipe);
    assert_eq!(after["canonical"], born["canonical"], "the record says what it said");
    assert_eq!(standings(&after), ["g1 committed", "g2 dropped"]);
    assert_eq!(volumes(&ground, ""), committed, "of the candidate nothing is left");
    assert_eq!(bytes_of(&committed), bytes, "not a byte of the committed generation is another");
    ground.assert_nothing_left();

    let why = ground.simmer(&["why", "last"]);
    assert!(why.stdout.contains("the data that aged"), "{}", why.stdout);
    let proven = ground.simmer(&["promote", recipe, "--ref", old, "--dry"]);
    assert_eq!(proven.exit, 0, "the old release starts on the old data: {}", proven.stderr);
    assert_eq!(bytes_of(&committed), bytes);
    red.stdout + &red.stderr + &why.stdout
}

/// Verdaccio 5.10 leaves a secret of 64 characters in its volume, and 6.10 takes 32 only: fresh volumes never show it.
#[test]
fn cc_105_cc_106_cc_109_cc_113_verdaccio_cannot_use_the_secret_of_its_first_release() {
    let says = "Invalid storage secret key length";
    let told = refused_by_its_data("samples", "verdaccio", "1.0.0+5.10.0", "2.1.0+6.10.4", says);
    assert!(told.contains("`app` left"), "{told}");
}

/// Syncthing rewrites a configuration of an older version at its start. From 2.1.0 on the recipe mounts it read-only:
/// what 1.29 made itself suits it, what 1.19 left does not.
#[test]
fn cc_080_cc_105_cc_106_syncthing_cannot_rewrite_the_configuration_of_its_first_release() {
    let says = "config archive: open /config/config.xml.v36: read-only file system";
    let told = refused_by_its_data("aged", "syncthing", "1.0.0+1.19", "2.1.0+1.29-2", says);
    assert!(told.contains("configuration_cannot_be_rewritten"), "the cause has its name: {told}");
}
