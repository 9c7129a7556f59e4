/// The program that is measured: what was built with the benchmark, or another build.
pub fn program() -> String {
    std::env::var("MIDWATCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_midwatch").to_owned())
}
