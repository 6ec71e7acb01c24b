//! The report of a training, and its page of HTML: settings, curves, recall by popularity, sample answers.
//!
//! The page is one self-contained file: no network, no scripts, light and dark. Text from data or settings is
//! escaped.

use super::auto::AutoReport;
use super::baselines::Comparison;
use super::data_report::DataReport;
use super::html::{add, begin, escaped, row};
use super::popularity::Decile;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;
use twinspire_towers::Towers;
use twinspire_towers::TowersError;

/// Fields that name an item, the best first.
const NAMES: [&str; 4] = ["title", "name", "text", "description"];
/// Maximum number of characters shown of a name or a query.
const MAX_LETTERS: usize = 160;
/// Size of the chart, in SVG units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const MARGIN: f64 = 44.0;

/// How a training went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrainingReport {
    /// What was read of the data.
    pub data: DataReport,
    /// Mean loss of each epoch.
    pub losses: Vec<f32>,
    /// Training examples in an epoch.
    pub examples: u64,
    /// Name of the validation metric, larger being better; `None` without a holdout.
    pub metric: Option<Cow<'static, str>>,
    /// The metric after each epoch.
    pub validations: Vec<f64>,
    /// The towers beside baselines on the holdout; `None` without one, and where the recipe has no logs.
    pub baselines: Option<Comparison>,
    /// The search for settings, if there was one. The holdout of `validations` and `baselines` is then that of the
    /// search; the towers learnt from it in the end.
    pub auto: Option<AutoReport>,
    /// Recall by popularity: the items in ten parts, the least popular first. Empty if the data has no
    /// events, as when [`dssm`](crate::dssm) learns from documents alone.
    pub deciles: Vec<Decile>,
    /// Epoch of the weights that the towers have, from 1: the best by the metric, or the last.
    pub kept: usize,
    /// Training examples per second, without the time for reading and validation.
    pub examples_per_second: f64,
    /// Number of trained weights.
    pub parameters: usize,
    /// Total time, in seconds.
    pub seconds: f64,
    /// Whether the caller ended the training early and [kept the best so far](crate::StopTraining::KeepBest).
    pub stopped: bool,
}

/// The answer of the towers to one query.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The query, as JSON.
    pub query: String,
    /// Name and score of the best items.
    pub found: Vec<(String, f32)>,
}

/// The `top` best items for each query, by exact search.
///
/// # Errors
/// [`TowersError::User`] names the query that the towers cannot read.
pub fn samples(
    towers: &Towers,
    queries: &[Value],
    items: &[Value],
    top: usize,
) -> Result<Vec<Sample>, TowersError> {
    let vectors = items.iter().map(|item| towers.embed_item(item));
    // Items without a vector, such as those without a text, are not answers.
    let vectors: Vec<_> = vectors
        .zip(items)
        .filter_map(|(v, item)| Some((v.ok()?, item)))
        .collect();
    let each = queries.iter().map(|query| {
        let asked = towers.embed_user(query)?;
        let dot = |vector: &[f32]| asked.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        let mut scores: Vec<_> = vectors.iter().map(|(v, item)| (dot(v), *item)).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = scores.into_iter().take(top);
        Ok(Sample {
            query: cut(&query.to_string()),
            found: found.map(|(score, item)| (name(item), score)).collect(),
        })
    });
    each.collect()
}

/// The name of an item.
fn name(item: &Value) -> String {
    let named = NAMES.iter().find_map(|field| item.get(field)?.as_str());
    let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
    match named.filter(|name| !name.is_empty()) {
        Some(name) => cut(&format!("{id}: {name}")),
        None => id.to_owned(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_LETTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl TrainingReport {
    /// What to look at in the data and the result: ids without a record, repeats, towers below a baseline.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let ids = self.data.unknown_ids.iter().map(ToString::to_string);
        let below = self.baselines.as_ref().and_then(Comparison::warning);
        ids.chain(self.data.repeats_note()).chain(below).collect()
    }

    /// The report as one page of HTML, with the settings and sample answers.
    #[must_use]
    pub fn to_html(&self, title: &str, settings: &impl Serialize, samples: &[Sample]) -> String {
        let settings = serde_json::to_value(settings).unwrap_or_default();
        let mut page = begin(title);
        add(&mut page, "<table>");
        for (name, value) in [
            ("examples per epoch", self.examples.to_string()),
            (
                "epochs",
                format!(
                    "{}, kept the weights of epoch {}",
                    self.losses.len(),
                    self.kept
                ),
            ),
            ("trained weights", self.parameters.to_string()),
            (
                "examples per second",
                format!("{:.0}", self.examples_per_second),
            ),
            ("seconds", format!("{:.1}", self.seconds)),
        ] {
            row(&mut page, name, &value);
        }
        add(&mut page, "</table>");
        data_read(&mut page, &self.data);
        add(&mut page, "<h2>Loss of each epoch</h2>");
        let losses: Vec<f64> = self.losses.iter().copied().map(f64::from).collect();
        add(&mut page, &chart("loss", &losses, None));
        if let Some(metric) = &self.metric {
            add(
                &mut page,
                &format!("<h2>Validation: {}</h2>", escaped(metric)),
            );
            add(
                &mut page,
                &chart(metric, &self.validations, Some(self.kept)),
            );
        }
        if let Some(auto) = &self.auto {
            search(&mut page, auto);
        }
        baselines(&mut page, self.baselines.as_ref());
        if self.metric.is_none() {
            add(
                &mut page,
                "<h2>Validation</h2><p><strong>Nothing was held out</strong>, so these towers are not compared with \
                 baselines. A patience above 0 holds events out, and so does a search for settings.",
            );
        }
        popularity(&mut page, &self.deciles);
        if !samples.is_empty() {
            add(
                &mut page,
                "<h2>Answers</h2><table><tr><th>query<th>answer<th class=\"n\">score",
            );
        }
        for sample in samples {
            for (at, (item, score)) in sample.found.iter().enumerate() {
                let asked = if at == 0 {
                    escaped(&sample.query)
                } else {
                    String::new()
                };
                let item = escaped(item);
                let cells =
                    format!("<tr><td><code>{asked}</code><td>{item}<td class=\"n\">{score:.3}");
                add(&mut page, &cells);
            }
        }
        if !samples.is_empty() {
            add(&mut page, "</table>");
        }
        add(&mut page, "<h2>Settings</h2><table>");
        for (name, value) in settings.as_object().into_iter().flatten() {
            row(&mut page, name, &value.to_string());
        }
        add(&mut page, "</table></html>\n");
        page
    }
}

/// A table of the columns of the data, and the ids without a record.
fn data_read(page: &mut String, data: &DataReport) {
    if !data.columns.is_empty() {
        add(
            page,
            "<h2>Columns</h2><table><tr><th>of<th>column<th>read as<th class=\"n\">values\
             <th class=\"n\">null<th class=\"n\">strange<th>note",
        );
    }
    for column in &data.columns {
        let note = match (&column.unread, &column.example) {
            (Some(unread), _) => format!("unread: {unread}"),
            (None, Some(example)) if column.strays > 0 => format!("such as {example}"),
            (None, _) => String::new(),
        };
        let cells = format!(
            "<tr><td>{}<td>{}<td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td>{}",
            column.side,
            escaped(&column.field),
            escaped(column.read_as.as_deref().unwrap_or("unread")),
            column.values,
            column.nulls,
            column.strays,
            escaped(&note)
        );
        add(page, &cells);
    }
    if !data.columns.is_empty() {
        add(page, "</table>");
    }
    let unknown = data.unknown_ids.iter().map(ToString::to_string);
    for note in unknown.chain(data.repeats_note()) {
        add(page, &format!("<p>{}", escaped(&note)));
    }
}

/// A table of the candidates of a search for settings.
fn search(page: &mut String, auto: &AutoReport) {
    add(page, "<h2>Search for settings</h2>");
    add(page, &format!("<p>{}.", escaped(&auto.why())));
    let metric = escaped(&auto.metric);
    let head = format!(
        "<table><tr><th>settings<th class=\"n\">{metric}<th class=\"n\">at epoch<th class=\"n\">of"
    );
    add(page, &head);
    for of in &auto.candidates {
        let cells = format!(
            "<tr><td>{}<td class=\"n\">{:.4}<td class=\"n\">{}<td class=\"n\">{}",
            escaped(&of.label()),
            of.metric,
            of.epochs,
            of.trained
        );
        add(page, &cells);
    }
    add(page, "</table>");
}

/// A table of the towers beside the baselines.
fn baselines(page: &mut String, comparison: Option<&Comparison>) {
    let Some(comparison) = comparison else { return };
    add(page, "<h2>Baselines</h2>");
    if let Some(warning) = comparison.warning() {
        let warning = escaped(&warning);
        add(page, &format!("<p><strong>Warning: {warning}.</strong>"));
    }
    add(
        page,
        "<table><tr><th>on the holdout<th class=\"n\">hit@10<th class=\"n\">nDCG@10<th class=\"n\">hit@100",
    );
    let towers = ("these towers", comparison.model);
    let others = comparison
        .baselines
        .iter()
        .map(|of| (&*of.name, of.metrics));
    for (name, of) in std::iter::once(towers).chain(others) {
        let cells = format!(
            "<tr><td>{}<td class=\"n\">{:.4}<td class=\"n\">{:.4}<td class=\"n\">{:.4}",
            escaped(name),
            of.hit_10,
            of.ndcg_10,
            of.hit_100
        );
        add(page, &cells);
    }
    add(page, "</table>");
}

/// A table of recall by popularity.
fn popularity(page: &mut String, deciles: &[Decile]) {
    if deciles.is_empty() {
        return;
    }
    add(page, "<h2>By popularity</h2>");
    add(
        page,
        "<p>The items in ten parts by popularity: their share of training events, their share of the first ten \
         answers, and the hit rate of their held-out events.",
    );
    add(
        page,
        "<table><tr><th>events<th class=\"n\">items<th class=\"n\">share of events<th class=\"n\">share of answers\
         <th class=\"n\">held out<th class=\"n\">hit@10<th class=\"n\">hit@100",
    );
    for decile in deciles {
        let [least, most] = decile.event_range;
        let hits = |share: f64| match decile.held_out {
            0 => String::new(),
            _ => format!("{share:.3}"),
        };
        let cells = [
            decile.items.to_string(),
            format!("{:.1} %", 100.0 * decile.event_share),
            format!("{:.1} %", 100.0 * decile.answer_share),
            decile.held_out.to_string(),
            hits(decile.hit_10),
            hits(decile.hit_100),
        ];
        let cells = cells.map(|cell| format!("<td class=\"n\">{cell}")).concat();
        add(page, &format!("<tr><td>{least} to {most}{cells}"));
    }
    add(page, "</table>");
}

/// A line chart of the values of epochs; one epoch may be marked.
fn chart(name: &str, values: &[f64], marked: Option<usize>) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let least = finite().fold(f64::INFINITY, f64::min);
    let most = finite().fold(f64::NEG_INFINITY, f64::max);
    if least > most {
        return "<p>nothing was measured</p>".to_owned();
    }
    let span = if most > least { most - least } else { 1.0 };
    let across = (WIDTH - 2.0 * MARGIN) / (values.len().max(2) - 1) as f64;
    let x = |at: usize| MARGIN + at as f64 * across;
    let y = |value: f64| HEIGHT - MARGIN / 2.0 - (value - least) / span * (HEIGHT - MARGIN);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escaped(name)
    );
    // Writing to a string cannot fail.
    let mut label = |x: f64, y: f64, anchor: &str, text: &str| {
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    label(MARGIN - 6.0, y(most) + 4.0, "end", &format!("{most:.3}"));
    label(MARGIN - 6.0, y(least) + 4.0, "end", &format!("{least:.3}"));
    label(x(0), HEIGHT - 4.0, "middle", "1");
    label(
        x(values.len() - 1),
        HEIGHT - 4.0,
        "middle",
        &values.len().to_string(),
    );
    let places = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite());
    let points: Vec<_> = places.map(|(at, value)| (at, x(at), y(*value))).collect();
    let line: Vec<_> = points
        .iter()
        .map(|(_, x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let line = line.join(" ");
    let _ = write!(
        svg,
        "<polyline fill=\"none\" stroke=\"#3b82f6\" stroke-width=\"2\" points=\"{line}\"/>"
    );
    for (at, x, y) in points {
        let radius = if marked == Some(at + 1) { 6 } else { 3 };
        let value = values[at];
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"#3b82f6\"><title>epoch {}: {value:.4}</title></circle>",
            at + 1
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_report::ColumnReport;
    use crate::schema::Unread;
    use proptest::prelude::*;
    use serde_json::json;
    use twinspire_towers::Side;

    #[test]
    fn the_page_names_every_column_and_why_it_is_unread() {
        let page = report().to_html("t", &json!({}), &[]);
        for part in [
            "<td>price&lt;na&gt;<td>number<td class=\"n\">199<td class=\"n\">1<td class=\"n\">2",
            "such as a string (",
            "<td>same<td>unread",
            "unread: all values are the same",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    fn report() -> TrainingReport {
        let column = ColumnReport {
            side: Side::Item,
            field: "price<na>".to_owned(),
            read_as: Some("number".to_owned()),
            unread: None,
            values: 199,
            nulls: 1,
            strays: 2,
            example: Some("a string (\"N/A\")".to_owned()),
        };
        let unread = ColumnReport {
            field: "same".to_owned(),
            read_as: None,
            unread: Some(Unread::Constant),
            ..column.clone()
        };
        TrainingReport {
            data: DataReport {
                columns: vec![column, unread],
                unknown_ids: Vec::new(),
                repeats: 0.25,
            },
            baselines: None,
            auto: None,
            losses: vec![3.0, 2.0, 1.5],
            metric: Some("hit@10".into()),
            validations: vec![0.1, 0.3, 0.2],
            deciles: vec![Decile {
                items: 12,
                event_range: [3, 9],
                event_share: 0.25,
                answer_share: 0.125,
                held_out: 4,
                hit_10: 0.5,
                hit_100: 0.75,
            }],
            kept: 2,
            examples_per_second: 1234.5,
            examples: 99,
            parameters: 1000,
            seconds: 1.25,
            stopped: false,
        }
    }

    #[test]
    fn the_page_has_curves_settings_and_answers_and_loads_nothing() {
        let sample = Sample {
            query: r#"{"query":"wings"}"#.to_owned(),
            found: vec![("7: On wings".to_owned(), 0.5)],
        };
        let page = report().to_html("dssm", &json!({"gamma": 6}), &[sample]);
        for part in [
            "<h1>dssm</h1>",
            "kept the weights of epoch 2",
            "aria-label=\"hit@10\"",
            "r=\"6\" fill=\"#3b82f6\"><title>epoch 2: 0.3000",
            "<th>gamma<td><code>6</code>",
            "7: On wings<td class=\"n\">0.500",
            "<td>3 to 9<td class=\"n\">12<td class=\"n\">25.0 %<td class=\"n\">12.5 %",
            "<td class=\"n\">4<td class=\"n\">0.500<td class=\"n\">0.750",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert_eq!(page.matches("<polyline").count(), 2);
        for fetched in ["http", "src=", "url(", "<script", "@import"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
        assert!(page.len() < 6000, "{}", page.len());
    }

    #[test]
    fn a_report_without_validation_makes_a_page_too() {
        let empty = TrainingReport {
            losses: vec![f32::NAN],
            metric: None,
            validations: Vec::new(),
            deciles: Vec::new(),
            ..report()
        };
        let page = empty.to_html("x", &json!({}), &[]);
        assert!(page.contains("nothing was measured"), "{page}");
        assert!(page.contains("Nothing was held out"), "{page}");
        assert!(
            !report()
                .to_html("x", &json!({}), &[])
                .contains("Nothing was held out")
        );
        assert!(!page.contains("Answers") && !page.contains("By popularity"));
        let one = TrainingReport {
            losses: vec![2.0],
            ..report()
        };
        assert!(!one.to_html("x", &json!({}), &[]).contains("NaN"));
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(text in "[<>&\"'a-c]{0,20}") {
            let sample = Sample { query: text.clone(), found: vec![(text.clone(), 1.0)] };
            let plain = report().to_html("x", &json!({"a": "b"}), &[Sample {
                query: String::new(), found: vec![(String::new(), 1.0)] }]);
            let page = report().to_html("x", &json!({"a": text}), &[sample]);
            prop_assert_eq!(page.matches('<').count(), plain.matches('<').count());
            prop_assert_eq!(page.matches('>').count(), plain.matches('>').count());
        }
    }
}
