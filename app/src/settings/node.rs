//! This node: its name, its machine, and its health over the last hour, a sample every ten seconds. Downtime stays a
//! gap.

use super::{
    Part,
    api::{NodeView, RenameNode, node},
};
use crate::{
    FormAction, NodeForm, NodeResource,
    frame::use_frame,
    live::use_live,
    ui::{Ago, ErrorNote, Line, Note, NoteTone, QueryState, TextInput, format, plot},
    view,
};
use leptos::prelude::*;
use leptos_meta::Title;
use model::node::{HealthSample, NodeInfo};

/// Two samples per slot, so that a sample a moment late does not look like downtime.
const SLOT_MS: i64 = 20_000;
/// An hour.
const SLOTS: usize = 180;

/// `/settings/node`.
#[component]
pub(super) fn ThisNode() -> impl IntoView {
    let live = use_live();
    let frame = use_frame();
    let renamed = RwSignal::new(0_u32);
    // Reads only the changed part again: after a refusal the field keeps the name that was typed.
    let rename = FormAction::to::<RenameNode>(move |_| {
        renamed.update(|n| *n = n.wrapping_add(1));
        // The rail shows the name as well.
        if let Some(frame) = frame {
            frame.refetch();
        }
    });
    let node = NodeResource::new(
        move || {
            renamed.track();
            live.reloads.track();
        },
        node,
    );
    view! {
        <Title text="This node" />
        <QueryState
            query=node
            failed="The node could not be read."
            content=move |view| view! { <Content view=view rename=rename /> }
        />
    }
}

#[component]
fn Content(
    /// The reading.
    view: NodeView,
    /// Renames it.
    rename: FormAction,
) -> impl IntoView {
    let NodeView {
        info,
        health,
        may_rename,
    } = view;
    let samples = RwSignal::new(health);
    let name = info.name.clone();
    let live = use_live();
    Effect::new(move || {
        if let Some(sample) = live.health.get() {
            samples.update(|samples| push(samples, sample));
        }
    });
    view! {
        <Part title="This node's name" id="n-name" text="What people and other nodes see.">
            {if may_rename {
                view! { <NameForm name=name rename=rename /> }
            } else {
                view! {
                    <p>
                        <b class="medium">{name}</b>
                    </p>
                    <p class="hint">"Renaming it needs the role admin."</p>
                }
            }}
        </Part>
        <Part title="Machine" id="n-info">
            <Facts info=info />
        </Part>
        <Part title="Health" id="n-health" text="The last hour, a sample every ten seconds. Dashes bridge times when the node was down.">
            <Charts samples=samples />
        </Part>
    }
}

/// Appends a sample to the last hour; ignores a known one.
fn push(samples: &mut Vec<HealthSample>, sample: HealthSample) {
    if samples.last().is_some_and(|last| last.at >= sample.at) {
        return;
    }
    let from = sample.at - SLOT_MS * i64::try_from(SLOTS).unwrap_or(0);
    samples.retain(|old| old.at >= from);
    samples.push(sample);
}

#[component]
fn NameForm(
    /// The present name.
    name: String,
    /// Renames it.
    rename: FormAction,
) -> impl IntoView {
    let about = Signal::derive(move || rename.refusal().and_then(|error| error.about("name")));
    view! {
        <NodeForm action=rename class="set-f">
            <TextInput label="Name" name="name" value=name required=true maxlength=64 error=about />
            {move || rename.refusal().filter(|error| error.field() != Some("name")).map(|error| view! { <ErrorNote error=error title="The node was not renamed." /> })}
            {move || rename.done().then(|| view! { <Note tone=NoteTone::Done>"The node was renamed."</Note> })}
            <div class="acts">
                <button type="submit" class="btn btn-lg" disabled=move || rename.pending().get()>
                    "Rename"
                </button>
            </div>
        </NodeForm>
    }
}

#[component]
fn Facts(
    /// The node.
    info: NodeInfo,
) -> impl IntoView {
    view! {
        <dl class="kv">
            <dt>"Kind"</dt>
            <dd>{info.kind.word()}</dd>
            <dt>"Id"</dt>
            <dd>
                <code>{info.id.to_string()}</code>
            </dd>
            <dt>"Version"</dt>
            <dd>
                <code>{info.version}</code>
            </dd>
            <dt>"Started"</dt>
            <dd>
                <Ago at=info.started />
            </dd>
            <dt>"Database"</dt>
            <dd>{info.database}</dd>
            <dt>"Data"</dt>
            <dd>
                <code>{info.data_dir}</code>
            </dd>
            <dt>"Agents"</dt>
            <dd>{format!("at most {} at once, idle ones are stopped after {}", info.agents_max, format::span_round(info.agents_idle_s.saturating_mul(1_000)))}</dd>
        </dl>
    }
}

/// A measured value.
struct Measure {
    name: &'static str,
    value: fn(&HealthSample) -> Option<f64>,
    text: fn(&HealthSample) -> Option<String>,
    /// The value at the top of the chart; `None` for a round number above the largest.
    top: fn(&HealthSample) -> Option<f64>,
    /// The text of a value at the axis.
    axis: fn(f64) -> String,
}

/// The least samples for a chart; fewer are shown as a figure with the time measured so far.
const CHART_FROM: usize = 10;

// Measured values are far below the limits of both types.
#[allow(clippy::cast_possible_truncation)]
fn axis_bytes(value: f64) -> String {
    format::bytes(value.round() as i64)
}

// Measured values are far below the limits of both types.
#[allow(clippy::cast_possible_truncation)]
fn axis_count(value: f64) -> String {
    format::exact(value.ceil() as i64)
}

// A chart needs no more digits than a float has.
#[allow(clippy::cast_precision_loss)]
fn float(n: Option<i64>) -> Option<f64> {
    n.map(|n| n as f64)
}

const MEASURES: [Measure; 7] = [
    Measure {
        name: "Processor",
        value: |sample| sample.cpu_percent.map(f64::from),
        text: |sample| sample.cpu_percent.map(|percent| format!("{percent:.0} %")),
        top: |_| Some(100.0),
        axis: |value| format!("{value:.0} %"),
    },
    Measure {
        name: "Memory of the machine",
        value: |sample| float(sample.memory_used),
        text: |sample| {
            Some(format!(
                "{} of {}",
                format::bytes(sample.memory_used?),
                format::bytes(sample.memory_total?)
            ))
        },
        top: |sample| float(sample.memory_total),
        axis: axis_bytes,
    },
    Measure {
        name: "Memory of OrchWiz",
        value: |sample| float(sample.memory_self),
        text: |sample| sample.memory_self.map(format::bytes),
        top: |_| None,
        axis: axis_bytes,
    },
    Measure {
        name: "Disk free",
        value: |sample| float(sample.disk_free),
        text: |sample| sample.disk_free.map(format::bytes),
        top: |_| None,
        axis: axis_bytes,
    },
    Measure {
        name: "Database",
        value: |sample| float(sample.database_bytes),
        text: |sample| sample.database_bytes.map(format::bytes),
        top: |_| None,
        axis: axis_bytes,
    },
    Measure {
        name: "Agents running",
        value: |sample| float(sample.agents),
        text: |sample| sample.agents.map(format::exact),
        top: |_| None,
        axis: axis_count,
    },
    Measure {
        name: "Write queue",
        value: |sample| float(sample.queue),
        text: |sample| sample.queue.map(format::exact),
        top: |_| None,
        axis: axis_count,
    },
];

#[component]
fn Charts(
    /// Oldest first.
    samples: RwSignal<Vec<HealthSample>>,
) -> impl IntoView {
    let chart = move |measure: &'static Measure| {
        let values = Memo::new(move |_| {
            let samples = samples.read();
            let end = samples.last().map_or(0, |last| last.at);
            let points: Vec<_> = samples
                .iter()
                .map(|sample| (sample.at, (measure.value)(sample)))
                .collect();
            plot::slots(&points, end, SLOT_MS, SLOTS)
        });
        let now = Signal::derive(move || {
            samples
                .read()
                .last()
                .and_then(measure.text)
                .unwrap_or_else(|| "not known".to_owned())
        });
        let top = Memo::new(move |_| {
            let known = samples.read().last().and_then(measure.top);
            known.unwrap_or_else(|| plot::round_up(plot::ceiling(values.read().iter().copied())))
        });
        let label = Signal::derive(move || format!("{} over the last hour, now {}", measure.name, now.get()));
        // A chart of a few points would be an empty box, and a value never known has no scale.
        let enough = Memo::new(move |_| samples.read().len() >= CHART_FROM);
        let known = Memo::new(move |_| values.read().iter().any(Option::is_some));
        view! {
            <div class="chart">
                <div class="xs muted">{measure.name}</div>
                <div class="medium cut">{move || now.get()}</div>
                {move || {
                    enough
                        .get()
                        .then(|| {
                            view! {
                                <div class="chart-top xs faint">{move || known.get().then(|| (measure.axis)(top.get()))}</div>
                                <Line values=values top=Signal::derive(move || Some(top.get())) label=label />
                                <div class="chart-x">
                                    <span>"1 h ago"</span>
                                    <span>"now"</span>
                                </div>
                            }
                        })
                }}
            </div>
        }
    };
    let none = move || {
        samples
            .read()
            .is_empty()
            .then(|| view! { <p class="muted">"No sample yet. The first comes within ten seconds."</p> })
    };
    let measured = Memo::new(move |_| measured_so_far(&samples.read()));
    view! {
        {none}
        {move || measured.get().map(|text| view! { <p class="muted">{text}</p> })}
        <div class="g3 charts">{MEASURES.iter().map(chart).collect_view()}</div>
    }
}

/// `22s measured so far`, before there is enough for charts; else `None`, also before the first sample.
fn measured_so_far(samples: &[HealthSample]) -> Option<String> {
    let (first, last) = (samples.first()?, samples.last()?);
    (samples.len() < CHART_FROM).then(|| format!("{} measured so far.", format::span(last.at - first.at)))
}

#[cfg(test)]
mod push_tests {
    use super::*;

    #[test]
    fn a_few_samples_are_no_chart() {
        let of = |count: i64| {
            (0..count)
                .map(|n| HealthSample {
                    at: n * 10_000,
                    ..HealthSample::default()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(measured_so_far(&[]), None);
        assert_eq!(measured_so_far(&of(3)).as_deref(), Some("20s measured so far."));
        assert_eq!(measured_so_far(&of(10)), None);
    }

    #[test]
    fn the_axis_says_the_value_at_its_top() {
        assert_eq!(
            (axis_bytes(16e9), axis_count(1.0)),
            ("16.0 GB".to_owned(), "1".to_owned())
        );
    }

    #[test]
    fn an_hour_of_samples_is_kept_and_none_twice() {
        let sample = |at| HealthSample {
            at,
            ..HealthSample::default()
        };
        let mut samples = vec![sample(0), sample(10_000)];
        push(&mut samples, sample(10_000));
        assert_eq!(samples.len(), 2);
        push(&mut samples, sample(3_605_000));
        assert_eq!(samples.iter().map(|s| s.at).collect::<Vec<_>>(), [10_000, 3_605_000]);
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use crate::overview::fake::Node;
    use crate::testing::{Fake, NOW, caller};
    use model::{Error, Role, node::HealthSample};

    fn hour() -> Vec<HealthSample> {
        (0..360_i64)
            .filter(|n| !(100..160).contains(n))
            .map(|n| HealthSample {
                at: NOW - (360 - n) * 10_000,
                #[allow(clippy::cast_precision_loss)]
                cpu_percent: Some(20.0 + (n % 17) as f32),
                memory_used: Some(6_000_000_000 + n * 3_000_000),
                memory_total: Some(16_000_000_000),
                memory_self: Some(48_000_000),
                disk_free: Some(120_000_000_000),
                database_bytes: Some(12_000_000 + n * 1_000),
                agents: Some(n / 90),
                queue: None,
            })
            .collect()
    }

    #[tokio::test]
    async fn the_node_shows_its_facts_its_charts_and_the_gap_in_them() {
        let page = Fake {
            node: Node {
                health: hour(),
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/node")
        .await;
        page.shows(&[
            "workbench",
            "SQLite 3.51.3",
            "at most 8 at once, idle ones are stopped after 15m",
            "Processor",
            "7.08 GB of 16.0 GB",
            "Rename",
            "gap-l",
        ]);
        assert!(
            page.visible()
                .split("<path")
                .filter(|path| path.contains("gap-l") && path.contains("d=\"M"))
                .count()
                >= 5,
            "the hour had ten minutes of downtime"
        );
    }

    #[tokio::test]
    async fn few_samples_show_figures_and_since_when_instead_of_empty_charts() {
        let page = Fake {
            node: Node {
                health: hour()[..3].to_vec(),
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/node")
        .await;
        page.shows(&["20s measured so far.", "Write queue", "120 GB"])
            .lacks(&["1 h ago", "gap-l"]);
        let page = Fake {
            node: Node {
                health: hour(),
                ..Default::default()
            },
            ..Fake::default()
        }
        .render("/settings/node")
        .await;
        page.shows(&["1 h ago", ">100 %</div>", ">16.0 GB</div>"])
            .lacks(&["so far"]);
    }

    #[tokio::test]
    async fn a_fresh_node_has_no_samples_and_invents_none() {
        Fake::default()
            .render("/settings/node")
            .await
            .shows(&["No sample yet.", "not known"]);
    }

    #[tokio::test]
    async fn only_admins_are_offered_to_rename_it() {
        let page = Fake {
            caller: Some(caller(Role::Operator)),
            ..Fake::default()
        }
        .render("/settings/node")
        .await;
        page.lacks(&["/api/rpc/settings/rename-node"])
            .shows(&["needs the role admin"]);
    }

    #[tokio::test]
    async fn a_node_that_cannot_be_read_says_so() {
        let fake = Fake {
            frame_fails: true,
            ..Fake::failing(Error::StorageFull)
        };
        fake.render("/settings/node")
            .await
            .shows(&["The node could not be read.", "The disk of this node is full"]);
    }
}
