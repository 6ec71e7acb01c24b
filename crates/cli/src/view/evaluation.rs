//! The report of an evaluation as text: what decides, with its interval; the rest is in JSON and HTML.

use twinspire::train::evaluate::{Estimate, Report, Standing};

use crate::output::{Table, counted, thousands};

/// The report for people.
pub fn text(report: &Report) -> String {
    let mut text = head(report);
    text.push_str(&metrics(report));
    text.push('\n');
    text.push_str(&exposure(report));
    let index = index(report);
    if !index.is_empty() {
        text.push('\n');
        text.push_str(&index);
    }
    let differences = differences(report);
    if !differences.is_empty() {
        text.push('\n');
        text.push_str(&differences);
    }
    for part in segments(report) {
        text.push('\n');
        text.push_str(&part);
    }
    for standing in report
        .results
        .iter()
        .filter(|standing| standing.refused > 0)
    {
        let because = standing.refused_because.as_deref().unwrap_or_default();
        let users = counted(standing.refused as u64, "user");
        text.push_str(&format!(
            "\n{} cannot read {users}: {because}",
            standing.name
        ));
    }
    text
}

fn head(report: &Report) -> String {
    let seen = match report.excludes_seen {
        true => "without those that the user had seen",
        false => "also those that the user had seen",
    };
    let outside = match report.outside_catalogue {
        0 => String::new(),
        count => format!(" ({} of them not in the database)", thousands(count as u64)),
    };
    format!(
        "test: {}\n{} of {}{outside}; all {} ranked, {seen}\n\n",
        report.split,
        counted(report.relevant as u64, "item"),
        counted(report.users as u64, "user"),
        counted(report.catalogue as u64, "item"),
    )
}

/// The name of a model; baselines are marked.
fn name(standing: &Standing) -> String {
    match standing.is_baseline {
        true => format!("{} (baseline)", standing.name),
        false => standing.name.clone(),
    }
}

/// The primary metric with its interval, then the others that tell something of their own.
fn metrics(report: &Report) -> String {
    let single = report.relevant == report.users;
    // With one item for each user, these equal others.
    let equal = |name: &str| single && (name.starts_with("recall@") || name.starts_with("map@"));
    let first = report.results.first();
    let names = first.into_iter().flat_map(|standing| &standing.metrics.0);
    let names = names.map(|(name, _)| name.as_str());
    let others = names.filter(|name| {
        let shown = ["hit@", "recall@", "ndcg@", "mrr@", "map@"];
        shown.iter().any(|prefix| name.starts_with(prefix))
            && *name != report.primary
            && !equal(name)
    });
    let others: Vec<&str> = others.collect();
    let mut columns = vec![
        String::new(),
        format!(">{}", report.primary),
        interval_name(report),
    ];
    columns.extend(others.iter().map(|name| format!(">{name}")));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&columns);
    for standing in &report.results {
        let metric = |name: &str| standing.metrics.get(name).unwrap_or_default();
        let primary = metric(&report.primary);
        let mut row = vec![name(standing), number(primary.value), interval(primary)];
        row.extend(others.iter().map(|name| number(metric(name).value)));
        table.row(row);
    }
    table.render()
}

/// What is shown, whether or not it is relevant.
fn exposure(report: &Report) -> String {
    let is_exposure = |name: &str| name.starts_with("novelty@") || name.starts_with("popularity_");
    let first = report.results.first();
    let names = first.into_iter().flat_map(|standing| &standing.metrics.0);
    let names = names.filter(|(name, _)| is_exposure(name));
    let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    let mut columns = vec![
        String::new(),
        ">coverage".to_owned(),
        ">popularity lift".to_owned(),
    ];
    columns.extend(
        names
            .iter()
            .map(|name| format!(">{}", name.replace('_', " "))),
    );
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&columns);
    for standing in &report.results {
        let lift = standing
            .popularity_lift
            .map(|lift| format!("{:+.1} %", 100.0 * lift));
        let mut row = vec![
            name(standing),
            format!("{:.1} %", 100.0 * standing.coverage),
            lift.unwrap_or_default(),
        ];
        let metrics = names
            .iter()
            .map(|name| standing.metrics.get(name).unwrap_or_default());
        row.extend(metrics.map(|estimate| number(estimate.value)));
        table.row(row);
    }
    table.render()
}

/// What indexes lose of the exact search.
fn index(report: &Report) -> String {
    let models = report.results.iter();
    let indexes = models.filter_map(|standing| Some((standing, standing.index.as_ref()?)));
    let indexes: Vec<_> = indexes.collect();
    let Some((_, first)) = indexes.first() else {
        return String::new();
    };
    let mut columns = vec!["index of".to_owned()];
    columns.extend(
        first
            .of_exact
            .0
            .iter()
            .map(|(name, _)| format!(">{name} of exact")),
    );
    columns.push(format!(">{}", report.primary));
    columns.extend([">less than exact".to_owned(), interval_name(report)]);
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&columns);
    for (standing, index) in indexes {
        let found = index
            .of_exact
            .0
            .iter()
            .map(|(_, estimate)| number(estimate.value));
        let mut row: Vec<String> = [standing.name.clone()].into_iter().chain(found).collect();
        let served = index.metrics.get(&report.primary).unwrap_or_default();
        row.push(number(served.value));
        row.push(signed(index.loss.difference.value));
        row.push(signed_interval(index.loss.difference));
        table.row(row);
    }
    table.render()
}

/// Paired differences of the primary metric.
fn differences(report: &Report) -> String {
    let differences = report.differences.iter();
    let mut primary = differences
        .filter(|difference| difference.metric == report.primary)
        .peekable();
    if primary.peek().is_none() {
        return String::new();
    }
    let (metric, interval) = (format!(">{}", report.primary), interval_name(report));
    let mut table = Table::new(&["difference, paired", "", &metric, &interval, ">p"]);
    for difference in primary {
        let found = difference.found;
        table.row([
            difference.first.clone(),
            format!("- {}", difference.second),
            signed(found.difference.value),
            signed_interval(found.difference),
            format!("{:.4}", found.p_value),
        ]);
    }
    table.render()
}

/// The primary metric in segments: a table for each criterion with more than one.
fn segments(report: &Report) -> Vec<String> {
    let parted = report.segments.iter().filter(|of| of.segments.len() > 1);
    let tables = parted.map(|of| {
        let counts = if of.of_items { ">items" } else { ">users" };
        let by = format!("{} by {}", report.primary, of.by);
        let mut columns = vec![by, counts.to_owned()];
        columns.extend(
            report
                .results
                .iter()
                .map(|standing| format!(">{}", standing.name)),
        );
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = Table::new(&columns);
        for segment in &of.segments {
            let mut row = vec![segment.of.to_string(), thousands(segment.count as u64)];
            let metrics = segment
                .results
                .iter()
                .map(|result| result.metrics.get(&report.primary));
            row.extend(metrics.map(|estimate| number(estimate.unwrap_or_default().value)));
            table.row(row);
        }
        table.render()
    });
    tables.collect()
}

/// The head of a column of intervals.
fn interval_name(report: &Report) -> String {
    format!("{} % interval", report.confidence * 100.0)
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn signed(value: f64) -> String {
    format!("{value:+.4}")
}

fn interval(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "-".to_owned(),
    }
}

fn signed_interval(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:+.4} to {high:+.4}"),
        _ => "-".to_owned(),
    }
}
