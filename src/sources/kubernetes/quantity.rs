//! Kubernetes quantities: '250m', '1.5Gi', '1e3'.

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::meta::or_default;
use crate::model::pod::Resources;

/// `requests`, `limits`, `allocatable` or `usage`.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(default)]
pub struct Amounts {
    #[serde(deserialize_with = "or_default")]
    cpu: Quantity,
    #[serde(deserialize_with = "or_default")]
    memory: Quantity,
}

impl Amounts {
    pub fn resources(&self) -> Resources {
        Resources { cpu_millicores: self.cpu.millis(), memory_bytes: self.memory.whole() }
    }
}

/// A value as `f64`: exact up to 2^53, which is 8 PiB of memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, PartialOrd)]
pub struct Quantity(f64);

impl Quantity {
    /// None for what is no quantity.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let number: f64 = number.parse().ok()?;
        let factor = match suffix {
            "" => 1.0,
            "n" => 1e-9,
            "u" => 1e-6,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "E" => 1e18,
            "Ki" => 1024_f64,
            "Mi" => 1024_f64.powi(2),
            "Gi" => 1024_f64.powi(3),
            "Ti" => 1024_f64.powi(4),
            "Pi" => 1024_f64.powi(5),
            "Ei" => 1024_f64.powi(6),
            exponent => {
                let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
                10_f64.powi(power.clamp(-30, 30))
            }
        };
        Some(Self(number * factor))
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0.0
    }

    /// Rounded up, as the scheduler does.
    fn millis(self) -> u32 {
        // Saturating casts; the small step back keeps 0.1 × 1000 from becoming 101.
        (self.0 * 1000.0 - 1e-6).ceil().max(0.0) as u32
    }

    fn whole(self) -> u64 {
        (self.0 - 1e-6).ceil().max(0.0) as u64
    }
}

/// A string, or a bare number as YAML allows; what is neither counts as not set.
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Quantity;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a quantity")
    }

    fn visit_str<E>(self, text: &str) -> Result<Quantity, E> {
        Ok(Quantity::parse(text).unwrap_or_default())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
        Ok(Quantity(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
        Ok(Quantity(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Quantity, E> {
        Ok(Quantity(number as f64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Quantity, E> {
        Ok(Quantity::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Quantity, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Quantity::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Quantity, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Quantity::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for (text, millis, whole) in [
            ("100m", 100, 1),
            ("1", 1000, 1),
            ("0.1", 100, 1),
            ("2.5", 2500, 3),
            ("123456789n", 124, 1),
            ("250u", 1, 1),
            ("1e3", 1_000_000, 1000),
            ("0", 0, 0),
        ] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!((quantity.millis(), quantity.whole()), (millis, whole), "{text}");
        }
        for (text, whole) in
            [("128Mi", 134_217_728), ("1.5Gi", 1_610_612_736), ("129M", 129_000_000), ("16Ki", 16_384)]
        {
            assert_eq!(Quantity::parse(text).unwrap().whole(), whole, "{text}");
        }
        for text in ["", "m", "1x", "abc", "1Mii", "--1"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
        assert_eq!(Quantity::parse("-5").unwrap().whole(), 0);
    }

    proptest! {
        #[test]
        fn anything_is_survived(text in "\\PC{0,20}|[0-9.eE+-]{0,12}[a-zA-Z]{0,3}") {
            if let Some(quantity) = Quantity::parse(&text) {
                quantity.millis();
                quantity.whole();
            }
        }
    }
}
