//! The engine's events as pulses: each says "look again", none is trusted to say what is.
//!
//! Container events are local to the node, service events come from managers, task events do not exist
//! (dependencies.md, traps 4 and 5). A lost stream is opened again from where it ended; what fell between is
//! caught by looking.

use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Engine;

/// Pulses that may wait: any one of them makes the reader look, so that more would only be dropped later.
const BACKLOG: usize = 256;
/// Pause before a lost stream is opened again. An engine that restarts is away for 1 to 20 s.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);
/// How far before "now" the stream begins: clocks that differ by less than this count as one.
const OVERLAP: TimeDelta = TimeDelta::seconds(2);

/// Something happened on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pulse {
    /// `service`, `container`, `network`, `volume`; `stream` when the stream was lost and opened again.
    pub(super) kind: String,
    pub(super) action: String,
    /// The object's id.
    pub(super) id: String,
    /// Attributes of the event; for containers they hold the labels.
    pub(super) attributes: Vec<(String, String)>,
}

impl Pulse {
    pub(super) fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

/// An open event stream; closed when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    pulses: mpsc::Receiver<Pulse>,
    feeder: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.feeder.abort();
    }
}

impl Watch {
    /// Waits for the next pulse that is `relevant`. Never ends by itself.
    pub(super) async fn next(&mut self, relevant: impl Fn(&Pulse) -> bool) {
        loop {
            match self.pulses.recv().await {
                Some(pulse) if pulse.kind == "stream" || relevant(&pulse) => {
                    // Those that came together are one reason to look.
                    while self.pulses.try_recv().is_ok() {}
                    return;
                }
                Some(_) => {}
                // The feeder runs until we are dropped; should it die, the caller's tick still looks.
                None => std::future::pending().await,
            }
        }
    }
}

impl Engine {
    /// Opens the event stream for the given types. It begins a little before now, so that nothing between this
    /// call and the first look can be missed.
    pub(super) fn watch(&self, types: &'static [&'static str]) -> Watch {
        let (to, pulses) = mpsc::channel(BACKLOG);
        let engine = self.clone();
        let mut since = self.now() - OVERLAP;
        let feeder = tokio::spawn(async move {
            loop {
                engine.feed(types, &mut since, &to).await;
                if to.is_closed() {
                    return;
                }
                tokio::time::sleep(REOPEN_PAUSE).await;
                let back = Pulse {
                    kind: "stream".into(),
                    action: "reopened".into(),
                    id: String::new(),
                    attributes: vec![],
                };
                // A full backlog wakes the reader as well.
                drop(to.try_send(back));
            }
        });
        Watch { pulses, feeder: feeder.abort_handle() }
    }

    async fn feed(&self, types: &[&str], since: &mut DateTime<Utc>, to: &mpsc::Sender<Pulse>) {
        let types = types.iter().map(|t| (*t).to_owned()).collect();
        let options = EventsOptions {
            since: Some(format!("{}.{:09}", since.timestamp(), since.timestamp_subsec_nanos())),
            filters: Some([("type".to_owned(), types)].into()),
            ..EventsOptions::default()
        };
        let mut events = self.docker().events(Some(options));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if let Some(nanos) = event.time_nano {
                        *since = DateTime::from_timestamp_nanos(nanos);
                    }
                    drop(to.try_send(pulse_of(event)));
                }
                Err(error) => {
                    tracing::debug!(error = %super::Chain(&error), "event stream lost");
                    return;
                }
            }
        }
    }
}

fn pulse_of(event: EventMessage) -> Pulse {
    let actor = event.actor.unwrap_or_default();
    Pulse {
        kind: event.typ.map(|t| t.to_string()).unwrap_or_default(),
        action: event.action.unwrap_or_default(),
        id: actor.id.unwrap_or_default(),
        attributes: actor.attributes.unwrap_or_default().into_iter().collect(),
    }
}
