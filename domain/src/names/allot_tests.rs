use proptest::prelude::*;

use super::*;

fn run() -> RunId {
    RunId::parse("00c0ffee").unwrap()
}

fn recipe(name: &str) -> RecipeName {
    RecipeName::parse(name).unwrap()
}

fn allotter(providers: &[(&str, &str)]) -> Result<Allotter, Vec<BadProvider>> {
    let declared = providers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Allotter::new("ci.example.org").unwrap().with_providers(&declared)
}

/// What an instance with these recipes and providers is told, a line each.
fn told(recipes: &[&str], providers: &[(&str, &str)]) -> String {
    let recipes: Vec<_> = recipes.iter().map(|name| recipe(name)).collect();
    let lines: Vec<_> = match allotter(providers) {
        Ok(allotter) => allotter.collisions(&recipes).iter().map(ToString::to_string).collect(),
        Err(problems) => problems.iter().map(|bad| format!("{}: {bad}", bad.key())).collect(),
    };
    lines.join("\n")
}

#[test]
fn cc_091_names_of_runs_and_canonicals_sort_after_the_shared_network() {
    let allotter = allotter(&[]).unwrap();
    let sides = [Side::A, Side::B].map(|side| allotter.run(&run(), side, 0));
    for domain in sides.into_iter().chain([allotter.canonical(&recipe("0"))]) {
        assert!(format!("{}_internal", StackName::of_domain(&domain)).as_str() > "proxy");
    }
}

#[test]
fn the_two_sides_of_a_run_never_share_a_name() {
    let allotter = allotter(&[]).unwrap();
    let names: BTreeSet<_> = [(Side::A, 0), (Side::B, 0), (Side::B, 1), (Side::B, 2)]
        .map(|(side, nth)| StackName::of_domain(&allotter.run(&run(), side, nth)))
        .into();
    assert_eq!(names.len(), 4);
}

#[test]
fn cc_117_a_canonicals_domain_is_derived() {
    let allotter = allotter(&[]).unwrap();
    let of = |name: &str| allotter.canonical(&recipe(name)).to_string();
    assert_eq!(of("gitea"), "warm-gitea.ci.example.org");
    assert_eq!(of("lasuite_docs"), "warm-lasuite-docs.ci.example.org");
    assert_eq!(of("odd-_"), "warm-odd.ci.example.org", "no label ends with `-`");
    assert!(Domain::parse(&of(&"-".repeat(40).replacen('-', "0", 1))).is_ok());
}

#[test]
fn cc_118_a_provider_keeps_its_name_and_the_canonical_moves() {
    let allotter = allotter(&[("sso", "warm-keycloak.ci.example.org"), ("mail", "")]).unwrap();
    let of = |name: &str| allotter.canonical(&recipe(name)).to_string();
    assert_eq!(of("keycloak"), "warm-canon-keycloak.ci.example.org");
    assert_eq!(of("gitea"), "warm-gitea.ci.example.org", "the others keep theirs");
    let mail = allotter.provider(&ProviderName::parse("mail").unwrap()).unwrap();
    assert_eq!(mail.as_str(), "live-mail.ci.example.org");
}

#[test]
fn cc_185_two_declarations_that_collide_are_refused_with_both_owners() {
    insta::assert_snapshot!(told(&["a-b", "a_b"], &[]), @"the canonical of recipe `a-b` and the canonical of recipe `a_b` would both be served at `warm-a-b.ci.example.org`");
    insta::assert_snapshot!(
        told(&["keycloak"], &[("one", "warm-keycloak.ci.example.org"), ("two", "warm-canon-keycloak.ci.example.org")]),
        @"the canonical of recipe `keycloak` and provider `two` would both be served at `warm-canon-keycloak.ci.example.org`"
    );
    insta::assert_snapshot!(
        told(&["keycloak", "canon-keycloak"], &[("sso", "warm-keycloak.ci.example.org")]),
        @"the canonical of recipe `keycloak` and the canonical of recipe `canon-keycloak` would both be served at `warm-canon-keycloak.ci.example.org`"
    );
    insta::assert_snapshot!(
        told(&[], &[("a_b", ""), ("a-b", "")]),
        @"a_b: provider `a_b` and provider `a-b` would both be served at `live-a-b.ci.example.org`"
    );
    insta::assert_snapshot!(
        told(&[], &[("r", "run-00c0ffeeb2.example.net"), ("s", "simmer.ci.example.org"), ("t", "sso..org")]),
        @r"
    r: provider `r` and every run would both be served at `run-00c0ffeeb2.example.net`
    s: provider `s` and the dashboard would both be served at `simmer.ci.example.org`
    t: `sso..org` is not a domain: each label has to have 1 to 63 characters
    "
    );
}

#[test]
fn stacks_that_are_cut_to_one_name_are_refused() {
    let (one, other) = (
        "p.a-domain-that-is-rather-long-for-a-stack-x.org",
        "p.a-domain-that-is-rather-long-for-a-stack-x.com",
    );
    insta::assert_snapshot!(
        told(&[], &[("one", one), ("other", other)]),
        @"other: provider `other` at `p.a-domain-that-is-rather-long-for-a-stack-x.com` and provider `one` at `p.a-domain-that-is-rather-long-for-a-stack-x.org` would both have the stack `p_a-domain-that-is-rather-long-for-a-stack-x_`"
    );
    // 40 characters behind `warm-canon-` are cut after 34: a recipe that differs only after that is another's alias.
    let (long, twin) = (format!("{}abcdef", "x".repeat(34)), format!("{}ghijkl", "x".repeat(34)));
    let providers =
        [("a", format!("warm-{long}.ci.example.org")), ("b", format!("warm-{twin}.ci.example.org"))];
    let providers: Vec<_> = providers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert!(told(&[&long, &twin], &providers).contains("would both have the stack `warm-canon-xxx"));
    assert_eq!(told(&[&long], &providers), "");
}

#[test]
fn a_stack_that_begins_anothers_name_is_refused() {
    // Service `x_app` of the one would be service `app` of the other.
    insta::assert_snapshot!(
        told(&[], &[("a", "sso.example.org"), ("b", "sso.example.org.x")]),
        @"b: the stacks of provider `b` at `sso.example.org.x` and provider `a` at `sso.example.org` could share names of services, since one name begins the other"
    );
    let moved = allotter(&[("p", "warm-gitea.ci.example.org.uk")]).unwrap();
    assert_eq!(moved.canonical(&recipe("gitea")).as_str(), "warm-canon-gitea.ci.example.org");
}

#[test]
fn a_volume_of_a_generation_tells_which_volume_and_which_generation_it_is() {
    use crate::Generation;
    // Also for volumes whose own names end as a generation does.
    let names = ["data", "data-g1", "data-g1-g2", "data-g"];
    let all: BTreeSet<String> =
        names.iter().flat_map(|name| (1..30).map(|n| Generation(n).volume(name))).collect();
    assert_eq!(all.len(), names.len() * 29);
}

fn hostile_recipe() -> impl Strategy<Value = RecipeName> {
    prop_oneof![
        "[a-b0][ab_-]{0,3}",
        "(canon-)?[ab]",
        "canon[-_][ab]",
        "x{34}[ab_-]{0,6}",
        "run-00c0ffeea|simmer|live-a|warm-a|[a-z0-9][a-z0-9_-]{39}",
    ]
    .prop_map(|name| recipe(&name))
}

fn base() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ci.test".to_owned()),
        Just("t".to_owned()),
        Just("a-rather-long-subdomain.of-a-long-domain.example.org".to_owned()),
        "[ab]{1,3}(\\.[ab]{1,3}){0,2}",
    ]
}

fn provider(base: String) -> impl Strategy<Value = (String, String)> {
    let domain = prop_oneof![
        Just(String::new()),
        ("(warm|warm-canon|live|run|simmer)-[ab](-[ab])?").prop_map({
            let base = base.clone();
            move |label| format!("{label}.{base}")
        }),
        "run-00c0ffee[abc]1?\\.[ab]",
        Just(format!("simmer.{base}")),
        Just(base.clone()),
        "[ab](\\.[ab]){0,2}".prop_map(move |more| format!("warm-a.{base}.{more}")),
        "x{34}[ab]{0,4}".prop_map(|name| format!("warm-{name}.t")),
    ];
    ("[ab][ab_-]{0,2}", domain)
}

proptest! {
    #[test]
    fn no_two_names_that_are_given_out_are_equal_or_alias(
        (base, providers) in base().prop_flat_map(|base| {
            let providers = proptest::collection::btree_map("[ab]", provider(base.clone()), 0..4);
            (Just(base), providers)
        }),
        recipes in proptest::collection::btree_set(hostile_recipe(), 0..5),
        runs in proptest::collection::btree_set(any::<[u8; 4]>(), 1..3),
    ) {
        let declared: BTreeMap<_, _> = providers.into_values().collect();
        let Ok(allotter) = Allotter::new(&base).unwrap().with_providers(&declared) else { return Ok(()) };
        let mut given: Vec<Domain> = recipes.iter().map(|r| allotter.canonical(r)).collect();
        given.extend(allotter.providers().values().cloned());
        given.extend(Reserved::ALL.map(|r| allotter.reserved(r)));
        let fixed = given.len();
        let runs = runs.into_iter().map(RunId::from_random).chain([run()]);
        let sides = [(Side::A, 0), (Side::B, 0), (Side::B, 1)];
        given.extend(runs.flat_map(|run| sides.map(|(side, nth)| allotter.run(&run, side, nth))));
        let collisions = allotter.collisions(&recipes);
        let mut aliases = 0;
        for (nth, one) in given.iter().enumerate() {
            // What is made is what is read back: a name of DNS.
            prop_assert_eq!(&Domain::parse(one.as_str()).unwrap(), one);
            prop_assert!(StackName::parse(StackName::of_domain(one).as_str()).is_ok());
            for (mth, other) in given.iter().enumerate().skip(nth + 1) {
                let (a, b) = (StackName::of_domain(one), StackName::of_domain(other));
                let alias = a == b
                    || a.as_str().starts_with(&format!("{b}_"))
                    || b.as_str().starts_with(&format!("{a}_"));
                // With a run's name nothing collides whatever is declared, or it is no run's of ours.
                let same_run = nth >= fixed && one == other;
                prop_assert!(!alias || same_run || mth < fixed, "{} and {}", one, other);
                if alias && mth < fixed {
                    aliases += 1;
                }
            }
        }
        // Every alias among what is declared is refused, and nothing else is.
        prop_assert_eq!(collisions.len(), aliases, "{:?}", collisions);
    }
}
