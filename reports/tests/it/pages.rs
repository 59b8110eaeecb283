//! The pages, read as the XML that they happen to be.

use domain::What;
use domain::load::{Load, Resource};
use reports::{RunView, fold, index_page, page_path, run_page};
use roxmltree::Document;

use crate::sample::{self, HOSTILE, Sample};

fn page(sample: &Sample) -> String {
    run_page(&fold(&sample.events), &sample.logs)
}

/// Our pages close what they open, apart from the elements that HTML never closes.
fn as_xml(page: &str) -> String {
    let page = page.trim_start_matches("<!doctype html>");
    page.split_inclusive('>')
        .map(|piece| {
            let void = ["<meta ", "<link "].iter().any(|tag| piece.trim_start().starts_with(tag));
            if void { piece.replacen('>', "/>", 1) } else { piece.to_owned() }
        })
        .collect()
}

fn words(document: &Document<'_>) -> String {
    let body = document.descendants().find(|n| n.has_tag_name("body")).unwrap();
    let text: String =
        body.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_page_is_well_formed_and_asks_for_nothing_from_elsewhere() {
    let mut pages: Vec<String> = sample::gallery().iter().map(page).collect();
    let views: Vec<RunView> = sample::gallery().iter().map(|s| fold(&s.events)).collect();
    pages.extend([index_page(&views), index_page(&[])]);
    for page in pages {
        let xml = as_xml(&page);
        let document = Document::parse(&xml).unwrap();
        let scripts: Vec<_> = document.descendants().filter(|n| n.has_tag_name("script")).collect();
        assert_eq!(scripts.len(), 1, "ours, and no other");
        assert_eq!(scripts[0].text(), Some(SCRIPT.trim_end()));
        assert_eq!(scripts[0].attributes().len(), 0);
        for node in document.descendants().filter(|n| n.is_element()) {
            let tag = node.tag_name().name();
            assert!(!["img", "iframe", "object", "form", "base"].contains(&tag), "<{tag}>");
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!name.starts_with("on"), "{name}={value}");
                if ["href", "src"].contains(&name) {
                    let here = ["#", "./", "../index.html", "data:,"].iter().any(|p| value.starts_with(p));
                    let below = value.ends_with("/report.html") && !value.contains(':');
                    assert!(here || below, "{name}={value}");
                }
                if name == "style" && tag == "i" {
                    let plain = |c: char| c.is_ascii_alphanumeric() || ":;%.".contains(c);
                    assert!(value.chars().all(plain), "{value}");
                }
            }
        }
        assert!(
            !page.contains("http-equiv=\"refresh\"") && !page.contains("@import") && !page.contains("url(")
        );
    }
}

const SCRIPT: &str = include_str!("../../templates/page.js");

/// The page's own policy lets one script run: the one whose hash it names. So even markup that slipped through would
/// do nothing.
#[test]
fn the_policy_of_a_page_lets_our_script_run_and_no_other() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(SCRIPT.trim_end()));
    for page in [page(&sample::hostile()), index_page(&[])] {
        assert!(
            page.contains(&format!(
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}';"
            )),
            "{hash}"
        );
    }
}

/// Without the script, nothing is hidden but the box that would need it, and every log can be opened.
#[test]
fn a_page_says_everything_without_its_script() {
    let page = page(&sample::five_tiers());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let hidden: Vec<_> = document.descendants().filter(|n| n.has_attribute("hidden")).collect();
    assert_eq!(hidden.len(), 1);
    assert_eq!(hidden[0].attribute("id"), Some("searching"));
    for log in document.descendants().filter(|n| n.attribute("class") == Some("log")) {
        assert!(log.has_tag_name("details"));
    }
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let page = page(&sample::hostile());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "markup is escaped");
    assert!(!page.contains(sample::OUTSIDE), "nothing from outside of the run's folder is shown");
    assert_eq!(page.matches("is not in the run&#39;s folder").count(), 4);
    assert!(page.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "no control character is left");
    assert!(!page.contains('\u{202e}'), "nothing turns the direction of the text");
    let words = words(&document);
    let shown = |what: &str| assert!(words.contains(what), "{what}");
    shown(HOSTILE);
    shown("red and a link");
    shown("nul␀bell␇back␈");
    shown("right⟨U+202E⟩tfel");
    shown("{{ 7 * 7 }} {% raw %}");
    for link in document.descendants().filter_map(|n| n.attribute("href")) {
        let known = ["#", "./", "data:,"].iter().any(|p| link.starts_with(p)) || link == "../index.html";
        assert!(known && !link.contains("/../"), "no link leads out of the run's folder: {link}");
    }
}

#[test]
fn hostile_text_in_a_promotion_is_shown_and_does_nothing() {
    let page = page(&sample::hostile_promotion());
    let xml = as_xml(&page);
    let words = words(&Document::parse(&xml).unwrap());
    assert_eq!(page.matches("<script").count(), 1, "markup is escaped");
    assert!(page.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "no control character is left");
    assert!(!page.contains('\u{202e}'), "nothing turns the direction of the text");
    assert!(words.contains(HOSTILE) && words.contains("⟨U+202E⟩"), "it is shown");
}

#[test]
fn the_top_of_a_page_says_what_failed_where_and_whose_fault_it_is() {
    let page = page(&sample::crash_loop());
    let xml = as_xml(&page);
    let words = words(&Document::parse(&xml).unwrap());
    let top = words.split(" Tiers ").next().unwrap();
    insta::assert_snapshot!(top, @r#"
    simmer / gitea / 3.6.0+1.22.1-rootless gitea 3.6.0+1.22.1-rootless Failed in upgrade The recipe is at fault. 1 level of 5 app left 3 times, last with code 1: last at 03:05:11 2026-11-21T03:04:52Z routers/common/db.go:23:InitDBEngine() [I] ORM engine initialization attempt #1/10... 2026-11-21T03:04:52Z models/migrations/migrations.go:641:Migrate() [I] Migration[291]: Add Index to issue_user.issue_id 2026-11-21T03:04:52Z models/migrations/migrations.go:645:Migrate() [E] migration[291]: Add Index to issue_user.issue_id failed: pq: could not create unique index "IDX_issue_user_issue_id" 2026-11-21T03:04:52Z routers/init.go:61:mustInitCtx() [F] code.gitea.io/gitea/routers.InitWebInstalled(ctx) failed: migrate: pq: could not create unique index What to try Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret that is not set, a file that cannot be written, a database that is not there yet. cause crash_loop in tier upgrade · the whole log
    "#);
}

fn top_of(page: &str) -> String {
    let xml = as_xml(page);
    let words = words(&Document::parse(&xml).unwrap());
    words.split(" Tiers Tests ").next().unwrap().to_owned()
}

#[test]
fn the_top_of_a_page_on_a_lost_restore_names_the_rule_that_foresaw_it_and_the_state_of_the_data() {
    insta::assert_snapshot!(top_of(&page(&sample::not_restored())), @"simmer / gitea / 3.6.0+1.22.1-rootless gitea 3.6.0+1.22.1-rootless Failed in restore The recipe is at fault. 2 level of 5 restore does not bring data back: two repositories: 0 rows instead of 2 in repository Data afterwards: unknown Lint foresaw it S003 compose.yml:41 db dumps before a backup, and nothing loads the dump after a restore What to try Files came back, data did not. For a database, dump it in the backup's pre-hook, store the dump only, and load it in the restore's post-hook; files under a running database change nothing. cause not_restored in tier restore · the data, stage by stage");
}

/// The line that names a trouble is quoted, and leads to its place in the log.
#[test]
fn a_named_cause_quotes_its_line_with_its_place_in_the_log() {
    let page = page(&sample::named_cause());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let quoted = document.descendants().find(|n| n.has_tag_name("blockquote")).unwrap();
    let link = quoted.descendants().find(|n| n.has_tag_name("a")).unwrap();
    let id = link.attribute("href").unwrap().trim_start_matches('#');
    let line = document.descendants().find(|n| n.attribute("id") == Some(id)).unwrap();
    assert_eq!(line.attribute("class"), Some("hit"));
    assert!(line.descendants().any(|n| n.text() == link.text()));
}

#[test]
fn a_page_shows_tests_data_counts_hooks_snapshots_and_the_manifest() {
    let page = page(&sample::five_tiers());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let of_class = |class: &str| {
        let found = document.descendants().filter(|n| n.attribute("class") == Some(class));
        found
            .map(|n| {
                let text: Vec<&str> =
                    n.descendants().filter(|t| t.is_text()).filter_map(|t| t.text()).collect();
                text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(of_class("group"), @r"
    install 6 tests: 0 failed, 1 skipped, 5 passed answers outside generic probe · 180 ms official image overlay image · 180 ms sign up and push overlay program · 180 ms · output 3 of 3 cases passed test_login 41 ms test_repo_is_made 41 ms test_push_over_https 41 ms oidc recipe program · 180 ms applies to >=4.0.0, this is 3.6.0+1.22.1-rootless
    upgrade 1 test: 0 failed, 0 skipped, 1 passed repositories survive overlay sql · 180 ms
    backup 1 test: 0 failed, 0 skipped, 1 passed the dump is whole generic file · 180 ms
    custom 3 tests: 0 failed, 1 skipped, 2 passed git over ssh and https overlay program · 180 ms · output 2 of 3 cases passed clone 41 ms push 41 ms mirror 41 ms not on a quick run
    B from 3.5.3+1.21.11-rootless datum seed check data mark destroy read back witness generic planted as it should be planted destroyed as it should be two repositories overlay planted as it should be planted destroyed as it should be
    Counts B from 3.5.3+1.21.11-rootless count after seed after upgrade after restore repositories 2 2 = 2 = users 1 2 +1 2 =
    ");
    insta::assert_snapshot!(of_class("manifest"), @"recipe gitea release 3.6.0+1.22.1-rootless health.path /api/healthz overlays/gitea/overlay.toml:2 health.window 10m default env.GITEA_SMTP off overlays/gitea/overlay.toml:6 tests.0.name repositories survive tests.0.tiers upgrade tests.0.sql SELECT count(*) FROM repository");
    let words = words(&document);
    assert!(
        words.contains(
            "snapshot made 4f2a9c4 B from 3.5.3+1.21.11-rootless · 812 files · 23.4 MB · 18.0 MB new"
        )
    );
    assert!(
        words.contains(
            "db backup pre B from 3.5.3+1.21.11-rootless · exit code 0 · 640 ms · 2 tries · output"
        )
    );
    assert!(words.contains("Overhead of ours: 7.9 s, 13.4 % of 59.9 s on the clock"), "{words}");
}

/// CC-056: a verdict that the newest run was not asked for is shown with its age, and never from another release.
#[test]
fn an_index_takes_over_older_verdicts_of_the_same_release_only_and_says_how_old_they_are() {
    let quick = |at: &str, later: i64| {
        let mut sample = sample::Script::new("quick", "gitea", at, &[])
            .judge(domain::Tier::Lint, None, sample::passed())
            .judge(domain::Tier::Custom, None, sample::skipped(domain::verdict::Skip::NotAsked))
            .done(&[]);
        for event in &mut sample.events {
            event.at += chrono::TimeDelta::hours(later);
        }
        fold(&sample.events)
    };
    let custom = |runs: &[RunView]| {
        let index = index_page(runs);
        let xml = as_xml(&index);
        let document = Document::parse(&xml).unwrap();
        let cells: Vec<_> = document.descendants().filter(|n| n.attribute("class") == Some("cell")).collect();
        let cell = cells.iter().find(|c| c.attribute("title").unwrap().starts_with("custom")).unwrap();
        let text: String = cell.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
        let link = cell.descendants().find_map(|n| n.attribute("href").filter(|h| !h.starts_with('#')));
        (cell.attribute("title").unwrap().to_owned(), text.trim().to_owned(), link.map(str::to_owned))
    };
    let five = fold(&sample::five_tiers().events);
    let (title, text, link) = custom(&[quick("3.6.0+1.22.1-rootless", 50), five.clone()]);
    assert_eq!((title.as_str(), text.as_str()), ("custom: passed", "2 d older"));
    assert_eq!(link, Some(page_path(&five)));
    let (title, text, link) = custom(&[quick("3.7.0+1.23.0-rootless", 50), five]);
    assert_eq!((title.as_str(), text.as_str(), link), ("custom: skipped", "", None));
}

#[test]
fn evidence_leads_to_its_line_in_the_log() {
    let page = page(&sample::crash_loop());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let evidence = document.descendants().find(|n| n.attribute("class") == Some("evidence")).unwrap();
    let links: Vec<_> = evidence.descendants().filter(|n| n.has_tag_name("a")).collect();
    assert_eq!(links.len(), 4);
    for link in links {
        let id = link.attribute("href").unwrap().trim_start_matches('#');
        let line = document.descendants().find(|n| n.attribute("id") == Some(id)).unwrap();
        let span = line.children().find(|n| n.has_tag_name("span")).unwrap();
        assert_eq!(span.text(), link.text());
        assert_eq!(line.attribute("class"), Some("hit"));
    }
    // The log was said three times over: links lead to the last.
    assert!(page.contains("href=\"#log1-L21\""));
    let log = document.descendants().find(|n| n.attribute("id") == Some("log1")).unwrap();
    assert!(log.has_attribute("open"), "the log that is pointed at is open");
}

#[test]
fn every_link_within_a_page_leads_somewhere() {
    for sample in sample::gallery() {
        let page = page(&sample);
        let xml = as_xml(&page);
        let document = Document::parse(&xml).unwrap();
        let ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
        for id in document.descendants().filter_map(|n| n.attribute("href")?.strip_prefix('#')) {
            assert!(ids.contains(&id), "{id} in {}", sample.name);
        }
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "ids are unique in {}", sample.name);
    }
}

#[test]
fn a_long_log_is_shown_from_its_end_with_true_numbers() {
    let mut script = sample::Script::new("long", "gitea", "1.0.0+1", &[]);
    let text: String = (1..=10_000).map(|n| format!("line number {n}\n")).collect();
    let sample = script.installs().log((domain::names::Side::A, 0), "app", &text).done(&[]);
    let page = page(&sample);
    assert!(page.contains("10000 lines · the last 4000 are shown"));
    assert!(page.contains("id=\"log1-L10000\"") && page.contains("id=\"log1-L6001\""));
    assert!(!page.contains("id=\"log1-L6000\""));
}

#[test]
fn a_log_whose_text_is_gone_is_named_nonetheless() {
    let sample = sample::crash_loop();
    let page = run_page(&fold(&sample.events), &reports::Logs::new());
    assert!(page.contains("the text is not here") && page.contains("logs/b0-app.log"));
}

#[test]
fn a_probe_shows_how_far_it_came() {
    let page = page(&sample::probe_tls());
    let xml = as_xml(&page);
    let document = Document::parse(&xml).unwrap();
    let ladders: Vec<String> = document
        .descendants()
        .filter(|n| n.attribute("class") == Some("ladder"))
        .map(|ladder| {
            let steps = ladder.children().filter(|n| n.has_tag_name("li"));
            steps
                .map(|step| {
                    let text: String =
                        step.children().filter_map(|n| n.text()).filter(|t| t.trim().len() > 1).collect();
                    text.split_whitespace().collect::<Vec<_>>().join(" ")
                })
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    insta::assert_snapshot!(ladders.join("\n"), @r"
    ✓ route passed, ✓ DNS passed, ✓ TCP passed, ✗ TLS failed, · HTTP not reached, · app not reached
    ✓ TCP passed, ✓ HTTP passed, ✓ app passed
    ✓ route passed, ✓ DNS passed, ✓ TCP passed, ✗ TLS failed, · HTTP not reached, · app not reached
    ");
}

#[test]
fn an_index_has_a_row_for_each_recipe_the_urgent_first() {
    let views: Vec<RunView> = sample::gallery().iter().take(7).map(|s| fold(&s.events)).collect();
    let index = index_page(&views);
    let xml = as_xml(&index);
    let document = Document::parse(&xml).unwrap();
    let rows: Vec<String> = document
        .descendants()
        .filter(|n| n.has_tag_name("tbody"))
        .map(|row| {
            let recipe = row.descendants().find(|n| n.has_tag_name("b")).unwrap().text().unwrap();
            let cells = row.descendants().filter(|n| n.attribute("class") == Some("cell"));
            let cells: Vec<&str> = cells.filter_map(|c| c.attribute("title")).collect();
            format!("{recipe}: {}", cells.join(", "))
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    bluesky-pds: lint: failed, install: failed, upgrade: skipped, backup: skipped, restore: skipped, custom: skipped
    gitea: lint: passed, install: passed, upgrade: failed, backup: skipped, restore: skipped, custom: skipped
    hedgedoc: lint: passed, install: passed, upgrade: failed, backup: skipped, restore: skipped, custom: skipped
    kinto: lint: passed, install: passed, upgrade: no verdict, backup: not begun, restore: not begun, custom: not begun
    matrix-synapse: lint: passed, install: not judged, upgrade: not judged, backup: skipped, restore: skipped, custom: skipped
    radicale: lint: passed, install: passed (superficial), upgrade: skipped, backup: skipped, restore: skipped, custom: skipped
    ");
    for view in &views {
        assert!(index.contains(&page_path(view)), "{} is linked, as row or as an earlier run", view.recipe());
    }
}

/// Law 1: an empty sweep is red.
#[test]
fn an_index_without_runs_is_red_and_says_so() {
    let index = index_page(&[]);
    assert!(index.contains("nothing was run") && index.contains("class=\"hero compact failed\""));
}

/// Colour is never the only bearer: each verdict has a symbol and words beside it.
#[test]
fn verdicts_are_told_by_shape_and_word() {
    let index = index_page(&sample::gallery().iter().map(|s| fold(&s.events)).collect::<Vec<_>>());
    let xml = as_xml(&index);
    let document = Document::parse(&xml).unwrap();
    for cell in document.descendants().filter(|n| n.attribute("class") == Some("cell")) {
        let icon = cell.descendants().find(|n| n.has_tag_name("svg")).unwrap();
        assert!(icon.attribute("aria-label").is_some_and(|l| l.contains(": ")));
        let shape = icon.descendants().find(|n| n.has_tag_name("use")).unwrap().attribute("href").unwrap();
        assert!(document.descendants().any(|n| n.attribute("id") == shape.strip_prefix('#')));
    }
}

/// Relative luminance by WCAG 2.
fn luminance(colour: &str) -> f64 {
    let hex = colour.trim_start_matches('#');
    let hex: String =
        if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

#[test]
fn every_colour_of_text_can_be_read_on_every_ground_light_and_dark() {
    let style = include_str!("../../templates/style.css");
    let themes: Vec<&str> = style.split(":root {").skip(1).map(|t| t.split('}').next().unwrap()).collect();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let colour = |name: &str| {
            let at = theme.find(&format!("--{name}: #")).unwrap();
            let value = &theme[at..].split(": ").nth(1).unwrap();
            luminance(value.split(';').next().unwrap())
        };
        for text in
            ["ink", "soft", "passed", "superficial", "failed", "unverified", "skipped", "open", "link"]
        {
            for ground in ["page", "paper", "sunk"] {
                let (a, b) = (colour(text), colour(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn cc_013_a_page_tells_of_a_busy_node_and_is_silent_about_an_idle_one() {
    let told = |cpu: u8| {
        let mut sample = sample::crash_loop();
        let load = Load { waited: [(Resource::Cpu, cpu)].into(), other_runs: 1 };
        for event in &mut sample.events {
            if let What::StageEnded { facts, .. } = &mut event.what {
                facts.extend(load.facts());
            }
        }
        let page = page(&sample);
        let xml = as_xml(&page);
        words(&Document::parse(&xml).unwrap()).contains(&format!("the node was busy: {load}"))
    };
    assert!(told(95));
    assert!(!told(5));
}
