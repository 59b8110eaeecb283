//! A recipe with nothing wrong, to be changed by a test.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use compose::lint::{Policy, Power, Previous, RecipeText, Report, TagKind, TagText, Waiver, lint};
use domain::event::{Finding, Severity};

/// What a test writes behind the line where the finding is expected.
pub(crate) const MARK: &str = "# <-";

const COMPOSE: &str = r#"version: "3.8"
services:
  app:
    image: example/blog:1.2.3
    networks: [proxy, internal]
    volumes: [data:/data]
    configs: [{source: settings, target: /etc/blog.ini}]
    secrets: [db_password]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
    deploy:
      update_config: {failure_action: rollback, monitor: 10s}
      resources: {limits: {memory: 128M}}
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=80"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls.certresolver=${LETS_ENCRYPT_ENV}"
        - "coop-cloud.${STACK_NAME}.version=1.0.0+1.2.3"
        - "backupbot.backup=true"
networks:
  proxy: {external: true}
  internal:
volumes:
  data:
configs:
  settings:
    name: ${STACK_NAME}_settings_${SETTINGS_VERSION}
    file: settings.ini
secrets:
  db_password:
    external: true
    name: ${STACK_NAME}_db_password_${SECRET_DB_PASSWORD_VERSION}
"#;

const SAMPLE: &str = "TYPE=blog
DOMAIN=blog.example.org
LETS_ENCRYPT_ENV=production
SECRET_DB_PASSWORD_VERSION=v1 # length=32
";

const README: &str = "# Blog
<!-- metadata -->
* **Category**: Apps
* **Status**: 3, stable
* **Image**: [blog](https://example.org), 4, upstream
* **Healthcheck**: Yes
* **Backups**: Yes
* **Email**: No
* **Tests**: 2
* **SSO**: No
<!-- endmetadata -->
";

/// A recipe and the policy under which it is linted.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) recipe: RecipeText,
    pub(crate) policy: Policy,
    /// Where the finding is expected, if no line is marked.
    pub(crate) at: Option<(&'static str, u32)>,
    /// If it is not the rule's own.
    pub(crate) severity: Option<Severity>,
}

/// The day on which the tests run.
pub(crate) fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 21).unwrap()
}

pub(crate) fn good() -> Sample {
    let files = [
        ("compose.yml", COMPOSE),
        (".env.sample", SAMPLE),
        ("abra.sh", "export SETTINGS_VERSION=v1\n"),
        ("README.md", README),
        ("settings.ini", "port = 80\n"),
    ];
    let env = [
        ("STACK_NAME", "blog_example_org"),
        ("DOMAIN", "blog.example.org"),
        ("LETS_ENCRYPT_ENV", ""),
        ("SETTINGS_VERSION", "v1"),
        ("SECRET_DB_PASSWORD_VERSION", "v1"),
    ];
    let recipe = RecipeText {
        files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        paths: BTreeSet::new(),
        selected: vec!["compose.yml".to_owned()],
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        stacks: vec!["blog_example_org".to_owned()],
        tags: vec![TagText { name: "1.0.0+1.2.3".to_owned(), kind: TagKind::Annotated }],
        version: Some("1.0.0+1.2.3".to_owned()),
        previous: None,
    };
    let before = recipe.clone();
    let sample = Sample { recipe, policy: Policy::untrusted(today(), "proxy"), at: None, severity: None };
    let before = Sample { recipe: before, ..sample.clone() };
    sample.after(before)
}

impl Sample {
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.recipe.files.insert(path.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn compose(self, text: &str) -> Self {
        self.file("compose.yml", text)
    }

    /// A compose file whose only service is `app`, with these lines in it.
    pub(crate) fn app(self, lines: &str) -> Self {
        let lines: Vec<String> = lines.lines().map(|line| format!("    {line}\n")).collect();
        self.compose(&format!("services:\n  app:\n{}", lines.concat()))
    }

    /// The good compose file with one text in place of another.
    pub(crate) fn change(self, from: &str, to: &str) -> Self {
        assert!(COMPOSE.contains(from), "{from}");
        self.compose(&COMPOSE.replace(from, to))
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        self.recipe.files.remove(path);
        self
    }

    pub(crate) fn select(mut self, files: &[&str]) -> Self {
        self.recipe.selected = files.iter().map(|file| (*file).to_owned()).collect();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.recipe.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn stack(mut self, name: &str) -> Self {
        self.recipe.stacks.push(name.to_owned());
        self
    }

    pub(crate) fn tag(mut self, name: &str, kind: TagKind) -> Self {
        self.recipe.tags.push(TagText { name: name.to_owned(), kind });
        self
    }

    pub(crate) fn version(mut self, version: Option<&str>) -> Self {
        self.recipe.version = version.map(str::to_owned);
        self
    }

    /// Lets another sample be the release before.
    pub(crate) fn after(mut self, before: Self) -> Self {
        let RecipeText { files, selected, env, .. } = before.recipe;
        self.recipe.previous = Some(Previous { version: "0.9.0+1.2.2".to_owned(), files, selected, env });
        self
    }

    pub(crate) fn allow(mut self, power: Power) -> Self {
        self.policy.allowed.insert(power);
        self
    }

    pub(crate) fn trusted(mut self) -> Self {
        self.policy = Policy { waivers: self.policy.waivers, ..Policy::trusted(today(), "proxy") };
        self
    }

    pub(crate) fn waive(mut self, rule: &str, until: Option<NaiveDate>) -> Self {
        self.policy.waivers.push(Waiver {
            rule: rule.to_owned(),
            reason: "known".to_owned(),
            until,
            at: None,
        });
        self
    }

    pub(crate) fn at(mut self, file: &'static str, line: u32) -> Self {
        self.at = Some((file, line));
        self
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    pub(crate) fn lint(&self) -> Report {
        lint(&self.recipe, &self.policy)
    }

    /// Returns the findings of one rule.
    pub(crate) fn found(&self, rule: &str) -> Vec<Finding> {
        self.lint().findings.into_iter().filter(|finding| finding.rule == rule).collect()
    }

    /// Returns the line that is marked, or that the test named.
    pub(crate) fn expected(&self) -> (String, u32) {
        let marked = |(path, text): (&String, &String)| {
            let line = (1..).zip(text.lines()).find(|(_, line)| line.contains(MARK))?.0;
            Some((path.clone(), line))
        };
        let named = self.at.map(|(file, line)| (file.to_owned(), line));
        let files: &BTreeMap<String, String> = &self.recipe.files;
        named.or_else(|| files.iter().find_map(marked)).expect("a line is marked")
    }
}
