//! The figures as a picture: bars for throughput, marks on a logarithmic axis for latency.

use core::fmt::Write;

use super::Row;

const WIDTH: u64 = 1000;
const LEFT: u64 = 320;
const BAR: u64 = 230;
const GAP: u64 = 60;
const LINE: u64 = 26;
const TOP: u64 = 64;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Place of a time on the axis, in pixels: 1 ms at 0, each factor of ten a further 90. Between powers of ten it is straight
/// in the leading digits, which is near enough to a logarithm for a picture and needs no floating point.
fn place(nanos: u64) -> u64 {
    const DECADE: u64 = 90;
    let micros = (nanos / 1_000).max(1_000);
    let (mut low, mut decades) = (1_000, 0);
    while micros >= low * 10 {
        low *= 10;
        decades += 1;
    }
    // log10 of 1, 2, ... 10, in thousandths.
    const LOG: [u64; 10] = [0, 301, 477, 602, 699, 778, 845, 903, 954, 1000];
    let digit = micros / low;
    let (from, to) = (LOG[digit as usize - 1], LOG[digit as usize]);
    let within = from + (to - from) * (micros - digit * low) / low;
    decades * DECADE + within * DECADE / 1000
}

/// The picture, as an SVG file.
pub fn svg(rows: &[Row]) -> String {
    let height = TOP + LINE * rows.len() as u64 + 60;
    let (second, axis_end) = (LEFT + BAR + GAP, WIDTH - 20);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\"><rect width=\"100%\" height=\"100%\" fill=\"#fbfaf7\"/><g fill=\"#1d2530\">\
         <text x=\"{LEFT}\" y=\"24\" font-weight=\"600\">throughput, relative</text>\
         <text x=\"{second}\" y=\"24\" font-weight=\"600\">latency to a reader: p50 and p99, ms</text></g>"
    );
    let bottom = TOP + LINE * rows.len() as u64;
    for (label, nanos) in [("1", 1_000_000), ("10", 10_000_000), ("100", 100_000_000), ("1,000", 1_000_000_000)] {
        let x = second + place(nanos);
        if x <= axis_end {
            write!(
                out,
                "<line x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#d5d9dd\"/>\
                 <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#66707d\">{label}</text>",
                TOP - 10,
                TOP - 16
            )
            .expect("text grows");
        }
    }
    let most = rows.iter().map(|r| r.relative_permille).max().unwrap_or(0).max(1);
    let mut before = "";
    for (n, row) in rows.iter().enumerate() {
        let y = TOP + LINE * n as u64;
        if n > 0 && row.scenario != before {
            write!(out, "<line x1=\"0\" y1=\"{0}\" x2=\"{WIDTH}\" y2=\"{0}\" stroke=\"#b9c0c8\"/>", y - 3)
                .expect("text grows");
        }
        before = &row.scenario;
        let middle = y + 14;
        let length = (row.relative_permille * (BAR - 20) / most).max(1);
        let share = match row.relative_permille {
            few @ ..100 => format!("{}.{} %", few / 10, few % 10),
            many => format!("{} %", (many + 5) / 10),
        };
        write!(
            out,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#1d2530\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{length}\" height=\"14\" rx=\"2\" fill=\"#0068a8\"/>\
             <text x=\"{}\" y=\"{middle}\" fill=\"#66707d\" font-size=\"11\">{share}</text>",
            LEFT - 10,
            escape(&row.title),
            y + 3,
            LEFT + length + 5
        )
        .expect("text grows");
        for (latency, lift, color) in [(row.uncommitted, 6, "#b86e00"), (row.committed, 14, "#00805c")] {
            let (from, to) = (second + place(latency.p50_ns), second + place(latency.p99_ns));
            let at = y + lift;
            write!(
                out,
                "<line x1=\"{from}\" y1=\"{at}\" x2=\"{to}\" y2=\"{at}\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <circle cx=\"{from}\" cy=\"{at}\" r=\"3.5\" fill=\"{color}\"/>\
                 <circle cx=\"{to}\" cy=\"{at}\" r=\"3\" fill=\"#fbfaf7\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
            )
            .expect("text grows");
        }
    }
    let legend = bottom + 34;
    let mark = |x: u64, color: &str, text: &str| {
        format!(
            "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{color}\"/>\
             <text x=\"{}\" y=\"{legend}\" fill=\"#1d2530\">{text}</text>",
            legend - 4,
            x + 10
        )
    };
    out += &mark(second + 4, "#b86e00", "read_uncommitted");
    out += &mark(second + 164, "#00805c", "read_committed");
    out += &format!("<text x=\"{LEFT}\" y=\"{legend}\" fill=\"#66707d\">full dot p50, hollow p99</text></svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_of_ten_is_the_same_distance_everywhere() {
        let step = |n: u64| place(n * 10) - place(n);
        for nanos in [1_000_000, 2_500_000, 7_000_000, 40_000_000] {
            assert_eq!(step(nanos), 90);
        }
        assert_eq!(place(500), 0, "what is shorter than a millisecond is at the beginning");
    }
}
