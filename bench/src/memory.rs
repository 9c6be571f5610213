//! Peak memory of this process.

/// Largest resident set so far in bytes (`VmHWM`), where the system tells.
pub fn peak() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_read_off_the_status_file() {
        let status = "VmPeak:\t    4000 kB\nVmHWM:\t    1980 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!(super::parse(status), Some(1980 * 1024));
        assert_eq!(super::parse("Name:\tx\n"), None);
    }
}
