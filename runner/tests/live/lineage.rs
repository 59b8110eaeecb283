//! Real applications carried release by release: what the first release wrote is read at the last.

use serde_json::Value;

use crate::ground::Ground;
use crate::warm::{
    Given, Soak, carried, ground, in_volume, promoted, releases, shown, standings, volumes, word,
};

/// Carries every release onto the canonical, oldest first, and asserts of each what has to be so; returns what was shown
/// after the last.
fn grown(ground: &Ground, recipe: &str, count: &str) -> Value {
    let releases = releases(ground, recipe);
    assert!(releases.len() >= 3, "{releases:?}");
    let mut before: Option<(Value, Value)> = None;
    for (nth, release) in releases.iter().enumerate() {
        let shown = carried(ground, recipe, release);
        let record = &shown["canonical"];
        assert_eq!(record["release"], release.as_str());
        assert_eq!((&record["advances"], &record["generation"]), (&nth.into(), &(nth + 1).into()));
        let planted = record["planted"].as_array().unwrap();
        let planted_at: Vec<_> = planted.iter().map(|planted| word(&planted["release"])).collect();
        assert_eq!(planted_at, releases[..=nth], "each release plants its own and keeps the older ones");
        assert!(planted.iter().all(|p| !p["data"].as_object().unwrap().is_empty()), "{planted:#?}");
        let secrets = secrets(ground, recipe);
        if let Some((before, born_with)) = &before {
            assert_eq!(secrets, *born_with, "the secrets that it was born with");
            let was = &before["canonical"];
            assert_eq!(record["born"], was["born"], "born once");
            assert_eq!(planted[..nth], was["planted"].as_array().unwrap()[..], "no marker is rewritten");
            assert_ne!(record["run"], was["run"]);
            let counts = |of: &Value| of["fingerprint"]["counts"][count].as_i64();
            assert!(counts(record) > counts(was), "{count}: {:?}, then {:?}", counts(was), counts(record));
            // What was printed of a generation when it was committed stands beside it ever after.
            let kept = shown["generations"].as_array().unwrap();
            let kept = kept.iter().find(|g| g["number"] == was["generation"]).unwrap();
            assert_eq!(kept["record"]["fingerprint"], was["fingerprint"]);
            assert_ne!(kept["record"]["fingerprint"]["volumes"], record["fingerprint"]["volumes"]);
        }
        before = Some((shown, secrets));
    }
    let (shown, _) = before.unwrap();
    // Not by our word alone: the files of the oldest release lie in the newest generation's volumes.
    let oldest = &shown["canonical"]["planted"][0];
    let witnesses = oldest["witnesses"].as_object().unwrap();
    assert!(!witnesses.is_empty(), "{oldest:#}");
    for (volume, content) in witnesses {
        let name = word(&shown["canonical"]["volumes"][volume]);
        let found = in_volume(&name, &format!("cat .simmer-witness-{}", word(&oldest["run"])));
        assert_eq!(found, content.as_str().unwrap().trim());
    }
    shown
}

#[test]
fn cc_101_cc_108_cc_110_radicale_keeps_the_calendar_of_its_first_release_and_data_never_goes_back() {
    let ground = ground("samples", "radicale", Soak::Short);
    let too_early = ground.simmer(&["promote", "radicale"]);
    assert_eq!(too_early.exit, 2, "{}", too_early.stderr);
    assert!(too_early.stderr.contains("has no green cold run"), "{}", too_early.stderr);

    let _given = Given(&ground, "radicale");
    let grown = grown(&ground, "radicale", "items");
    assert_eq!(standings(&grown), ["g1 committed", "g2 committed", "g3 committed"]);
    let record = &grown["canonical"];
    let marker = word(&record["planted"][0]["data"]["a calendar"]);
    let volume = word(record["volumes"].as_object().unwrap().values().next().unwrap());
    let calendars =
        in_volume(&volume, &format!("grep -rlF 'SUMMARY:{marker}' collection-root/simmer/{marker}"));
    assert!(calendars.contains("first.ics"), "{calendars}");

    let releases = releases(&ground, "radicale");
    let (first, last) = (&releases[0], &releases[2]);
    let back = ground.simmer(&["promote", "radicale", "--ref", first]);
    assert_eq!(back.exit, 2, "{}", back.stderr);
    assert!(back.stderr.contains("newer than"), "{}", back.stderr);

    // Proven, and nothing of it is left (CC-121).
    let dry = ground.simmer(&["promote", "radicale", "--ref", last, "--dry"]);
    assert_eq!(dry.exit, 0, "{}{}", dry.stdout, dry.stderr);
    assert_eq!(shown(&ground, "radicale")["canonical"], *record, "a dry promotion changes no record");
    assert_eq!(volumes(&ground, "").len(), 3, "and leaves no volume");

    // The same release again is harmless; of what was committed the three newest stay.
    promoted(&ground, "radicale", last);
    let again = shown(&ground, "radicale");
    assert_eq!(again["canonical"]["advances"], 3);
    assert_eq!(again["canonical"]["planted"].as_array().unwrap().len(), 4);
    assert_eq!(volumes(&ground, "-g1"), Vec::<String>::new(), "the oldest generation is retired");
    let kept: Vec<_> = standings(&again).into_iter().filter(|g| g.ends_with("committed")).collect();
    assert_eq!((kept.len(), volumes(&ground, "").len()), (3, 3), "{kept:?}");

    let rolled = ground.simmer(&["canonical", "rollback", "radicale"]);
    assert_eq!(rolled.exit, 0, "{}", rolled.stderr);
    let back = shown(&ground, "radicale");
    assert_eq!(
        (&back["canonical"]["generation"], &back["canonical"]["release"]),
        (&3.into(), &last.as_str().into())
    );
    let told = ground.simmer(&["canonical", "show", "radicale"]);
    assert!(told.stdout.contains(&format!("the oldest readable of {first}")), "{}", told.stdout);
}

/// PostgreSQL, two secrets, a config made from a template, and from the second release on a job that moves the schema.
#[test]
fn cc_108_cc_116_kinto_keeps_database_and_secrets_from_its_first_release_to_its_last() {
    let ground = ground("samples", "kinto", Soak::Short);
    let _given = Given(&ground, "kinto");
    let grown = grown(&ground, "kinto", "records");
    assert_eq!(standings(&grown), ["g1 committed", "g2 committed", "g3 committed"]);
    assert_eq!(
        grown["canonical"]["planted"][0]["data"].as_object().unwrap().len(),
        2,
        "a bucket and a record"
    );
    assert_eq!(grown["canonical"]["fingerprint"]["counts"]["records"], 3, "one of each release");
    assert_eq!(secrets(&ground, "kinto").as_object().unwrap().len(), 2);
}

/// The values that the canonical was born with and keeps.
fn secrets(ground: &Ground, recipe: &str) -> Value {
    let kept = ground.path().join(format!("state/canonicals/{recipe}/secrets.json"));
    serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap()
}
