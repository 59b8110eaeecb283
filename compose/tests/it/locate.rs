//! Places of keys, as lint rules ask for them.

use compose::Interpolation;

use crate::oracle::Case;

#[test]
fn keys_items_and_list_entries_are_found_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
services:
  app.one:
    image: x
    ports:
      - \"80:80\"
    deploy:
      labels:
        - \"traefik.enable=true\"
    labels: {a.b: c}
";
    let loaded = Case::of_text(folder.path(), text).ours(Interpolation::Apply).unwrap();
    let place = |path: &str| loaded.locate(path).map(|place| (place.line, place.column));
    assert_eq!(place("services.app.one.image"), Some((3, 5)));
    assert_eq!(place("services.app.one.ports[0]"), Some((5, 9)));
    assert_eq!(place("services.app.one.deploy.labels.traefik.enable"), Some((8, 11)));
    assert_eq!(place("services.app.one.labels.a.b"), Some((9, 14)));
    assert_eq!(place("services.app.one.ports[1]"), None);
    assert_eq!(place("services.other"), None);
}

#[test]
fn the_last_file_that_has_a_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::of_text(folder.path(), "services:\n  app:\n    image: x\n    user: a\n");
    std::fs::write(folder.path().join("more.yml"), "services:\n  app:\n    image: y\n").unwrap();
    case.files.push("more.yml".to_owned());
    let loaded = case.ours(Interpolation::Apply).unwrap();
    assert_eq!(loaded.locate("services.app.image").unwrap().file, "more.yml");
    assert_eq!(loaded.locate("services.app.user").unwrap().file, "compose.yml");
}
