//! `simmer serve`.

use chrono::Utc;

use super::run::listen;
use super::{Place, Trouble, db, gc, tell};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::serve::{LOOK, News, Rounds, take_lease};
use crate::store::Store;
use crate::sweep::tidy_up;

#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn serve(place: &Place, args: &ServeArgs) -> Result<Exit, Trouble> {
    let ServeArgs { quiet } = args;
    let mut instance = place.open()?;
    let cancel = listen()?;
    let _lease = take_lease(&instance.settings.state).map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "another process serves this instance", &error)
            .hint("one is enough: stop it first, if this one is to take its place")
    })?;
    let story = |text: &str| {
        if !quiet {
            tell(text);
        }
    };
    let every = instance.settings.reconcile_every.as_secs();
    story(&format!(
        "serving: the registry is compared with Docker now and every {every} s; Ctrl-C ends it\n"
    ));
    let mut server = Server { place, rounds: Rounds::default(), news: News::default(), story: &story };
    let mut trouble = None;
    while !cancel.is_asked() {
        // Read anew each time, so that what is enrolled meanwhile counts. What cannot be read leaves the last that could.
        let done = match place.open() {
            Ok(read) => {
                instance = read;
                server.look(&instance).await
            }
            Err(bad) => server.look(&instance).await.and(Err(bad)),
        };
        trouble = heard(done, trouble);
        tokio::select! {
            () = cancel.asked() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(Exit::Passed)
}

/// What is remembered from one look to the next.
struct Server<'a> {
    place: &'a Place,
    rounds: Rounds,
    news: News,
    story: &'a dyn Fn(&str),
}

impl Server<'_> {
    /// Looks at the clock and at what is held, and tidies up where it is time. Nothing is open between two looks: a database
    /// or an engine that went away and came back is only there again.
    async fn look(&mut self, instance: &Instance) -> Result<(), Trouble> {
        let store = db::open(&instance.settings.database).await?;
        let done = self.round(instance, &store).await;
        store.close().await;
        done
    }

    /// Tidies up, if it is time. That is not broken off in its middle: Ctrl-C waits for it; a second one ends at once, and
    /// loses nothing, as any kill does.
    async fn round(&mut self, instance: &Instance, store: &Store) -> Result<(), Trouble> {
        let held = store.holds().await.map_err(|error| db::of(&error, "could not read what is held"))?;
        let now = Utc::now();
        if !self.rounds.is_due(now, instance.settings.reconcile_every, &held) {
            return Ok(());
        }
        // Before the round begins: an engine that is not there is asked again at the next look.
        let engine = gc::connect(self.place, Some(instance)).await?;
        self.rounds.begin(now);
        let told = |line: &str| {
            if self.news.is_new(line) {
                (self.story)(line);
            }
        };
        tidy_up(instance, &engine, store, &told).await;
        self.news.end_round();
        Ok(())
    }
}

/// Tells trouble once, and once that it is over: a server whose engine is being updated does not fill the diary.
fn heard(done: Result<(), Trouble>, before: Option<String>) -> Option<String> {
    match (done, before) {
        (Ok(()), None) => None,
        (Ok(()), Some(_)) => {
            tell("that is over: going on\n");
            None
        }
        (Err(trouble), before) => {
            let says = trouble.to_string();
            if before.as_ref() != Some(&says) {
                tell(&format!("{says}\nwaiting, and trying again\n"));
            }
            Some(says)
        }
    }
}
