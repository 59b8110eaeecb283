//! Which secrets a deploy needs, and values for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::StackName;

use super::env_sample::{Charset, EnvFile, Generate, Modifiers};
use super::environment::Environment;
use super::names::version_variable;
use crate::{Loaded, Problem};

/// One secret that has to exist before the stack is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretNeed {
    /// Key in the compose file.
    pub key: String,
    /// Full name in the swarm.
    pub name: String,
    /// The variable that versions the name; `None` if the name has none.
    pub variable: Option<String>,
    /// What that variable stands for, such as `v1`; empty without one.
    pub version: String,
    pub modifiers: Modifiers,
    /// Where the secret is declared, for problems.
    pub file: String,
    /// From 1; 0 if not known.
    pub line: usize,
}

/// The value of a secret. Shown as stars; there is one way to read it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Takes a value that somebody gave.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the value, to be sent to the engine and not to be shown (law 11).
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The source of randomness gave nothing that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness gave {TRIES} useless bytes in a row")]
pub struct BrokenRandom;

/// Most bytes that may be refused in a row. With a fair source the chance is below 2 to the minus 200.
const TRIES: usize = 512;

/// Returns the secrets that a service of the chosen files refers to and that no file or driver fills,
/// ordered by key.
///
/// `raw` are the same files without interpolation: the variable named in a secret's `name:` tells which line
/// of `.env.sample` speaks about it. A name without a variable, or files that do not load in that form, are
/// matched by the convention `SECRET_<KEY>_VERSION`.
#[must_use]
pub fn needed(
    loaded: &Loaded,
    raw: &Loaded,
    environment: &Environment,
    sample: &EnvFile,
    stack: &StackName,
) -> Vec<SecretNeed> {
    let used: BTreeSet<&str> = loaded
        .model
        .services
        .values()
        .flat_map(|service| service.secrets.iter().map(|secret| secret.source.as_str()))
        .collect();
    let external = loaded.model.secrets.iter().filter(|(_, secret)| secret.external);
    external
        .filter(|(key, _)| used.contains(key.as_str()))
        .map(|(key, secret)| {
            let written = raw.model.secrets.get(key).map_or("", |secret| &secret.name);
            let conventional = format!("SECRET_{}_VERSION", key.to_uppercase().replace('-', "_"));
            let is_described = sample.modifiers(&conventional).is_some();
            let variable =
                version_variable(written).or_else(|| is_described.then_some((conventional.as_str(), None)));
            let version = variable.map(|(name, default)| {
                let value = environment.get(name).filter(|value| !value.is_empty());
                value.map_or(default.unwrap_or_default(), String::as_str)
            });
            let modifiers = variable.and_then(|(name, _)| sample.modifiers(name));
            let path = format!("secrets.{key}");
            let place = loaded.locate(&path);
            let (file, line) = place.map_or((String::new(), 0), |place| (place.file, place.line));
            SecretNeed {
                key: key.clone(),
                name: if secret.name.is_empty() { format!("{stack}_{key}") } else { secret.name.clone() },
                variable: variable.map(|(name, _)| name.to_owned()),
                version: version.unwrap_or_default().to_owned(),
                modifiers: modifiers.unwrap_or_default(),
                file,
                line,
            }
        })
        .collect()
}

/// Returns a problem for each secret that may not be made up and was not given; `given` is by key.
#[must_use]
pub fn missing(needs: &[SecretNeed], given: &BTreeMap<String, SecretValue>) -> Vec<Problem> {
    let missing =
        needs.iter().filter(|need| need.modifiers.generate == Generate::No && !given.contains_key(&need.key));
    missing
        .map(|need| Problem {
            file: need.file.clone(),
            line: need.line,
            column: 0,
            key: format!("secrets.{}", need.key),
            says: format!(
                "secret `{}` is missing: `generate=false` says that it cannot be made up",
                need.key
            ),
            remedy: format!("give `{}` a value under `[secrets]` in the overlay", need.key),
        })
        .collect()
}

/// Makes up a value. `random` fills the slice that it is given.
///
/// Every character of the set is equally likely. Without a length it is a passphrase: five words of six
/// letters, about 94 bits.
///
/// # Errors
/// If `random` is no source of randomness.
pub fn generate(
    modifiers: &Modifiers,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<SecretValue, BrokenRandom> {
    let mut dice = Dice { random, bytes: [0; 64], left: 0 };
    let charset = modifiers.charset.unwrap_or_default();
    let value = match (modifiers.length, modifiers.charset) {
        (Some(length), _) => characters(charset, length, &mut dice)?,
        // A set without a length is a wish for a key, not for words.
        (None, Some(_)) => characters(charset, KEY_LENGTH, &mut dice)?,
        (None, None) => passphrase(&mut dice)?,
    };
    Ok(SecretValue(value))
}

/// Characters of a secret of which only the set is known.
const KEY_LENGTH: u32 = 32;
const WORDS: usize = 5;
const SYLLABLES: usize = 3;
const CONSONANTS: &[u8] = b"bdfghjklmnprstvz";
const VOWELS: &[u8] = b"aeiou";

fn characters(charset: Charset, length: u32, dice: &mut Dice<'_>) -> Result<String, BrokenRandom> {
    (0..length).map(|_| dice.pick(charset.alphabet())).collect()
}

fn passphrase(dice: &mut Dice<'_>) -> Result<String, BrokenRandom> {
    let mut phrase = String::new();
    for word in 0..WORDS {
        if word > 0 {
            phrase.push('-');
        }
        for _ in 0..SYLLABLES {
            phrase.push(dice.pick(CONSONANTS)?);
            phrase.push(dice.pick(VOWELS)?);
        }
    }
    Ok(phrase)
}

impl Charset {
    /// Returns the characters of the set, each once.
    fn alphabet(self) -> &'static [u8] {
        match self {
            Self::Alnum => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            Self::Hex => b"0123456789abcdef",
            Self::Numeric => b"0123456789",
            Self::Special => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*_-+=",
            Self::SafeSpecial => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#%^&*_-+=",
        }
    }
}

/// Random bytes, taken in portions.
struct Dice<'a> {
    random: &'a mut dyn FnMut(&mut [u8]),
    bytes: [u8; 64],
    left: usize,
}

impl Dice<'_> {
    /// Picks one of at most 256, each as likely as the other: bytes above the largest multiple are refused.
    fn pick(&mut self, from: &[u8]) -> Result<char, BrokenRandom> {
        let fair = 256 / from.len() * from.len();
        for _ in 0..TRIES {
            if self.left == 0 {
                (self.random)(&mut self.bytes);
                self.left = self.bytes.len();
            }
            self.left -= 1;
            let byte = usize::from(self.bytes[self.left]);
            if byte < fair {
                return Ok(char::from(from[byte % from.len()]));
            }
        }
        Err(BrokenRandom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Interpolation, LoadInput, Source};

    /// Gives each byte equally often, in an order that looks mixed.
    fn even() -> impl FnMut(&mut [u8]) {
        let mut next = 0_u8;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = next.wrapping_mul(37);
                next = next.wrapping_add(1);
            }
        }
    }

    fn value(length: Option<u32>, charset: Option<Charset>) -> String {
        let modifiers = Modifiers { length, charset, generate: Generate::Yes };
        generate(&modifiers, &mut even()).unwrap().reveal().to_owned()
    }

    #[test]
    fn each_set_keeps_to_its_characters_and_length() {
        for charset in
            [Charset::Alnum, Charset::Hex, Charset::Numeric, Charset::Special, Charset::SafeSpecial]
        {
            let made = value(Some(500), Some(charset));
            assert_eq!(made.len(), 500);
            assert!(made.bytes().all(|b| charset.alphabet().contains(&b)), "{charset:?}");
        }
        assert!(!value(Some(4000), Some(Charset::SafeSpecial)).contains('$'));
        assert_eq!(value(None, Some(Charset::Hex)).len(), 32);
    }

    #[test]
    fn without_a_length_it_is_a_passphrase() {
        let made = value(None, None);
        assert_eq!(made.split('-').map(str::len).collect::<Vec<_>>(), [6; 5]);
    }

    #[test]
    fn no_character_is_favoured() {
        for charset in
            [Charset::Alnum, Charset::Hex, Charset::Numeric, Charset::Special, Charset::SafeSpecial]
        {
            let size = charset.alphabet().len();
            // Each round of 256 bytes gives every character equally often.
            let length = u32::try_from(size * (256 / size)).unwrap();
            let made = value(Some(length), Some(charset));
            let counts: Vec<_> =
                charset.alphabet().iter().map(|c| made.bytes().filter(|b| b == c).count()).collect();
            assert!(counts.iter().all(|count| *count == 256 / size), "{charset:?}: {counts:?}");
        }
    }

    #[test]
    fn a_source_that_is_stuck_is_an_error_and_no_endless_loop() {
        let modifiers = Modifiers { length: Some(8), ..Modifiers::default() };
        assert_eq!(generate(&modifiers, &mut |bytes| bytes.fill(255)), Err(BrokenRandom));
    }

    #[test]
    fn a_value_shows_stars() {
        let value = SecretValue::new("hunter2".into());
        assert_eq!(format!("{value} {value:?}"), "*** ***");
    }

    #[test]
    fn a_secret_that_cannot_be_made_up_has_to_be_given() {
        let need = |key: &str, generate| SecretNeed {
            key: key.into(),
            name: format!("s_{key}_v1"),
            variable: None,
            version: String::new(),
            modifiers: Modifiers { generate, ..Modifiers::default() },
            file: "compose.yml".into(),
            line: 7,
        };
        let needs = [need("api", Generate::No), need("given", Generate::No), need("made", Generate::Yes)];
        let given = BTreeMap::from([("given".to_owned(), SecretValue::new("x".into()))]);
        let problems = missing(&needs, &given);
        assert_eq!(problems.len(), 1);
        assert_eq!(
            format!("{}:{} {}, {}", problems[0].file, problems[0].line, problems[0].says, problems[0].remedy),
            "compose.yml:7 secret `api` is missing: `generate=false` says that it cannot be made up, \
             give `api` a value under `[secrets]` in the overlay"
        );
    }

    fn load(text: &str, environment: &Environment, interpolation: Interpolation) -> Loaded {
        crate::load(&LoadInput {
            files: &[Source { name: "compose.yml".into(), text: text.into() }],
            working_dir: "/recipe",
            env: environment,
            interpolation,
            read_file: &|_| Err("no file".into()),
        })
        .unwrap()
    }

    #[test]
    fn secrets_are_matched_through_the_variable_in_their_name_and_only_those_in_use_are_needed() {
        let text = "
services:
  app:
    image: app
    secrets: [db_password, ovh_consumer_key, plain, made-of-words, from_file]
secrets:
  db_password:
    external: true
    name: ${STACK_NAME}_db_password_${SECRET_DB_PASSWORD_VERSION}
  ovh_consumer_key:
    external: true
    name: ${STACK_NAME}_ovh_${SECRET_OVH_CONSUMER_KEY:-v7}
  plain:
    external: true
    name: plain
  made-of-words:
    external: true
    name: words_v1
  from_file:
    file: ./secret
  unused:
    external: true
    name: ${STACK_NAME}_unused_${SECRET_UNUSED_VERSION}
";
        let sample = super::super::env_sample::parse(
            ".env.sample",
            "SECRET_DB_PASSWORD_VERSION=v2 # length=64 charset=hex
# SECRET_OVH_CONSUMER_KEY=v1 # generate=false
SECRET_MADE_OF_WORDS_VERSION=v1
SECRET_UNUSED_VERSION=v1
",
        );
        let mut environment = sample.values();
        environment.insert("STACK_NAME".into(), "run-1".into());
        let loaded = load(text, &environment, Interpolation::Apply);
        let raw = load(text, &environment, Interpolation::Skip);
        let stack = StackName::parse("run-1").unwrap();
        let needs = needed(&loaded, &raw, &environment, &sample, &stack);
        let shown: Vec<_> = needs
            .iter()
            .map(|SecretNeed { key, name, variable, version, modifiers, file, line }| {
                let Modifiers { length, charset, generate } = modifiers;
                format!("{file}:{line} {key} = {name} ({variable:?} {version:?}) {length:?} {charset:?} {generate:?}")
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        compose.yml:7 db_password = run-1_db_password_v2 (Some("SECRET_DB_PASSWORD_VERSION") "v2") Some(64) Some(Hex) Yes
        compose.yml:16 made-of-words = words_v1 (Some("SECRET_MADE_OF_WORDS_VERSION") "v1") None None Yes
        compose.yml:10 ovh_consumer_key = run-1_ovh_v7 (Some("SECRET_OVH_CONSUMER_KEY") "v7") None None No
        compose.yml:13 plain = plain (None "") None None Yes
        "#);
    }

    proptest! {
        #[test]
        fn any_randomness_gives_a_value_of_the_right_length(
            length in 1_u32..200, mut state in 1_u64..u64::MAX,
        ) {
            let mut random = |bytes: &mut [u8]| {
                for byte in bytes {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (state >> 56) as u8;
                }
            };
            let modifiers = Modifiers { length: Some(length), ..Modifiers::default() };
            let made = generate(&modifiers, &mut random).unwrap();
            prop_assert_eq!(made.reveal().len(), length as usize);
        }
    }
}
