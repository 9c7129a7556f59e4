//! INFO, as far as it is looked at: `name:value` lines under `# Section` headers.
//! https://redis.io/docs/latest/commands/info/

use std::collections::HashMap;

/// A server with modules has a few hundred lines.
const MOST_LINES: usize = 2_000;

/// What INFO says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(HashMap<String, String>);

impl Info {
    /// Lines that are none are left out; of two of the same name the first counts.
    pub fn parse(text: &str) -> Self {
        let mut all = HashMap::new();
        for line in text.lines().take(MOST_LINES) {
            if let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.starts_with('#')) {
                all.entry(name.to_owned()).or_insert_with(|| value.trim_end().to_owned());
            }
        }
        Self(all)
    }

    /// The value, where it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The value, where it is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// '1' and '0'; None where it does not say.
    pub fn flag(&self, name: &str) -> Option<bool> {
        Some(self.text(name)? == "1")
    }

    /// All keys of a database, and those with a TTL. A database without keys has no line.
    pub fn keys(&self, database: u32) -> Option<(u64, u64)> {
        let Some(line) = self.text(&format!("db{database}")) else {
            // Only where the section is there at all; every version writes a role.
            return self.text("role").map(|_| (0, 0));
        };
        let of = |name: &str| {
            line.split(',').find_map(|part| part.split_once('=').filter(|(n, _)| *n == name)?.1.parse().ok())
        };
        Some((of("keys")?, of("expires").unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_become_values() {
        let text = "# Server\r\nredis_version:7.0.15\r\nos:Linux: x\r\nexecutable:\r\n\r\n\
                    # Replication\r\nrole:master\r\n# Keyspace\r\n\
                    db3:keys=120,expires=7,avg_ttl=12,subexpiry=0\r\n";
        let info = Info::parse(text);
        assert_eq!(info.text("redis_version"), Some("7.0.15"));
        assert_eq!(info.text("os"), Some("Linux: x"));
        assert_eq!(info.text("executable"), None);
        assert_eq!((info.keys(3), info.keys(0)), (Some((120, 7)), Some((0, 0))));
        assert_eq!(Info::parse("nothing").keys(0), None);
    }

    proptest! {
        #[test]
        fn hostile_text_is_never_a_panic(text in "(role|db0|:|=|,|keys|expires|-|99999999999999999999|\\PC|\r\n){0,60}") {
            let info = Info::parse(&text);
            let _ = (info.keys(0), info.number("role"), info.flag("db0"));
        }
    }
}
