//! The report of an evaluation as one page of HTML.

use super::intervals::Estimate;
use super::report::{IndexReport, Report, Scores, Segmentation, Standing};
use crate::html::{add, begin, escaped, row};

/// p-values below this are shown as such: the test draws ten thousand signs.
const LEAST_P: f64 = 0.0001;

impl Report {
    /// The report as one page of HTML without scripts, which loads nothing. Text from data is escaped.
    #[must_use]
    pub fn to_html(&self, title: &str) -> String {
        let mut page = begin(title);
        for warning in self.warnings() {
            let warning = escaped(&warning);
            add(&mut page, &format!("<p><strong>{warning}.</strong>"));
        }
        self.protocol(&mut page);
        self.metrics(&mut page);
        let models = self.results.iter();
        let indexes = models.filter_map(|model| Some((model, model.index.as_ref()?)));
        let indexes: Vec<_> = indexes.collect();
        if !indexes.is_empty() {
            index_recall(&mut page, &indexes);
        }
        self.differences(&mut page);
        for segmentation in &self.segments {
            segments(&mut page, segmentation);
        }
        add(&mut page, "</html>");
        page
    }

    fn protocol(&self, page: &mut String) {
        add(page, "<table>");
        if !self.split.is_empty() {
            row(page, "test", &self.split);
        }
        for (name, value) in [
            ("users", self.users.to_string()),
            ("items to be found", self.relevant.to_string()),
            (
                "of these not in the catalogue",
                self.outside_catalogue.to_string(),
            ),
            (
                "users without anything new, left out",
                self.users_without_news.to_string(),
            ),
            ("catalogue", format!("{} items, all ranked", self.catalogue)),
            (
                "items seen before",
                if self.excludes_seen {
                    "left out"
                } else {
                    "kept"
                }
                .to_owned(),
            ),
            (
                "intervals",
                format!(
                    "{} % by {} bootstrap resamples of users, seed {}",
                    self.confidence * 100.0,
                    self.resamples,
                    self.seed
                ),
            ),
        ] {
            row(page, name, &value);
        }
        add(page, "</table>");
    }

    fn metrics(&self, page: &mut String) {
        add(page, "<h2>Metrics</h2><table><tr><th>metric");
        for standing in &self.results {
            let (name, kind) = (escaped(&standing.name), kind(standing));
            add(page, &format!("<th class=\"n\">{name}{kind}"));
        }
        let first = self.results.first();
        let names = first.into_iter().flat_map(|standing| &standing.metrics.0);
        for (at, (name, _)) in names.enumerate() {
            add(page, &format!("<tr><td>{}", escaped(name)));
            for standing in &self.results {
                let found = standing.metrics.0.get(at);
                let cell = found.map_or_else(String::new, |(_, estimate)| shown(*estimate));
                add(page, &format!("<td class=\"n\">{cell}"));
            }
        }
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        add(page, "<tr><td>coverage");
        for standing in &self.results {
            add(
                page,
                &format!("<td class=\"n\">{}", percent(standing.coverage)),
            );
        }
        add(page, "<tr><td>popularity over histories");
        for standing in &self.results {
            let lift = standing.popularity_lift.map_or_else(String::new, percent);
            add(page, &format!("<td class=\"n\">{lift}"));
        }
        add(page, "</table>");
        for standing in self.results.iter().filter(|standing| standing.refused > 0) {
            let because = standing.refused_because.as_deref().unwrap_or_default();
            let (name, because) = (escaped(&standing.name), escaped(because));
            let refused = standing.refused;
            add(
                page,
                &format!("<p>{name} could not read {refused} users: {because}"),
            );
        }
    }

    fn differences(&self, page: &mut String) {
        if self.differences.is_empty() {
            return;
        }
        add(page, "<h2>Paired differences</h2>");
        add(
            page,
            "<p>The first minus the second over the same users, with the p-value of a sign-flip test. Several tests are \
             not corrected for.",
        );
        add(
            page,
            "<table><tr><th>first<th>second<th>metric<th class=\"n\">difference<th class=\"n\">p",
        );
        for difference in &self.differences {
            let p = match difference.found.p_value {
                p if p <= LEAST_P => format!("≤ {LEAST_P}"),
                p => format!("{p:.4}"),
            };
            let cells = format!(
                "<tr><td>{}<td>{}<td>{}<td class=\"n\">{}<td class=\"n\">{p}",
                escaped(&difference.first),
                escaped(&difference.second),
                escaped(&difference.metric),
                signed(difference.found.difference)
            );
            add(page, &cells);
        }
        add(page, "</table>");
    }
}

fn kind(standing: &Standing) -> &'static str {
    match standing.is_baseline {
        true => " (baseline)",
        false => "",
    }
}

/// What indexes lose of exact searches.
fn index_recall(page: &mut String, indexes: &[(&Standing, &IndexReport)]) {
    add(page, "<h2>Index</h2>");
    add(
        page,
        "<p>The metrics above are those of exact searches. An index finds this share of the exact answer, and so much \
         less of the primary metric.",
    );
    let heads = |scores: &Scores| -> String {
        let each = scores.0.iter().map(|(name, _)| escaped(name));
        each.map(|name| format!("<th class=\"n\">{name}")).collect()
    };
    let (_, first) = indexes[0];
    let heads = heads(&first.of_exact);
    add(
        page,
        &format!("<table><tr><th>model{heads}<th class=\"n\">difference"),
    );
    for (model, index) in indexes {
        let found = index
            .of_exact
            .0
            .iter()
            .map(|(_, estimate)| shown(*estimate));
        let found: String = found
            .map(|cell| format!("<td class=\"n\">{cell}"))
            .collect();
        let (name, lost) = (escaped(&model.name), signed(index.loss.difference));
        add(
            page,
            &format!("<tr><td>{name}{found}<td class=\"n\">{lost}"),
        );
    }
    add(page, "</table>");
}

/// A table of the segments by one criterion.
fn segments(page: &mut String, segmentation: &Segmentation) {
    let of = if segmentation.of_items {
        "items to be found"
    } else {
        "users"
    };
    let by = escaped(&segmentation.by);
    add(
        page,
        &format!("<h2>By {by}</h2><table><tr><th>{by}<th class=\"n\">{of}<th>model"),
    );
    let first = segmentation.segments.first();
    let metrics = first.and_then(|segment| segment.results.first());
    for (name, _) in metrics.into_iter().flat_map(|result| &result.metrics.0) {
        add(page, &format!("<th class=\"n\">{}", escaped(name)));
    }
    for segment in &segmentation.segments {
        for (at, result) in segment.results.iter().enumerate() {
            let (is, count) = match at {
                0 => (escaped(&segment.of.to_string()), segment.count.to_string()),
                _ => (String::new(), String::new()),
            };
            let cells = result
                .metrics
                .0
                .iter()
                .map(|(_, estimate)| shown(*estimate));
            let cells: String = cells
                .map(|cell| format!("<td class=\"n\">{cell}"))
                .collect();
            let name = escaped(&result.name);
            add(
                page,
                &format!("<tr><td>{is}<td class=\"n\">{count}<td>{name}{cells}"),
            );
        }
    }
    add(page, "</table>");
}

/// An estimate with its interval.
fn shown(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{:.4}<br>{low:.4} to {high:.4}", estimate.value),
        _ => format!("{:.4}", estimate.value),
    }
}

/// A difference with its interval.
fn signed(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{:+.4}<br>{low:+.4} to {high:+.4}", estimate.value),
        _ => format!("{:+.4}", estimate.value),
    }
}
