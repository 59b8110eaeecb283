use proptest::prelude::*;

use super::*;

fn read(text: &str) -> EnvFile {
    parse(".env.sample", text)
}

fn shown(sample: &EnvFile) -> String {
    let mut out = String::new();
    for line in &sample.lines {
        let Assignment { name, value, line: nth, state, modifiers } = line;
        let mark = if *state == State::Set { "" } else { "#" };
        out += &format!("{nth:>2} {mark}{name}={value:?}");
        if *modifiers != Modifiers::default() {
            out += &format!(" {modifiers:?}");
        }
        out += "\n";
    }
    for Problem { file, line, key, says, remedy, .. } in &sample.problems {
        out += &format!("{file}:{line}: {key}: {says} ({remedy})\n");
    }
    out
}

#[test]
fn a_sample_as_recipes_write_it_is_read() {
    let sample = read(
        r##"TYPE=bonfire
DOMAIN=bonfire.example.com

## Domain aliases
#EXTRA_DOMAINS=', `www.bonfire.example.com`'
LETS_ENCRYPT_ENV=production
COMPOSE_FILE="compose.yml"
COMPOSE_FILE="$COMPOSE_FILE:compose.postgres.yml"
# COMPOSE_FILE="$COMPOSE_FILE:compose.search.yml"
COMPOSE_FILE="${COMPOSE_FILE}:postgres/compose.tune.yml"
CRON_SCHEDULE='*/5 * * * *'
MOUNTS=/ /var/lib/docker
SECRET_DB_VERSION=v1          # length=128
SECRET_KEY_VERSION=v2 # length=64 charset=hex
SECRET_API_VERSION=v1 # generate=false, ask the provider
export EXPORTED="a \"quoted\" \$DOMAIN at $DOMAIN" # fine
COLOUR=#fff
EMPTY=
LATE=$NOT_YET_SET!
"##,
    );
    insta::assert_snapshot!(shown(&sample), @r##"
     1 TYPE="bonfire"
     2 DOMAIN="bonfire.example.com"
     5 #EXTRA_DOMAINS=", `www.bonfire.example.com`"
     6 LETS_ENCRYPT_ENV="production"
     7 COMPOSE_FILE="compose.yml"
     8 COMPOSE_FILE="compose.yml:compose.postgres.yml"
     9 #COMPOSE_FILE="$COMPOSE_FILE:compose.search.yml"
    10 COMPOSE_FILE="compose.yml:compose.postgres.yml:postgres/compose.tune.yml"
    11 CRON_SCHEDULE="*/5 * * * *"
    12 MOUNTS="/ /var/lib/docker"
    13 SECRET_DB_VERSION="v1" Modifiers { length: Some(128), charset: None, generate: Yes }
    14 SECRET_KEY_VERSION="v2" Modifiers { length: Some(64), charset: Some(Hex), generate: Yes }
    15 SECRET_API_VERSION="v1" Modifiers { length: None, charset: None, generate: No }
    16 EXPORTED="a \"quoted\" $DOMAIN at bonfire.example.com"
    17 COLOUR="#fff"
    18 EMPTY=""
    19 LATE="!"
    "##);
    assert_eq!(
        sample.get("COMPOSE_FILE"),
        Some("compose.yml:compose.postgres.yml:postgres/compose.tune.yml")
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_do_no_harm() {
    let sample = read("\u{feff}A=1\r\nB=\"2\"\r\n# C=3\r\n");
    assert_eq!(shown(&sample), " 1 A=\"1\"\n 2 B=\"2\"\n 3 #C=\"3\"\n");
}

#[test]
fn later_assignments_win_and_the_counting_one_speaks_for_a_secret() {
    let sample = read("A=1\nA=2\nS=v1 # length=8\n# S=v1 # length=9\n# T=v1 # charset=hex\n");
    assert_eq!(sample.get("A"), Some("2"));
    assert_eq!(sample.modifiers("S").unwrap().length, Some(8));
    assert_eq!(sample.modifiers("T").unwrap().charset, Some(Charset::Hex));
    assert_eq!(sample.modifiers("U"), None);
}

#[test]
fn quoted_values_may_have_several_lines() {
    let sample = read("KEY=\"-----BEGIN-----\nabc\n-----END-----\"\nB=2\nOPEN='never closed\nC=3\n");
    insta::assert_snapshot!(shown(&sample), @r#"
     1 KEY="-----BEGIN-----\nabc\n-----END-----"
     4 B="2"
     6 C="3"
    .env.sample:5: OPEN: a quote is opened and not closed (quote the whole value, or nothing of it)
    "#);
}

#[test]
fn every_unreadable_line_is_named_and_the_others_count() {
    let sample = read(
        "A=1\nnot an assignment\n1A=2\nB=\"x\" y\nS=v1 # length=none charset=klingon generate=maybe\nC=3\n",
    );
    insta::assert_snapshot!(shown(&sample), @r#"
     1 A="1"
     5 S="v1"
     6 C="3"
    .env.sample:2: : this is not `NAME=value` (write an assignment, or begin the line with `#`)
    .env.sample:3: : this is not `NAME=value` (write an assignment, or begin the line with `#`)
    .env.sample:4: B: something follows the closing quote (quote the whole value, or nothing of it)
    .env.sample:5: S: `length=none` is not a length from 1 to 4096 (write a number of characters)
    .env.sample:5: S: `klingon` is not a set of characters (use default, alnum, hex, numeric, special or safespecial)
    .env.sample:5: S: `generate=maybe` says neither yes nor no (write `generate=false`, or nothing)
    "#);
}

#[test]
fn defaults_in_braces_are_understood() {
    let sample = read("E=\nA=${X:-x} ${E:-y} ${E-z} ${X-w} ${open $ $5\n");
    assert_eq!(sample.get("A"), Some("x y  w ${open $ $5"));
}

#[test]
fn a_value_that_doubles_itself_is_stopped() {
    let text = format!("A=0123456789\n{}", "A=$A$A\n".repeat(60));
    let sample = read(&text);
    assert!(sample.get("A").unwrap().len() <= VALUE_LIMIT);
    assert!(sample.problems[0].says.contains("longer than 65536 bytes"));

    let text = format!("A={}\n{}", "x".repeat(60_000), "B=$A\n".repeat(100_000));
    let sample = read(&text);
    assert!(sample.lines.iter().map(|line| line.value.len()).sum::<usize>() <= TOTAL_LIMIT);
    assert_eq!(sample.problems.len(), 1);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_grow(text in "[A-C=$\\{}\"'#\\\\ \n\r:a1-]{0,200}") {
        let sample = read(&text);
        prop_assert!(sample.lines.iter().all(|line| line.value.len() <= VALUE_LIMIT));
        prop_assert!(sample.lines.len() <= text.lines().count());
    }

    #[test]
    fn any_unicode_is_survived(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn a_single_quoted_value_comes_back_as_it_is(value in "[^'\r]{0,80}") {
        let sample = read(&format!("A='{value}'\n"));
        prop_assert_eq!(sample.get("A"), Some(value.as_str()));
    }
}
