//! What the shop keeps in its cache: names and values that follow from a number, so that
//! ten thousand entries cost their names and no more.

use crate::sim::world::pod::fnv;

/// Entries by family; sessions and product pages are most of it.
const SESSIONS: u32 = 7_000;
pub const PRODUCTS: u32 = 4_000;
const CARTS: u32 = 1_400;
/// What deploys and jobs have put there for good.
const LASTING: [(&str, &str); 6] = [
    ("feature:checkout-v2", "on"),
    ("feature:recommendations", "on"),
    ("config:currency", "EUR"),
    ("config:free-shipping-from-cents", "5000"),
    ("schema:product", "3"),
    ("import:catalog:last-run", "done"),
];

const SESSION_TTL_MS: i64 = 1_800_000;
/// `CACHE_TTL_SECONDS` of the api.
const PRODUCT_TTL_MS: i64 = 300_000;
const CART_TTL_MS: i64 = 7 * 86_400_000;

const ADJECTIVES: [&str; 8] = ["Linen", "Wool", "Denim", "Canvas", "Silk", "Cotton", "Leather", "Corduroy"];
const THINGS: [&str; 8] = ["shirt", "coat", "scarf", "bag", "belt", "dress", "jacket", "cap"];

/// A value as Redis types it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Vec<u8>),
    Hash(Vec<(String, String)>),
}

impl Value {
    /// As `TYPE` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Hash(_) => "hash",
        }
    }

    /// Bytes of the content.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Hash(fields) => fields.iter().map(|(k, v)| k.len() + v.len()).sum(),
        }
    }
}

/// The names, and where each stands in the order of a scan.
pub struct Catalogue {
    seed: u64,
    names: Vec<Box<str>>,
    by_slot: Vec<(u64, u32)>,
}

/// Where a key stands in the order of a scan: never 0, which is the end.
pub fn slot(key: &[u8]) -> u64 {
    let hash =
        key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    (mix(hash) >> 16) + 1
}

/// SplitMix64's last step: spreads a number over all bits.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Catalogue {
    pub fn new(seed: u64) -> Self {
        let session = |i: u32| format!("session:{:016x}", mix(seed ^ (u64::from(i) + 1)));
        let names: Vec<Box<str>> = (0..PRODUCTS)
            .map(|i| format!("product:{}", 1_000 + i))
            .chain((0..SESSIONS).map(session))
            .chain((0..CARTS).map(|i| {
                format!("cart:{}", 50_000 + mix(seed ^ u64::from(i)) % 900_000 * 10_000 + u64::from(i))
            }))
            .chain(LASTING.iter().map(|(name, _)| (*name).to_owned()))
            .map(String::into_boxed_str)
            .collect();
        let mut by_slot: Vec<(u64, u32)> =
            names.iter().zip(0..).map(|(name, i)| (slot(name.as_bytes()), i)).collect();
        by_slot.sort_unstable();
        Self { seed, names, by_slot }
    }

    pub fn size(&self) -> u32 {
        self.names.len() as u32
    }

    pub fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map(|n| &**n).unwrap_or_default()
    }

    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let slot = slot(key);
        self.from_slot(slot)
            .take_while(|(s, _)| *s == slot)
            .map(|(_, i)| i)
            .find(|i| self.name(*i).as_bytes() == key)
    }

    /// Slots and indices from a slot on, in order.
    pub fn from_slot(&self, slot: u64) -> impl Iterator<Item = (u64, u32)> {
        let start = self.by_slot.partition_point(|(s, _)| *s < slot);
        self.by_slot.iter().skip(start).copied()
    }

    /// Whether an entry holds a product, which is what a wrong import overwrites.
    pub fn is_product(index: u32) -> bool {
        index < PRODUCTS
    }

    /// A number in 0..1 of its own for each entry.
    pub fn share(&self, index: u32) -> f64 {
        (mix(self.seed.rotate_left(9) ^ u64::from(index)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How long an entry lives after it was written; `None`: for ever.
    pub fn ttl_ms(index: u32) -> Option<i64> {
        match index {
            i if i < PRODUCTS => Some(PRODUCT_TTL_MS),
            i if i < PRODUCTS + SESSIONS => Some(SESSION_TTL_MS),
            i if i < PRODUCTS + SESSIONS + CARTS => Some(CART_TTL_MS),
            _ => None,
        }
    }

    pub fn value(&self, index: u32) -> Value {
        let dice = mix(fnv(self.name(index)) ^ self.seed);
        let field = |k: &str, v: String| (k.to_owned(), v);
        match index {
            i if i < PRODUCTS => Value::Text(product(i, dice).into_bytes()),
            i if i < PRODUCTS + SESSIONS => Value::Hash(vec![
                field("user", (dice % 900_000).to_string()),
                field("csrf", format!("{:016x}", mix(dice))),
                field("locale", ["de-DE", "en-GB", "fr-FR"][(dice >> 40) as usize % 3].to_owned()),
            ]),
            i if i < PRODUCTS + SESSIONS + CARTS => Value::Hash(
                (0..1 + dice % 4)
                    .map(|n| {
                        field(
                            &format!("product:{}", 1_000 + mix(dice ^ n) % u64::from(PRODUCTS)),
                            (1 + mix(n) % 3).to_string(),
                        )
                    })
                    .collect(),
            ),
            i => {
                let at = (i - PRODUCTS - SESSIONS - CARTS) as usize;
                Value::Text(LASTING.get(at).map(|(_, v)| v.as_bytes().to_vec()).unwrap_or_default())
            }
        }
    }

    /// A product as the batch job wrote it: PHP's `serialize`, where the api reads JSON.
    pub fn broken(&self, index: u32) -> Value {
        let name = product_name(mix(fnv(self.name(index)) ^ self.seed));
        let id = 1_000 + index;
        let text = format!(
            "a:4:{{s:1:\"v\";i:2;s:2:\"id\";i:{id};s:4:\"name\";s:{}:\"{name}\";s:6:\"writer\";s:13:\"catalog-batch\";}}",
            name.len()
        );
        Value::Text(text.into_bytes())
    }
}

fn product_name(dice: u64) -> String {
    format!("{} {}", ADJECTIVES[(dice >> 8) as usize % 8], THINGS[(dice >> 16) as usize % 8])
}

fn product(index: u32, dice: u64) -> String {
    let price = 990 + dice % 200 * 100;
    format!(
        "{{\"v\":3,\"id\":{},\"name\":\"{}\",\"price_cents\":{price},\"stock\":{}}}",
        1_000 + index,
        product_name(dice),
        (dice >> 24) % 90
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_there_is_each_once() {
        let catalogue = Catalogue::new(7);
        assert!(catalogue.size() > 10_000);
        for i in 0..catalogue.size() {
            assert_eq!(catalogue.find(catalogue.name(i).as_bytes()), Some(i), "{}", catalogue.name(i));
        }
        assert_eq!(catalogue.find(b"product:1"), None);
        assert_eq!(catalogue.from_slot(0).count(), catalogue.size() as usize);
    }

    #[test]
    fn a_broken_product_is_no_json_and_a_good_one_is() {
        let catalogue = Catalogue::new(7);
        let Value::Text(good) = catalogue.value(42) else { panic!("a product is text") };
        let good: serde_json::Value = serde_json::from_slice(&good).unwrap();
        assert_eq!((good["id"].as_i64(), good["v"].as_i64()), (Some(1042), Some(3)));
        let Value::Text(broken) = catalogue.broken(42) else { panic!("a product is text") };
        assert!(serde_json::from_slice::<serde_json::Value>(&broken).is_err());
        assert!(String::from_utf8(broken).unwrap().contains("i:1042"));
    }
}
