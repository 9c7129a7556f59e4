use std::sync::LazyLock;

/// The program that is tested or measured: the one that was built with this, or another build, whose path
/// MIDWATCH_PROGRAM has.
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let Some(other) = std::env::var_os("MIDWATCH_PROGRAM") else {
            return env!("CARGO_BIN_EXE_midwatch").to_owned();
        };
        // It is started in other directories than this.
        std::path::absolute(other).unwrap().into_os_string().into_string().unwrap()
    });
    &PROGRAM
}
