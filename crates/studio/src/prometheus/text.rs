//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// A text under construction.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// Begins a family of series. `kind` is `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A sample of the family, `suffix` after its name.
    pub fn sample<'a>(
        &mut self,
        (name, suffix): (&str, &str),
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        self.push(format_args!("{name}{suffix}"));
        let mut separator = '{';
        for (label, value) in labels {
            self.push(format_args!("{separator}{label}=\"{}\"", escaped(value)));
            separator = ',';
        }
        if separator == ',' {
            self.push(format_args!("}}"));
        }
        match value {
            f64::INFINITY => self.push(format_args!(" +Inf\n")),
            f64::NEG_INFINITY => self.push(format_args!(" -Inf\n")),
            value => self.push(format_args!(" {value}\n")),
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.0.write_fmt(arguments);
    }
}

/// A label's value between quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_cannot_end_their_line() {
        let mut text = Text::default();
        text.family("items", "gauge", "All items.\nOf \\ all.");
        text.sample(("items", ""), [("space", "a\"b\\\n"), ("of", "ö")], 2.5);
        text.sample(("items", "_sum"), [], f64::INFINITY);
        let expected = "# HELP items All items.\\nOf \\\\ all.\n# TYPE items gauge\n\
            items{space=\"a\\\"b\\\\\\n\",of=\"ö\"} 2.5\nitems_sum +Inf\n";
        assert_eq!(text.finish(), expected);
    }
}
