//! The texts for people: table, comment, badge, advice.

use domain::cause::{ProbeStep, Vantage};
use domain::{Cause, Tier, Verdict};
use reports::{RunView, State, advice, badge, fold, markdown, plain, summary, table};

use crate::sample;

fn view(sample: &sample::Sample) -> RunView {
    fold(&sample.events)
}

#[test]
fn the_table_has_a_line_for_each_run() {
    let runs: Vec<RunView> = sample::gallery().iter().take(7).map(view).collect();
    insta::assert_snapshot!(table(&runs), @r"
    recipe          rev                    verdict                 time            ours  evidence
    gitea           3.6.0+1.22.1-rootless  passed                 0m50s   7.3 s, 14.5 %  level 2
    gitea           3.6.0+1.22.1-rootless  failed                 0m44s   6.5 s, 14.8 %  upgrade: `app` left 3 times, last with code 1: last at 03:05:11
    hedgedoc        2.5.0+1.12.0           failed                 1m36s  12.2 s, 12.7 %  upgrade: the stack is mixed: `app` rolled back while `db`, `worker` stayed new: update paused due to fail…; left behind: network run-5b1c_internal, volume run-…
    bluesky-pds     0.9.2+0.4.74           failed                 1m07s   1m02s, 92.7 %  install: TLS failed from outside at https://run-26a4c52ea.ci.example.org/xrpc/_health: certificate is for `traefik.default`, not for this name (12 tries in a w…
    matrix-synapse  7.1.0+v1.116.0         not judged (platform)  0m30s  30.1 s, 97.7 %  install: `app`: image `matrixdotorg/synapse:v1.116.0` could not be fetched (timed out after 30 s)
    kinto           1.4.0+19.1.0           did not end            0m36s                  the log ends in stage `settle` of side B
    radicale        1.2.0+3.2.3            passed (superficial)   0m15s   1.6 s, 10.3 %  level 1
    ");
}

#[test]
fn a_table_without_runs_is_its_heading() {
    assert_eq!(table(&[]), "recipe  rev  verdict  time  ours  evidence\n");
    assert_eq!(summary(&[]), "nothing was run");
}

#[test]
fn the_summary_begins_with_what_is_worst() {
    let runs: Vec<RunView> = sample::gallery().iter().take(7).map(view).collect();
    assert_eq!(summary(&runs), "3 runs failed, 1 did not end, 1 could not be judged, 2 passed");
    assert_eq!(summary(&runs[..1]), "1 run passed");
}

#[test]
fn nothing_in_a_table_moves_the_cursor_or_the_line() {
    let text = table(&[view(&sample::hostile())]);
    assert_eq!(text.lines().count(), 2);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn a_comment_tells_what_failed_where_and_what_to_try() {
    insta::assert_snapshot!(markdown(&view(&sample::crash_loop())), @r#"
    ### ✗ `gitea` `3.6.0+1.22.1-rootless`: failed in upgrade

    **The recipe is at fault.**

    ```text
    `app` left 3 times, last with code 1: last at 03:05:11

    2026-11-21T03:04:52Z routers/common/db.go:23:InitDBEngine() [I] ORM engine initialization attempt #1/10...
    2026-11-21T03:04:52Z models/migrations/migrations.go:641:Migrate() [I] Migration[291]: Add Index to issue_user.issue_id
    2026-11-21T03:04:52Z models/migrations/migrations.go:645:Migrate() [E] migration[291]: Add Index to issue_user.issue_id failed: pq: could not create unique index "IDX_issue_user_issue_id"
    2026-11-21T03:04:52Z routers/init.go:61:mustInitCtx() [F] code.gitea.io/gitea/routers.InitWebInstalled(ctx) failed: migrate: pq: could not create unique index
    ```

    **What to try:** Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret that is not set, a file that cannot be written, a database that is not there yet.

    | tier | verdict | tests | |
    |---|---|---|---|
    | lint | ✓ passed |  |  |
    | install | ✓ passed |  |  |
    | upgrade | ✗ failed |  | `` `app` left 3 times, last with code 1: last at 03:05:11 `` |
    | backup | – skipped |  | there is no test of it |
    | restore | – skipped |  | there is no test of it |
    | custom | – skipped |  | there is no test of it |

    level **1** · took 44.4 s · overhead of ours 6.5 s, 14.8 % · commit `9f1c2ab` · run `ef3aacc5`

    <details><summary>Lint findings (2)</summary>

    - ``S007 warning compose.yml:14 image `postgres:16` is a moving tag``
    - ``R014 info compose.yml `depends_on` is ignored by swarm``

    </details>
    "#);
}

#[test]
fn a_comment_on_a_green_run_is_short() {
    insta::assert_snapshot!(markdown(&view(&sample::all_passed())), @r"
    ### ✓ `gitea` `3.6.0+1.22.1-rootless`: passed

    | tier | verdict | tests | |
    |---|---|---|---|
    | lint | ✓ passed |  |  |
    | install | ✓ passed |  |  |
    | upgrade | ✓ passed |  |  |
    | backup | – skipped |  | there is no test of it |
    | restore | – skipped |  | there is no test of it |
    | custom | – skipped |  | there is no test of it |

    level **2** · took 50.7 s · overhead of ours 7.3 s, 14.5 % · commit `9f1c2ab` · run `650fd90f`

    <details><summary>Lint findings (2)</summary>

    - ``S007 warning compose.yml:14 image `postgres:16` is a moving tag``
    - ``R014 info compose.yml `depends_on` is ignored by swarm``

    </details>
    ");
}

/// What a maintainer has to know of a lost restore stands in the comment: the cause, the data, the tests, the snapshots.
#[test]
fn a_comment_on_a_restore_that_brings_nothing_back_says_so_first() {
    insta::assert_snapshot!(markdown(&view(&sample::not_restored())), @r"
    ### ✗ `gitea` `3.6.0+1.22.1-rootless`: failed in restore

    **The recipe is at fault.** Data afterwards: **unknown**.

    ```text
    restore does not bring data back: two repositories: 0 rows instead of 2 in `repository`
    ```

    **What to try:** Files came back, data did not. For a database, dump it in the backup's pre-hook, store the dump only, and load it in the restore's post-hook; files under a running database change nothing.

    | tier | verdict | tests | |
    |---|---|---|---|
    | lint | ✓ passed |  |  |
    | install | ✓ passed |  |  |
    | upgrade | ✓ passed | ✓ 1 |  |
    | backup | ✓ passed | ✓ 1 |  |
    | restore | ✗ failed |  | `` restore does not bring data back: two repositories: 0 rows instead of 2 in `repository` `` |
    | custom | ? not judged |  | `tier restore, on which it stands, did not pass` |

    level **2** · took 58.0 s · overhead of ours 7.2 s, 12.5 % · commit `9f1c2ab` · run `502fab0f`

    <details><summary>Data that is not as it should be (1)</summary>

    - `` overlay two repositories in read back, reading back: 0 rows instead of 2 in `repository` ``

    </details>

    <details><summary>Snapshots (2)</summary>

    - `made 4f2a9c4: 812 files, 23.4 MB in 910 ms`
    - `restored 4f2a9c4: 812 files, 23.4 MB in 910 ms`

    </details>

    <details><summary>Lint findings (3)</summary>

    - ``S007 warning compose.yml:14 image `postgres:16` is a moving tag``
    - ``R014 info compose.yml `depends_on` is ignored by swarm``
    - ``S003 warning compose.yml:41 `db` dumps before a backup, and nothing loads the dump after a restore``

    </details>
    ");
}

#[test]
fn a_comment_quotes_the_line_that_names_the_trouble_and_lists_the_tests_that_failed() {
    let mut sample = sample::named_cause();
    // Without the failure of the install, the upgrade leads.
    sample.events.retain(|e| !matches!(&e.what, domain::What::TierJudged { tier: Tier::Install, .. }));
    sample.events.pop();
    let text = markdown(&view(&sample));
    assert!(text.contains("**The recipe is at fault.** Data afterwards: **untouched**."), "{text}");
    assert!(text.contains("\n\napp: 2026-11-21T03:04:52Z [F] failed to save"), "{text}");
    assert!(text.contains("Tests that did not pass (1)"), "{text}");
    assert!(text.contains("- `install overlay api::test_token: assert 403 == 200"), "{text}");
}

#[test]
fn a_comment_on_an_unfinished_run_says_where_it_stops() {
    insta::assert_snapshot!(markdown(&view(&sample::unfinished())), @r"
    ### ? `kinto` `1.4.0+19.1.0`: did not end

    **The run did not end.**

    ```text
    the log ends in stage `settle` of side B
    ```

    | tier | verdict | tests | |
    |---|---|---|---|
    | lint | ✓ passed |  |  |
    | install | ✓ passed |  |  |
    | upgrade | ◌ no verdict |  |  |

    took 36.0 s · commit `9f1c2ab` · run `61e88eec`
    ");
}

#[test]
fn a_comment_stays_comment_sized_whatever_the_log_says() {
    let text = markdown(&view(&sample::hostile()));
    assert!(text.len() < 12_000, "{} bytes", text.len());
}

/// Text from strangers may hold mark-up, mentions and fences; all of it has to stay inside code.
#[test]
fn a_comment_lets_no_markup_out_of_code() {
    let promotion = markdown(&view(&sample::hostile_promotion()));
    let outside = outside_code(&promotion);
    for bad in ["script", "onerror", "@everyone"] {
        assert!(!outside.contains(bad) && !promotion.contains('\u{202e}'), "{outside}");
    }
    let text = markdown(&view(&sample::hostile()));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    let outside = outside_code(&text);
    assert!(!outside.contains("script"), "{outside}");
    assert!(!outside.contains("@everyone"), "{outside}");
    assert!(!outside.contains("onerror"), "{outside}");
    assert!(text.contains("@everyone"), "the log is shown nonetheless");
}

/// A small reader of Markdown's code: fences by lines, then spans by runs of backticks of equal length.
fn outside_code(text: &str) -> String {
    let mut outside = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line.trim_end() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let mut rest = line;
                while let Some(at) = rest.find('`') {
                    outside.push_str(&rest[..at]);
                    let run = rest[at..].chars().take_while(|c| *c == '`').count();
                    let inner = &rest[at + run..];
                    let close = (0..inner.len())
                        .filter(|n| inner.is_char_boundary(*n))
                        .find(|n| {
                            let here = inner[*n..].chars().take_while(|c| *c == '`').count();
                            here == run && !inner[..*n].ends_with('`')
                        })
                        .expect("each code span is closed on its line");
                    rest = &inner[close + run..];
                }
                outside.push_str(rest);
                outside.push('\n');
            }
        }
    }
    assert!(fence.is_none(), "each fence is closed");
    outside
}

#[test]
fn a_badge_says_its_word_and_shows_a_level_only_when_green() {
    let states = [
        State::Passed,
        State::Superficial,
        State::Failed,
        State::NotJudged,
        State::NothingJudged,
        State::DidNotEnd,
    ];
    let said: Vec<String> = states
        .map(|state| {
            let svg = badge(Some(3), state);
            let svg = roxmltree::Document::parse(&svg).unwrap();
            let title = svg.descendants().find(|n| n.has_tag_name("title")).unwrap();
            title.text().unwrap().to_owned()
        })
        .into();
    insta::assert_snapshot!(said.join("\n"), @r"
    simmer: level 3
    simmer: level 3, superficial
    simmer: failed
    simmer: not judged
    simmer: nothing judged
    simmer: did not end
    ");
}

#[test]
fn every_cause_comes_with_something_to_try() {
    let causes = sample::all_causes();
    let mut said: Vec<&str> = causes.iter().map(advice).collect();
    for text in &said {
        assert!(text.ends_with('.') && text.len() > 40, "{text}");
        assert_eq!(text.matches('`').count() % 2, 0, "{text}");
    }
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), causes.len(), "no two causes share their remedy");
}

#[test]
fn every_cause_is_told_with_its_advice_in_each_form() {
    for cause in sample::all_causes() {
        let sample = sample::Script::new("cause", "gitea", "1.0.0+1", &[])
            .judge(Tier::Install, None, Verdict::of(cause.clone()))
            .done(&[]);
        let view = view(&sample);
        assert!(matches!(view.state(), State::Failed | State::NotJudged), "{}", cause.name());
        let name = cause.name();
        assert!(markdown(&view).contains(advice(&cause)), "{name}");
        assert!(reports::junit(std::slice::from_ref(&view)).contains(&format!("type=\"{name}\"")), "{name}");
        let page = reports::run_page(&view, &sample.logs);
        // The page sets backticks as code and escapes; its longest plain part has to be there.
        let part = advice(&cause).split(['`', '<', '>', '\'', '"']).max_by_key(|p| p.len()).unwrap();
        assert!(page.contains(part), "{name}: {part}");
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
        assert!(reports::outcome_json(&view).contains(&format!("\"name\": \"{name}\"")), "{name}");
    }
}

#[test]
fn every_step_of_a_probe_has_advice_of_its_own() {
    use ProbeStep::{App, Dns, Http, Route, Tcp, Tls};
    let mut said: Vec<String> = [Route, Dns, Tcp, Tls, Http, App]
        .map(|step| {
            advice(&Cause::Probe {
                from: Vantage::Outside,
                step,
                url: String::new(),
                says: String::new(),
                tries: 1,
                window_seconds: 1,
            })
            .to_owned()
        })
        .into();
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 6);
}

proptest::proptest! {
    #[test]
    fn no_text_keeps_a_character_that_acts(text in "\\PC*|[\u{0}-\u{9f}\u{200b}-\u{206f}]{0,40}|(\u{1b}[\\[\\]a-z0-9;]*)*") {
        let shown = plain(&text);
        for c in shown.chars() {
            assert!(c == '\n' || c == '\t' || !c.is_control(), "{c:?} in {shown:?}");
            assert!(!('\u{202a}'..='\u{202e}').contains(&c) && !('\u{2066}'..='\u{2069}').contains(&c));
        }
        assert_eq!(plain(&shown), shown, "what is harmless stays as it is");
    }
}
