//! Secrets are named in the configuration, never written in it: a file, a variable, or a command.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Command;

/// A password manager that needs longer waits for someone: there is nobody to answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Tokens are at most a few KiB; more is another file.
const MAX_BYTES: usize = 64 * 1024;

/// Where a secret comes from. Its value is read when it is needed and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Env(String),
    /// An argv; standard output without the last newline is the secret.
    Command(Vec<String>),
}

/// Why a secret could not be had. Never holds any part of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("read the secret file {path}: {source}; check the path and its permissions", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the variable {0} is not set, or not UTF-8; set it before midwatch starts")]
    Env(String),
    #[error("run '{program}' for a secret: {source}; check that it is installed and on the PATH")]
    Start { program: String, source: std::io::Error },
    #[error("'{program}' ended with {status}: {stderr}; run it by hand to see why")]
    Exit { program: String, status: String, stderr: String },
    #[error(
        "'{program}' gave no secret within {} s; it may be waiting for input, which it can't have here",
        COMMAND_TIMEOUT.as_secs()
    )]
    Timeout { program: String },
    #[error("the secret from {0} is {1}; check what is in it")]
    Unusable(String, &'static str),
}

/// The place only: a command's arguments may hold what should not be logged.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl SecretSource {
    /// Where it comes from, in words without its value.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Env(name) => format!("variable {name}"),
            Self::Command(argv) => format!("command {}", argv.first().map_or("(empty)", String::as_str)),
        }
    }

    pub async fn read(&self) -> Result<SecretString, SecretError> {
        let bytes = match self {
            Self::File(path) => {
                std::fs::read(path).map_err(|source| SecretError::File { path: path.clone(), source })?
            }
            Self::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?.into_bytes(),
            Self::Command(argv) => run(argv).await?,
        };
        let unusable = |why| SecretError::Unusable(self.describe(), why);
        if bytes.len() > MAX_BYTES {
            return Err(unusable("too large"));
        }
        let text = String::from_utf8(bytes).map_err(|_| unusable("not UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(unusable("empty"));
        }
        Ok(SecretString::from(text))
    }
}

/// Without a shell, without standard input; what it writes on stderr goes into the error.
async fn run(argv: &[String]) -> Result<Vec<u8>, SecretError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(SecretError::Unusable("an empty command".into(), "not to be had"));
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let program = program.clone();
    match tokio::time::timeout(COMMAND_TIMEOUT, output).await {
        Err(_) => Err(SecretError::Timeout { program }),
        Ok(Err(source)) => Err(SecretError::Start { program, source }),
        Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
        Ok(Ok(output)) => {
            let stderr: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect();
            Err(SecretError::Exit { program, status: output.status.to_string(), stderr })
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn command(script: &str) -> SecretSource {
        SecretSource::Command(["sh", "-c", script].map(String::from).to_vec())
    }

    #[tokio::test]
    async fn each_source_gives_its_secret_without_the_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        assert_eq!(SecretSource::File(path).read().await.unwrap().expose_secret(), "s3cret");
        assert_eq!(command("printf 'two words\\r\\n'").read().await.unwrap().expose_secret(), "two words");
        let from_env = SecretSource::Env("PATH".into()).read().await.unwrap();
        assert_eq!(from_env.expose_secret(), std::env::var("PATH").unwrap());
    }

    #[tokio::test]
    async fn a_failing_command_tells_its_stderr_and_never_its_stdout() {
        let error = command("echo hunter2; echo vault is sealed >&2; exit 3").read().await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("vault is sealed") && text.contains("exit status: 3"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_configuration_s_debug_output_holds_no_secret() {
        let text = "[prometheus]\nurl = 'https://p'\nbearer = { command = ['vault', '--token=hunter2'] }";
        let config = crate::config::Config::parse(text, std::path::Path::new("m.toml")).unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("command vault") && !shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn standard_input_is_closed() {
        assert!(matches!(command("read x && echo $x").read().await, Err(SecretError::Exit { .. })));
    }

    #[tokio::test]
    async fn what_can_t_be_had_says_where_it_was_looked_for() {
        let missing = SecretSource::Env("MIDWATCH_NOT_SET".into()).read().await.unwrap_err();
        assert!(missing.to_string().contains("MIDWATCH_NOT_SET"));
        let missing = SecretSource::Command(vec!["midwatch-no-such".into()]).read().await.unwrap_err();
        assert!(matches!(missing, SecretError::Start { .. }));
        assert!(matches!(command("true").read().await, Err(SecretError::Unusable(..))));
    }
}
